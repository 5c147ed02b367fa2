"""The strict build: from an empty folder, because incremental builds hide warnings; any warning is an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rulebook.training.faults import Fault

LEFT_OVERS = ("html", ".doctrees", ".jupyter_cache", "jupyter_execute")


def build(root: Path) -> Path:
    """Build the book into _build/html and return its first page."""
    target = root / "_build"
    program = Path(sys.executable).with_name("jupyter-book")
    if not program.exists():
        raise Fault(
            f"jupyter-book is not installed beside {Path(sys.executable).name}: 'make book' makes an environment that "
            f"has it, or install the packages of the book with pip install '.[book]'."
        )
    for name in LEFT_OVERS:
        shutil.rmtree(target / name, ignore_errors=True)
    command = [str(program), "build", "book", "-W", "--keep-going", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "RULEBOOK_ROOT": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    page = target / "html" / "index.html"
    if done.returncode or not page.exists():
        told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip(" =\x1b[]0123456789m")]
        raise Fault("The book does not build without warnings:\n" + "\n".join(told[-30:]))
    return page
