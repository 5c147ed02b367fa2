"""What runs cost and which settings they had, from their folders alone: is a comparison fair?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rulebook.results import Results, Run


def frames_seen(training: Mapping[str, Any]) -> int:
    """Frames over all steps of a training, as config.yaml tells it."""
    stages = training["stages"]
    ends = [stage.get("begin", 0) for stage in stages[1:]] + [training["steps"]]
    return sum(
        (end - stage.get("begin", 0)) * stage["frames"] * stage["batch"]
        for stage, end in zip(stages, ends, strict=True)
    )


def earlier(run: Run, results: Results) -> list[Run]:
    """The runs whose weights this one started from, the last one first, as far as their folders are here."""
    name = run.config.get("start_from")
    before = next((other for other in results.all if other.name == name), None) if name else None
    return [before, *earlier(before, results)] if before else []


def budget(run: Run, results: Results) -> dict[str, Any]:
    """One row of the table of budgets: clips of all stages together, stills beside them."""
    training, before = run.config["training"], earlier(run, results)
    stills = [other for other in before if all(stage["frames"] == 1 for stage in other.config["training"]["stages"])]
    clips = [run, *(other for other in before if other not in stills)]
    clip = training.get("clip_norm")
    return {
        "run": run.name,
        "parameters": run.metrics["parameters"]["value"] if "parameters" in run.metrics else None,
        "frames seen": sum(frames_seen(other.config["training"]) for other in clips),
        "stills seen before": sum(frames_seen(other.config["training"]) for other in stills),
        "training (minutes)": _minutes(run),
        "before (minutes)": round(sum(_minutes(other) or 0.0 for other in before), 1),
        "steps": training["steps"],
        "learning rate": training["learning_rate"],
        "frames × clips": ", ".join(f"{stage['frames']} × {stage['batch']}" for stage in training["stages"]),
        "gradient clipped at": "-" if clip is None else f"{clip:g}",
        "device": run.provenance.get("device"),
    }


def _minutes(run: Run) -> float | None:
    seconds = run.provenance.get("seconds")
    return None if seconds is None else round(seconds / 60, 1)
