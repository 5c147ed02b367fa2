"""What is measured of a model while it is trained, beside its loss (the loop takes it: training knows no measures)."""

from __future__ import annotations

import importlib

from rulebook import fingerprint
from rulebook.evaluation.experiments import file_of
from rulebook.training.config import RunConfig
from rulebook.training.loop import Look


def look_of(config: RunConfig) -> Look | None:
    """The look of a run's experiment; None where the loss says enough."""
    module = file_of(config.experiment)
    return importlib.import_module(module).look(config) if fingerprint.defines(module, "look") else None
