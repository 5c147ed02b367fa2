"""Every kind of model in the catalogue goes on to the bit, in float32 and under bfloat16 autocast."""

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.training import checkpoints, precision
from rulebook.training.config import Lead, Ramp, Training
from rulebook.training.loop import train

ONE_OF_EACH = {run.model.kind: run for run in CATALOGUE.runs("smoke")}
CPU = torch.device("cpu")


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("kind", sorted(ONE_OF_EACH))
def test_a_cut_run_equals_a_whole_one(kind, bf16, same_run, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "rounds_fast", lambda device: True)
    run = ONE_OF_EACH[kind]
    few = run.training.model_copy(update={"steps": 4, "log_every": 3, "validate_every": 4, "bf16": bf16})
    run = run.model_copy(update={"training": few, "start_from": None})
    train(run, tmp_path / "whole", CPU)
    for step in (1, 2, 3, 4):
        assert train(run, tmp_path / "cut", CPU, minutes=0).step == step
    same_run(tmp_path / "whole" / run.name, tmp_path / "cut" / run.name)


MUON = {"optimiser": "muon", "warmup": 2, "clip_norm": 1.0}
LED = MUON | {"lead": Lead(steps=3, learning_rate=0.002)}
UNDER_MUON = ("oc-rims", "rims", "gru", "conv-lstm")
PACED = LED | {"pace": {"perception.encoder": Ramp(first=0.2, last=1, end=4)}}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [*((kind, MUON) for kind in UNDER_MUON), ("oc-rims", LED), ("slot-autoencoder", PACED)],
    ids=[*UNDER_MUON, "led", "led, with a part at its own pace"],
)
def test_so_does_a_run_under_muon(kind, settings, same_run, tmp_path, monkeypatch):
    """Cut after every step: within the lead, where Muon takes over, and after that."""
    monkeypatch.setattr(precision, "rounds_fast", lambda device: True)
    run = ONE_OF_EACH[kind]
    few = run.training.model_dump() | {"steps": 6, "log_every": 4, "validate_every": 6, "bf16": True} | settings
    run = run.model_copy(update={"training": Training.model_validate(few), "start_from": None})
    train(run, tmp_path / "whole", CPU)
    for step in range(1, 7):
        assert train(run, tmp_path / "cut", CPU, minutes=0).step == step
    same_run(tmp_path / "whole" / run.name, tmp_path / "cut" / run.name)
    held = checkpoints.load(tmp_path / "cut" / run.name)["optimiser"]
    muon = held.get("current", held)["0"]
    assert any("momentum" in state for state in muon["state"].values()), "Muon took steps"
