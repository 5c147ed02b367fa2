"""Take away the weights of runs whose numbers are enough: those, their histories and their sums stay.

    rulebook slim sweep-c9-s6-d64-v100/moving-mnist/laptop/s0

A checkout must stay small enough to clone. A run keeps its metrics, its history and the sha256 of the weights that they
were measured on; it counts as trained and evaluated. Only what is evaluated by the code of today is slimmed, and
nothing that another run starts from, nor, without --numbers-only, what a page reads. To have weights again, train the
run anew under another --root; or, where git once held them, bring weights.safetensors and manifest.json back from the
commit before, evaluate, and slim once more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation import is_fresh
from rulebook.publishing.notebooks import read_source, sources
from rulebook.results import project_root, runs_root
from rulebook.training.faults import Fault, shown
from rulebook.training.runfolder import WEIGHTS, check_manifest, drop_weights, weights_dropped


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook slim", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", help="names of runs: variant/world/profile/s<seed>")
    parser.add_argument("--root", type=Path, help="folder of all runs (default: results/runs of the project)")
    parser.add_argument("--numbers-only", action="store_true", help="the pages that name these runs read numbers alone")
    options = parser.parse_args(arguments)
    root = runs_root(options.root)
    for name in options.runs:
        insist_on_spare(name, root, options.numbers_only)
    for name in options.runs:
        if weights_dropped(root / name):
            print(f"{name} has no weights any more")
        else:
            print(f"{name}: {drop_weights(root / name) / 1e6:.1f} MB of weights dropped")
    return 0


def insist_on_spare(name: str, root: Path, numbers_only: bool) -> None:
    """Refuse where weights are still needed, before anything is taken away."""
    folder = root / name
    if weights_dropped(folder):
        return
    if not (folder / WEIGHTS).exists():
        raise Fault(f"There is no trained run '{name}' in {shown(root)} (see 'rulebook runs').")
    entry = "/".join(name.split("/")[:2])
    heirs = [other for other, one in CATALOGUE.entries.items() if one.start_from == entry]
    if heirs:
        raise Fault(f"{heirs[0]} starts from the weights of {entry}: nothing was dropped.")
    pages = [page for page in sources(project_root()) if entry in read_source(page, project_root()).reads]
    if pages and not numbers_only:
        raise Fault(
            f"{pages[0]} reads {entry}. If it draws from weights, it could not be executed any more; if it reads "
            f"numbers alone, say --numbers-only. Nothing was dropped."
        )
    wrong = check_manifest(folder)
    if wrong:
        raise Fault(f"{wrong[0]} Restore it with 'git checkout': nothing was dropped.")
    if not is_fresh(folder):
        raise Fault(f"{name} has no numbers by the code of today: call 'rulebook evaluate {name}' first.")
