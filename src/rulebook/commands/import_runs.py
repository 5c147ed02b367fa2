"""File the runs of archives (made by 'rulebook paper') into the folder of runs.

    rulebook import runs-000.tar runs-001.tar

Every sum is verified before anything is written; unfinished runs in the archives can be gone on with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from rulebook.results import runs_root
from rulebook.training.archives import file_run, read
from rulebook.training.faults import Fault


def main(arguments: list[str]) -> int:
    return tyro.cli(import_archives, args=arguments, prog="rulebook import", description=__doc__)


def import_archives(archives: Annotated[tuple[Path, ...], tyro.conf.Positional], root: Path | None = None) -> int:
    """Verify archives and file their runs.

    Args:
        archives: The archives of one or several deliveries; give all parts of a delivery together.
        root: Folder of all runs; results/runs of the project where none is named.
    """
    if not archives:
        raise Fault("Say which archives to import: 'rulebook paper' makes them (data/archives/*.tar).")
    for run, files in sorted(read(archives).items()):
        print(file_run(runs_root(root), run, files))
    return 0
