"""bfloat16 is used where the settings allow it and the processor is faster for it, and nowhere else."""

import json

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.training import precision
from rulebook.training.loop import train

CPU, GPU = torch.device("cpu"), torch.device("cuda")
RUN = CATALOGUE.find("slot-ae/atomic/smoke/s0")


@pytest.mark.parametrize("tiles", [False, True])
def test_a_cpu_rounds_only_with_tile_registers(tiles, monkeypatch):
    able = {"avx512_bf16": True, "amx_bf16": tiles}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert precision.rounds_fast(CPU) is tiles
    assert precision.rounds_fast(GPU)


def test_a_torch_that_knows_nothing_of_its_cpu_stays_with_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not precision.rounds_fast(CPU)


def test_convolutions_on_cuda_are_the_same_every_time(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    precision.set_arithmetic(RUN.training)
    assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark


@pytest.mark.parametrize(("allowed", "fast"), [(False, True), (True, False), (True, True)])
def test_provenance_says_how_products_were_made(allowed, fast, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "rounds_fast", lambda device: fast)
    products = []
    multiply = torch.nn.Linear.forward

    def watched(layer, x):
        products.append(multiply(layer, x))
        return products[-1]

    monkeypatch.setattr(torch.nn.Linear, "forward", watched)
    brief = RUN.training.model_copy(update={"steps": 1, "validate_every": 1, "bf16": allowed})
    run = RUN.model_copy(update={"training": brief})
    train(run, tmp_path, CPU)
    (entry,) = json.loads((tmp_path / run.name / "provenance.json").read_text())["slices"]
    assert entry["bfloat16"] is (allowed and fast)
    assert any(made.dtype == torch.bfloat16 for made in products) is (allowed and fast)
