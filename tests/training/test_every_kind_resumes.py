"""Every kind of model in the catalogue goes on to the bit, in float32 and under bfloat16 autocast."""

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.training import precision
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
