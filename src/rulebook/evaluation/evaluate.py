"""From a run folder to its metrics.json, only when something changed that the numbers depend on."""

from __future__ import annotations

import hashlib
import json
import traceback
from pathlib import Path
from typing import Any

import torch

from rulebook import fingerprint
from rulebook.evaluation.experiments import advice, evaluation_for, judges_training, module_of
from rulebook.evaluation.sheet import Sheet
from rulebook.models.base import VideoModel
from rulebook.training.checkpoints import write_whole
from rulebook.training.config import RunConfig
from rulebook.training.faults import Fault, shown
from rulebook.training.runfolder import (
    CONFIG,
    HISTORY,
    WEIGHTS,
    check_manifest,
    load_weights,
    weights_dropped,
    weights_sum,
)
from rulebook.training.settings import parse, read_yaml

METRICS = "metrics.json"
TRAINING_SETTINGS = "rulebook.training.config"
"""What can be set about a training. Metrics depend on what was set, which the run's own settings say and which counts;
not on what else could have been."""
ANEW = "to have them, train the run anew under another --root"


def read_config(folder: Path) -> RunConfig:
    """The settings of a run folder."""
    return parse(read_yaml(folder / CONFIG), shown(folder / CONFIG))


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The lines of history.jsonl; a torn last line is left out."""
    path, lines = folder / HISTORY, []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            told = json.loads(line)
        except ValueError:
            break
        if not isinstance(told, dict):
            break
        lines.append(told)
    return lines


def load_model(folder: Path) -> tuple[RunConfig, VideoModel]:
    """The settings and the trained model of a run folder, in float32, ready to be asked."""
    if weights_dropped(folder):
        raise Fault(f"{shown(folder)} keeps its numbers alone, its weights were dropped: {ANEW}.")
    if not (folder / WEIGHTS).exists():
        raise Fault(f"{shown(folder)} has no {WEIGHTS}: train it first with 'rulebook train' (see 'rulebook runs').")
    config = read_config(folder)
    model = config.model.build(config.world.frame_shape)
    try:
        model.load_state_dict(load_weights(folder))
    except RuntimeError as error:
        raise Fault(
            f"The weights in {shown(folder)} are not those of the model in its {CONFIG}: restore both from git, or "
            f"train the run anew under another --root. ({' '.join(str(error).split())})"
        ) from error
    return config, model.eval()


def run_fingerprint(folder: Path, config: RunConfig) -> str:
    """What the metrics depend on: weights, settings, and the code of model, world and evaluation."""
    code = fingerprint.of_code(
        module_of(config.experiment),
        type(config.model).__module__,
        type(config.world).__module__,
        apart={TRAINING_SETTINGS},
    )
    parts = [code, weights_sum(folder), (folder / CONFIG).read_text()]
    if judges_training(config.experiment):
        parts.append(json.dumps(read_history(folder)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_fresh(folder: Path) -> bool:
    """True when metrics.json says what evaluating anew would say."""
    path = folder / METRICS
    if not path.exists():
        return False
    try:
        stored = json.loads(path.read_text())
    except ValueError:
        return False
    return isinstance(stored, dict) and stored.get("fingerprint") == run_fingerprint(folder, read_config(folder))


def evaluate_run(folder: Path) -> dict[str, Any]:
    """Evaluate a finished run on its test clips and write metrics.json. Damaged files are not measured: their numbers
    would take the place of good ones."""
    config, model = load_model(folder)
    wrong = check_manifest(folder)
    if wrong:
        raise Fault(
            f"{wrong[0]} Restore it from git, or train the run anew under another --root: nothing was measured."
        )
    module, sheet = evaluation_for(config, model), Sheet()
    try:
        with torch.no_grad():
            module.evaluate(config, model, sheet)
    except AssertionError as error:
        needs = traceback.extract_tb(error.__traceback__)[-1].line
        raise Fault(
            f"{module.__name__} does not fit {config.name}: it insists on '{needs}'; {advice(config)}"
        ) from error
    if judges_training(config.experiment):
        module.training(config, read_history(folder), sheet)
    result = {"run": config.name, "metrics": sheet.metrics, "fingerprint": run_fingerprint(folder, config)}
    write_whole(folder / METRICS, (json.dumps(result, indent=1) + "\n").encode())
    return result
