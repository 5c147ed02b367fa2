"""Take away the weights of runs that no page draws from: their numbers, histories and sums stay.

    rulebook slim sweep-c9-s6-d64-v100/moving-mnist/laptop/s0

A checkout must stay small enough to clone. A run keeps its metrics, its history and the sha256 of the weights that they
were measured on; it counts as trained and evaluated. Only what is evaluated by the code of today is slimmed, and
nothing that another run starts from. To have weights again, train the run anew under another --root; or, where git
once held them, bring weights.safetensors and manifest.json back from the commit before, evaluate, and slim once more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation import is_fresh
from rulebook.training.faults import Fault, shown
from rulebook.training.runfolder import WEIGHTS, check_manifest, drop_weights, weights_dropped


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook slim", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", help="names of runs: variant/world/profile/s<seed>")
    parser.add_argument("--root", type=Path, default=Path("results/runs"), help="folder of all runs")
    options = parser.parse_args(arguments)
    for name in options.runs:
        insist_on_spare(name, options.root)
    for name in options.runs:
        if weights_dropped(options.root / name):
            print(f"{name} has no weights any more")
        else:
            print(f"{name}: {drop_weights(options.root / name) / 1e6:.1f} MB of weights dropped")
    return 0


def insist_on_spare(name: str, root: Path) -> None:
    """Refuse where weights are still needed, before anything is taken away."""
    folder = root / name
    if weights_dropped(folder):
        return
    if not (folder / WEIGHTS).exists():
        raise Fault(f"There is no trained run '{name}' in {shown(root)} (see 'rulebook runs').")
    heirs = [run.name for run in CATALOGUE.runs() if run.start_from == name]
    if heirs:
        raise Fault(f"{heirs[0]} starts from the weights of {name}: nothing was dropped.")
    wrong = check_manifest(folder)
    if wrong:
        raise Fault(f"{wrong[0]} Restore it with 'git checkout': nothing was dropped.")
    if not is_fresh(folder):
        raise Fault(f"{name} has no numbers by the code of today: call 'rulebook evaluate {name}' first.")
