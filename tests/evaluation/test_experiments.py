"""Which file evaluates an experiment, and what is measured of a model that has none: any model that predicts."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from rulebook import fingerprint
from rulebook.catalogue import CATALOGUE
from rulebook.clips import Rollout
from rulebook.evaluation import Sheet, evaluate_run, experiments, is_fresh, prediction
from rulebook.evaluation.looks import look_of
from rulebook.models.base import VideoModel
from rulebook.training.faults import Fault
from rulebook.training.loop import train

CPU = torch.device("cpu")


class Still(VideoModel):
    """Shows the last given frame again, somewhat darker."""

    terms: ClassVar[tuple[str, ...]] = ()
    light = 1.0

    def rollout(self, frames, *, given, noise=None):
        ahead = self.light * frames[:, given - 1 : given].expand(-1, frames.shape[1] - given, -1, -1, -1)
        return Rollout(frames=ahead, first=given, given=given)


def run_of(name: str, **changes):
    return CATALOGUE.find(name).model_copy(update={"experiment": "r-sqair", **changes})


@pytest.mark.parametrize("name", ["scoff/atomic/smoke/s0", "gru-cat/moving-mnist/smoke/s0"])
def test_any_model_that_predicts_is_measured(name):
    sheet, run = Sheet(), run_of(name)
    prediction.evaluate(run, Still(), sheet)
    found = {name: entry["value"] for name, entry in sheet.metrics.items()}
    assert found["error_1_frame"] == found["copy_last_1_frame"] > 0
    assert found["error_5_frames"] == found["copy_last_5_frames"] > found["error_1_frame"]
    assert ("floor_1_frame" in found) == (run.world.kind == "random-walk")
    assert found.get("floor_1_frame", 0) < found["copy_last_1_frame"]
    assert all(entry["unit"] and entry["definition"] for entry in sheet.metrics.values())
    dark, worse = Still(), Sheet()
    dark.light = 0.0
    prediction.evaluate(run, dark, worse)
    assert worse.metrics["error_1_frame"]["value"] != found["error_1_frame"]


def test_an_experiment_without_a_file_is_trained_and_evaluated(tmp_path):
    run = run_of("gru-cat/moving-mnist/smoke/s0")
    assert look_of(run) is None
    train(run, tmp_path, CPU)
    assert "error_5_frames" in evaluate_run(tmp_path / run.name)["metrics"]
    assert is_fresh(tmp_path / run.name)


def test_a_rollout_that_stops_early_is_told():
    class Short(Still):
        def rollout(self, frames, *, given, noise=None):
            return super().rollout(frames[:, :-1], given=given, noise=noise)

    with pytest.raises(Fault, match=r"Short.rollout predicts frames of shape \(4, 3"):
        prediction.evaluate(run_of("scoff/atomic/smoke/s0"), Short(), Sheet())


def test_a_model_that_predicts_nothing_is_told():
    run = run_of("slot-ae/atomic/smoke/s0")
    with pytest.raises(Fault, match="cannot be measured by what it predicts: The slot autoencoder predicts nothing"):
        prediction.evaluate(run, run.model.build(run.world.frame_shape).eval(), Sheet())


def test_a_file_is_found_by_the_name_of_its_experiment():
    assert experiments.module_of("oc-rims") == "rulebook.evaluation.oc_rims"
    assert experiments.module_of("hierarchical-vrnn") == "rulebook.evaluation.prediction"
    assert experiments.judges_training("rivals") and not experiments.judges_training("slots")
    assert not experiments.judges_training("hierarchical-vrnn")
    with pytest.raises(Fault, match=r"rulebook.evaluation.walks has no function 'evaluate\(config, model, sheet\)'"):
        experiments.module_of("walks")


def test_a_new_file_brings_its_numbers_its_look_and_those_of_its_training(tmp_path, monkeypatch):
    """As it would lie in this package: nothing else names it."""
    (tmp_path / "r_sqair.py").write_text(
        "def evaluate(config, model, sheet): sheet.add('one', 1, '1', 1, 'one')\n"
        "def training(config, history, sheet): sheet.add('lines', len(history), 'lines', 1, 'of the history')\n"
        "def look(config): return lambda model: {'seen': 2.0}\n"
    )
    place = fingerprint.module_path
    mine = {"rulebook.evaluation.r_sqair": tmp_path / "r_sqair.py"}
    monkeypatch.setattr(fingerprint, "module_path", lambda name: mine.get(name) or place(name))
    package = __import__("rulebook.evaluation", fromlist=["_"])
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    run = run_of("slot-ae/atomic/smoke/s0")
    look = look_of(run)
    assert look is not None and look(Still()) == {"seen": 2.0}
    train(run, tmp_path, CPU)
    metrics = evaluate_run(tmp_path / run.name)["metrics"]
    assert metrics.keys() == {"one", "lines"} and metrics["lines"]["value"] > 0
    assert is_fresh(tmp_path / run.name)
    with open(tmp_path / run.name / "history.jsonl", "a") as history:
        history.write('{"step": 99}\n')
    assert not is_fresh(tmp_path / run.name)


@pytest.mark.parametrize(
    ("name", "experiment", "said"),
    [
        ("slot-ae/atomic/smoke/s0", "rivals", "evaluates rulebook.models.scoff.SCOFF | rulebook.models.gswm.GSWM, not"),
        ("slot-ae/atomic/smoke/s0", "vim", "evaluates VIM, not SlotAutoencoder"),
        ("slot-ae/atomic/smoke/s0", "oc-rims", r"it insists on 'assert isinstance\(world, Thesis\)'"),
    ],
)
def test_an_experiment_that_does_not_fit_is_told(tmp_path, name, experiment, said):
    run = run_of(name, experiment=experiment, training=CATALOGUE.find(name).training.model_copy(update={"steps": 1}))
    train(run, tmp_path, CPU)
    with pytest.raises(Fault, match=f"{said}.*an experiment of its own"):
        evaluate_run(tmp_path / run.name)
