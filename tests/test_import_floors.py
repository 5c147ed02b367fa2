"""The house stands on floors: a file imports only from those below its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [str(program), "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_no_file_imports_upwards(repository):
    done = lint(repository)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "culprit"),
    [
        ("clips.py", "from rulebook.worlds.base import World", "rulebook.clips -> rulebook.worlds.base"),
        ("models/base.py", "import rulebook.training.loop", "rulebook.models.base -> rulebook.training.loop"),
        ("layers/positions.py", "import pandas", "pandas"),
    ],
)
def test_an_upward_import_is_found(repository, tmp_path, file, line, culprit):
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(repository / "pyproject.toml", tmp_path)
    path = tmp_path / "src" / "rulebook" / file
    path.write_text(f"{path.read_text()}\n\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert culprit in done.stdout


BARE = """
import sys
for name in ("matplotlib", "pandas", "scipy", "seaborn", "sklearn", "IPython", "papermill", "jupytext", "snakemake"):
    sys.modules[name] = None
import rulebook.commands.train, rulebook.commands.paper, rulebook.commands.import_runs
from rulebook.catalogue import CATALOGUE
from rulebook.evaluation.looks import look_of
for entry in CATALOGUE.entries.values():
    look_of(entry.run("smoke", 0))
from rulebook.cli import main
assert main(["runs", "--profile", "laptop"]) == 0
assert main(["claims"]) == 1
"""


def test_training_commands_start_on_a_bare_server(repository):
    """Only torch, numpy, einops, safetensors and the packages of the settings are there."""
    environment = {**os.environ, "PYTHONPATH": str(repository / "src")}
    done = subprocess.run([sys.executable, "-c", BARE], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "slot-ae/atomic/laptop/s0" in done.stdout
    assert done.stderr.startswith("'rulebook claims' needs scipy, which is not installed here: 'make book' makes")
