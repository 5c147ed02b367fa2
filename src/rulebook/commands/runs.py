"""List every training run of the catalogue: what needs it, what it costs, and how far it is.

rulebook runs
rulebook runs --profile laptop --missing
rulebook runs --root data/runs
rulebook runs --json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rulebook.catalogue import CATALOGUE
from rulebook.results import Results, Run
from rulebook.training.config import PROFILES
from rulebook.training.faults import Fault


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook runs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--profile", choices=PROFILES, help="only the runs of this profile")
    parser.add_argument("--missing", action="store_true", help="only runs that are not trained")
    parser.add_argument("--root", type=Path, help="folder of all runs (default: results/runs of the project)")
    options = parser.parse_args(arguments)
    if options.root is not None and not options.root.is_dir():
        raise Fault(f"There is no folder {options.root}: give the --root that the runs were trained under.")
    rows = [row for row in listing(Results(runs=options.root)) if options.profile in (None, row["profile"])]
    if options.missing:
        rows = [row for row in rows if row["status"] in ("missing", "begun", "broken")]
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        numbers_alone = row["status"] == "evaluated" and not row["weights"]
        print(f"{row['run']:44} {row['status']:10} {row['cost']}{'; weights not kept' if numbers_alone else ''}")
    return 0


def listing(results: Results) -> list[dict[str, Any]]:
    """What ``rulebook runs --json`` prints."""
    folders = {run.name: run for run in results.all}
    rows = []
    for config in CATALOGUE.runs():
        entry = CATALOGUE.entries[f"{config.variant}/{config.world_name}"]
        rows.append(
            {
                "run": config.name,
                "experiment": config.experiment,
                "model": config.variant,
                "world": config.world_name,
                "profile": config.profile,
                "seed": config.seed,
                "needed_by": list(entry.needed_by),
                "status": status(folders.get(config.name)),
                "weights": config.name in folders and folders[config.name].has_weights,
                "cost": entry.recipes[config.profile].cost,
            }
        )
    return rows


def status(run: Run | None) -> str:
    """'missing', 'begun' (settings, no weights yet), 'broken' (its loss was no number), 'trained' or 'evaluated'."""
    if run is None:
        return "missing"
    if not run.finished:
        return "broken" if run.broken else "begun"
    return "evaluated" if run.metrics else "trained"
