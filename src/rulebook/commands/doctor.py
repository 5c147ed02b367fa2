"""Say in plain words what this machine has, whether the shipped weights are whole, and what is missing.

    rulebook doctor
    rulebook doctor --json

Ends with exit code 1 if a file is damaged or there is no folder of runs; a run that is not trained yet is no fault.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json as json_format
import os
from pathlib import Path
from typing import Any

import torch
import tyro

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation import is_fresh
from rulebook.results import runs_root
from rulebook.training.checkpoints import LAST, PREVIOUS
from rulebook.training.config import PROFILES
from rulebook.training.faults import Fault, shown
from rulebook.training.precision import choose_device, rounds_fast
from rulebook.training.provenance import device_name, versions
from rulebook.training.runfolder import (
    BROKEN,
    CONFIG,
    MANIFEST,
    PROVENANCE,
    WEIGHTS,
    check_manifest,
    weights_dropped,
    weights_sum,
)

NEEDED = {
    "training": ("torch", "numpy", "einops", "safetensors", "yaml", "pydantic", "tyro", "tqdm", "jaxtyping"),
    "figures and tables": ("matplotlib", "pandas", "scipy", "seaborn"),
    "the book": ("jupyter_book", "papermill", "jupytext", "nbval", "snakemake"),
}
"""Modules by what cannot be done without them."""
METRICS = "metrics.json"


def main(arguments: list[str]) -> int:
    return tyro.cli(
        doctor, args=arguments, prog="rulebook doctor", description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)
    )


def doctor(root: Path | None = None, json: bool = False) -> int:
    """Examine the machine and the runs.

    Args:
        root: Folder of all runs; results/runs of the project where none is named.
        json: Print the findings as JSON.
    """
    found = examine(runs_root(root))
    print(json_format.dumps(found, indent=2) if json else report(found))
    return 1 if found["damaged"] or found["no_root"] else 0


def examine(root: Path) -> dict[str, Any]:
    """Everything that doctor says, as plain values."""
    device = choose_device("auto")
    marks = (CONFIG, WEIGHTS, MANIFEST, PROVENANCE, METRICS)
    folders = sorted({path.parent for name in marks for path in root.glob(f"*/*/*/*/{name}")})
    begun = {str(folder.relative_to(root)) for folder in folders if is_begun(folder)}
    broken = {name for name in begun if (root / name / BROKEN).exists()}
    finished = {str(folder.relative_to(root)) for folder in folders} - begun
    wanted = {profile: [run.name for run in CATALOGUE.runs(profile)] for profile in PROFILES}
    return {
        "versions": {**versions(), **{name: release(name) for name in ("snakemake", "jupyter-book")}},
        "device": {"type": device.type, "name": device_name(device), "count": max(torch.cuda.device_count(), 1)},
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bfloat16": rounds_fast(device),
        "missing_modules": {use: [name for name in names if not has(name)] for use, names in NEEDED.items()},
        "no_root": "" if root.is_dir() else f"There is no folder {shown(root)}: name the folder of all runs by --root.",
        "runs": sorted(finished),
        "begun": sorted(begun - broken),
        "broken": sorted(broken),
        "numbers_alone": sorted(name for name in finished if weights_dropped(root / name)),
        "stale_numbers": sorted(name for name in finished if weights_dropped(root / name) and is_stale(root / name)),
        "damaged": [sentence for name in sorted(finished) for sentence in faults(root / name)],
        "not_evaluated": sorted(name for name in finished if not (root / name / METRICS).exists()),
        "not_trained": {profile: [n for n in names if n not in finished] for profile, names in wanted.items()},
        "in_catalogue": {profile: len(names) for profile, names in wanted.items()},
    }


def is_begun(folder: Path) -> bool:
    """Whether a run is on its way: it has a checkpoint to go on from, or nothing but settings and history yet."""
    if (folder / PROVENANCE).exists():
        return False
    on_its_way = (folder / LAST).exists() or (folder / PREVIOUS).exists()
    return on_its_way or not any((folder / name).exists() for name in (WEIGHTS, MANIFEST, METRICS))


def is_stale(folder: Path) -> bool:
    """Whether a run without weights has numbers that the code of today might not give."""
    try:
        return (folder / METRICS).exists() and not is_fresh(folder)
    except Fault:
        return False  # damaged files are told of by themselves


def faults(folder: Path) -> list[str]:
    """What is wrong with the files of a finished run, and what to do, one sentence or two each."""
    wrong = check_manifest(folder)
    provenance = read_object(folder / PROVENANCE)
    if provenance is None:
        state = "is damaged" if (folder / PROVENANCE).exists() else "is missing"
        wrong.append(f"{shown(folder / PROVENANCE)} {state}.")
    elif not wrong and provenance.get("weights_sha256") != weights_sum(folder):
        wrong.append(f"{shown(folder / PROVENANCE)} names the sha256 of other weights than {shown(folder / WEIGHTS)}.")
    found = [f"{sentence} Restore it with 'git checkout', or train the run again." for sentence in wrong]
    if weights_dropped(folder) and not (folder / METRICS).exists():
        found.append(f"{shown(folder)} has neither weights nor numbers. Restore them with 'git checkout'.")
    if (folder / METRICS).exists() and not isinstance((read_object(folder / METRICS) or {}).get("metrics"), dict):
        found.append(
            f"{shown(folder / METRICS)} is damaged. Restore it with 'git checkout', or delete it and evaluate the run."
        )
    return found


def read_object(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds, None where it is missing, damaged or no object."""
    try:
        value = json_format.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def release(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def report(found: dict[str, Any]) -> str:
    """The findings as sentences."""
    lines = [
        "Versions: " + ", ".join(f"{name} {value or 'not installed'}" for name, value in found["versions"].items())
    ]
    device = found["device"]
    kind = f"{device['count']} CUDA device(s)" if device["type"] == "cuda" else "no CUDA device, so the CPU"
    lines.append(f"Device: {kind}: {device['name']}; {found['cores']} cores, {found['threads']} thread(s) per process.")
    lines.append(
        "Products in training: "
        + ("in bfloat16 where a recipe allows it." if found["bfloat16"] else "in float32, which is faster here.")
    )
    for use, names in found["missing_modules"].items():
        if names:
            lines.append(
                f"Not installed: {', '.join(names)}; without them {use} cannot be made ('make book' installs all)."
            )
    lines += [found["no_root"]] if found["no_root"] else []
    whole = ", and every file matches its sha256." if found["runs"] else "."
    state = f"; {len(found['damaged'])} fault(s):" if found["damaged"] else whole
    lines.append(f"Weights: {len(found['runs'])} run(s) are shipped or trained here{state}")
    lines += [f"  {sentence}" for sentence in found["damaged"]]
    if found["numbers_alone"]:
        names = found["numbers_alone"]
        lines.append(f"{len(names)} of them keep their numbers alone, without weights ('rulebook slim').")
    if found["stale_numbers"]:
        names = found["stale_numbers"]
        lines.append(
            f"{len(names)} of those were measured by earlier code; first: {names[0]}. 'rulebook slim --help' says how "
            f"to measure them anew."
        )
    if found["begun"]:
        names = found["begun"]
        lines.append(f"{len(names)} run(s) are begun and go on with 'rulebook train'; first: {names[0]}.")
    if found["broken"]:
        names = found["broken"]
        lines.append(f"{len(names)} run(s) broke off, as a loss or weight was no number; first: {names[0]}.")
    for profile, names in found["not_trained"].items():
        total = found["in_catalogue"][profile]
        if profile == "smoke":
            continue  # for tests only: nothing waits for these runs
        state = f"{total - len(names)} of {total} runs are trained"
        lines.append(f"Profile {profile}: {state}" + (f"; the first that is missing: {names[0]}." if names else "."))
    if found["not_evaluated"]:
        names = found["not_evaluated"]
        lines.append(f"{len(names)} run(s) have weights but no metrics ('rulebook evaluate'); first: {names[0]}.")
    return "\n".join(lines)
