"""Say in plain words what this machine has, whether the shipped weights are whole, and what is missing.

    rulebook doctor
    rulebook doctor --json

Ends with exit code 1 if a file is damaged; a run that is not trained yet is no fault.
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
from rulebook.training.config import PROFILES
from rulebook.training.precision import choose_device, rounds_fast
from rulebook.training.provenance import device_name, versions
from rulebook.training.runfolder import PROVENANCE, check_manifest

NEEDED = {
    "training": ("torch", "numpy", "einops", "safetensors", "yaml", "pydantic", "tyro", "tqdm", "jaxtyping"),
    "figures and tables": ("matplotlib", "pandas", "scipy", "seaborn"),
    "the book": ("jupyter_book", "papermill", "jupytext", "nbval", "snakemake"),
}
"""Modules by what cannot be done without them."""


def main(arguments: list[str]) -> int:
    return tyro.cli(
        doctor, args=arguments, prog="rulebook doctor", description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)
    )


def doctor(root: Path = Path("results/runs"), json: bool = False) -> int:
    """Examine the machine and the runs.

    Args:
        root: Folder of all runs.
        json: Print the findings as JSON.
    """
    found = examine(root)
    print(json_format.dumps(found, indent=2) if json else report(found))
    return 1 if found["damaged"] else 0


def examine(root: Path) -> dict[str, Any]:
    """Everything that doctor says, as plain values."""
    device = choose_device("auto")
    folders = sorted(path.parent for path in root.glob(f"*/*/*/*/{PROVENANCE}"))
    finished = {str(folder.relative_to(root)) for folder in folders}
    wanted = {profile: [run.name for run in CATALOGUE.runs(profile)] for profile in PROFILES}
    return {
        "versions": {**versions(), **{name: release(name) for name in ("snakemake", "jupyter-book")}},
        "device": {"type": device.type, "name": device_name(device), "count": max(torch.cuda.device_count(), 1)},
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bfloat16": rounds_fast(device),
        "missing_modules": {use: [name for name in names if not has(name)] for use, names in NEEDED.items()},
        "runs": sorted(finished),
        "damaged": [sentence for folder in folders for sentence in check_manifest(folder)],
        "not_evaluated": sorted(name for name in finished if not (root / name / "metrics.json").exists()),
        "not_trained": {profile: [n for n in names if n not in finished] for profile, names in wanted.items()},
        "in_catalogue": {profile: len(names) for profile, names in wanted.items()},
    }


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
    lines.append(
        f"Weights: {len(found['runs'])} run(s) are shipped or trained here"
        + (", and every file matches its sha256." if not found["damaged"] else f"; {len(found['damaged'])} fault(s):")
    )
    lines += [f"  {sentence} Restore it with 'git checkout', or train the run again." for sentence in found["damaged"]]
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
