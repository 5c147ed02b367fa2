"""Which file evaluates an experiment: the one of this package that bears its name; where there is none, ``prediction``.

'oc-rims' is evaluated by ``oc_rims.py``. Such a file has ``evaluate(config, model, sheet)``, which fills the sheet; the
annotation of ``model`` says which models it takes. Two more functions are found if they are there::

    training(config, history, sheet)   numbers about the training itself, from its history
    look(config)                       what the training loop measures at every validation, beside the loss

Files are read, not imported, to find out: training starts on a bare server, where evaluation could not.
"""

from __future__ import annotations

import importlib
import typing
from types import ModuleType

from rulebook import fingerprint
from rulebook.models.base import VideoModel
from rulebook.training.config import RunConfig
from rulebook.training.faults import Fault

PACKAGE = "rulebook.evaluation"
DEFAULT = f"{PACKAGE}.prediction"


def file_of(experiment: str) -> str:
    """The file that would evaluate an experiment, as the name of a module, whether it is there or not."""
    return f"{PACKAGE}.{experiment.replace('-', '_')}"


def module_of(experiment: str) -> str:
    """The name of the module that evaluates an experiment."""
    name = file_of(experiment)
    if fingerprint.module_path(name) is None:
        return DEFAULT
    if not fingerprint.defines(name, "evaluate"):
        raise Fault(
            f"{name} has no function 'evaluate(config, model, sheet)': write one, or give the experiment "
            f"'{experiment}' another name."
        )
    return name


def judges_training(experiment: str) -> bool:
    """Whether numbers about the training itself are among the metrics, which then depend on the history."""
    return fingerprint.defines(module_of(experiment), "training")


def evaluation_for(config: RunConfig, model: VideoModel) -> ModuleType:
    """The module that evaluates a run, which must take models of this kind."""
    module = importlib.import_module(module_of(config.experiment))
    takes = typing.get_type_hints(module.evaluate).get("model", VideoModel)
    if not isinstance(model, takes):
        wanted = getattr(takes, "__name__", str(takes))
        raise Fault(f"{module.__name__} evaluates {wanted}, not {type(model).__name__}: {advice(config)}")
    return module


def advice(config: RunConfig) -> str:
    """What to do about a run that its experiment's file does not fit."""
    return (
        f"give the entry of {config.variant}/{config.world_name} in the catalogue an experiment of its own (its frame "
        f"errors are then measured), or write src/rulebook/evaluation/<experiment>.py for it."
    )
