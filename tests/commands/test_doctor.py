"""``rulebook doctor`` sees damage and says what is missing."""

import json

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.training.loop import train

SMOKE = "slot-ae/atomic/smoke/s0"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    train(CATALOGUE.find(SMOKE), root, torch.device("cpu"))
    return root


def doctor(root, capsys, *words):
    code = main(["doctor", "--root", str(root), *words])
    return code, capsys.readouterr().out


def test_a_healthy_house(root, capsys):
    code, text = doctor(root, capsys)
    assert code == 0
    assert "1 run(s) are shipped or trained here, and every file matches its sha256." in text
    assert "Profile laptop: 0 of" in text and "have weights but no metrics" in text
    found = json.loads(doctor(root, capsys, "--json")[1])
    assert found["runs"] == [SMOKE] and found["damaged"] == []
    assert found["versions"]["torch"] == torch.__version__
    assert SMOKE not in found["not_trained"]["smoke"] and found["not_trained"]["paper"]


def test_a_damaged_weight(root, capsys):
    weights = root / SMOKE / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    code, text = doctor(root, capsys)
    weights.write_bytes(whole)
    assert code == 1 and "weights.safetensors does not match its sha256. Restore it with 'git checkout'" in text
    assert doctor(root, capsys)[0] == 0


def test_an_empty_house(tmp_path, capsys):
    code, text = doctor(tmp_path / "none", capsys)
    assert code == 0 and "0 run(s) are shipped" in text


@pytest.mark.parametrize(("tiles", "kind"), [(True, "in bfloat16"), (False, "in float32, which is faster here")])
def test_how_products_are_made(tiles, kind, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": tiles})
    assert f"Products in training: {kind}" in doctor(tmp_path / "none", capsys)[1]
    assert json.loads(doctor(tmp_path / "none", capsys, "--json")[1])["bfloat16"] is tiles
