"""What is measured of a model while it is trained, beside its loss (the loop takes it: training knows no measures)."""

from __future__ import annotations

import importlib

from rulebook.training.config import RunConfig
from rulebook.training.loop import Look

LOOKS = {"oc-rims": "oc_rims"}
"""Experiment -> file of this package whose ``look(config)`` gives what the loop calls at every validation."""


def look_of(config: RunConfig) -> Look | None:
    """The look of a run's experiment; None where the loss says enough."""
    file = LOOKS.get(config.experiment)
    return importlib.import_module(f"rulebook.evaluation.{file}").look(config) if file else None
