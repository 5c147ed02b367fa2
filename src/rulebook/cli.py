"""The command line: finds the command's file, calls it, and turns faults into one sentence and an exit code."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

from rulebook.registry import suggestion

FOLDER = Path(__file__).parent / "commands"


def commands() -> dict[str, Path]:
    """Every command's name and file."""
    files = sorted(path for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    return {path.stem.split("_")[0]: path for path in files}


def overview() -> str:
    """What ``rulebook --help`` prints; reads the commands' docstrings without importing them."""
    lines = ["Rulebook: a living replication of modular, object-centric video prediction.", ""]
    lines += ["usage: rulebook COMMAND ...    (rulebook COMMAND --help shows an example)", ""]
    for name, path in commands().items():
        first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        lines.append(f"  {name:10} {first}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    name, *rest = arguments
    known = commands()
    if name not in known:
        print(f"There is no command '{name}'{suggestion(name, known)}.", file=sys.stderr)
        return 2
    try:
        return call(known[name].stem, rest)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "rulebook"):
            raise
        print(
            f"'rulebook {name}' needs {missing}, which is not installed here: 'make book' makes an environment that "
            f"has it, or use pip install '.[book]'.",
            file=sys.stderr,
        )
        return 1


def call(stem: str, rest: list[str]) -> int:
    """Call a command; what a person can mend ends in one sentence."""
    command = importlib.import_module(f"rulebook.commands.{stem}")
    from rulebook.training.faults import Fault  # torch takes seconds to import, and --help needs none of it
    from rulebook.worlds.datafiles import DataError

    try:
        return int(command.main(rest) or 0)
    except Fault as fault:
        if str(fault):
            print(fault, file=sys.stderr)
        return fault.code
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has gone: nothing more to say
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
