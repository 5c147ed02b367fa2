"""Evaluate trained runs on their test clips: write metrics.json where it is missing or stale.

rulebook evaluate slot-ae/atomic/laptop/s0
rulebook evaluate --all
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation import evaluate_run, is_fresh
from rulebook.evaluation.evaluate import ANEW
from rulebook.registry import suggestion
from rulebook.results import runs_root
from rulebook.training.faults import Fault, shown
from rulebook.training.runfolder import CONFIG, WEIGHTS, weights_dropped


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", help="names of runs: variant/world/profile/s<seed>")
    parser.add_argument(
        "--all", action="store_true", help="every trained run of the catalogue's entries but smoke runs"
    )
    parser.add_argument("--force", action="store_true", help="evaluate even what is fresh")
    parser.add_argument("--root", type=Path, help="folder of all runs (default: results/runs of the project)")
    options = parser.parse_args(arguments)
    root = runs_root(options.root)
    if not options.runs and not options.all:
        raise Fault("Say which runs to evaluate, or --all ('rulebook runs' lists them).")
    there = trained(root)
    if not there and not any((root / name).exists() for name in options.runs):
        raise Fault(f"No run is trained in {shown(root)}: name another --root, or train one with 'rulebook train'.")
    names = [*options.runs, *(there if options.all else [])]
    for number, name in enumerate(names, 1):
        folder = root / name
        if weights_dropped(folder):
            print(f"[evaluate {number}/{len(names)}] {name} {numbers_alone(folder)}", flush=True)
            continue
        if not (folder / WEIGHTS).exists() or not (folder / CONFIG).exists():
            hint = suggestion(name, there) if there else ""
            raise Fault(f"There is no trained run '{name}' in {shown(root)}{hint} (see 'rulebook runs').")
        if not options.force and is_fresh(folder):
            print(f"[evaluate {number}/{len(names)}] {name} is fresh", flush=True)
            continue
        begin = time.monotonic()
        found = evaluate_run(folder)["metrics"]
        took = time.monotonic() - begin
        print(f"[evaluate {number}/{len(names)}] {name}: {len(found)} numbers in {took:.0f} s", flush=True)
    return 0


def trained(root: Path) -> list[str]:
    """Runs of the catalogue's entries whose weights are there, or were dropped, whatever their seeds."""
    return [
        name for name in CATALOGUE.folders(root) if (root / name / WEIGHTS).exists() or weights_dropped(root / name)
    ]


def numbers_alone(folder: Path) -> str:
    """What there is to say of a run whose weights were dropped."""
    if is_fresh(folder):
        return "is fresh (its weights were dropped)"
    return f"keeps the numbers that earlier code measured, as its weights were dropped: {ANEW}"
