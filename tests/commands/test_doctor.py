"""``rulebook doctor`` sees damage and says what is missing."""

import json
import shutil

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


@pytest.fixture
def run(root, tmp_path):
    """The folder of a finished run below tmp_path/runs, as git ships it: without a checkpoint."""
    folder = tmp_path / "runs" / SMOKE
    shutil.copytree(root / SMOKE, folder)
    (folder / "last.ckpt").unlink()
    (folder / "metrics.json").write_text('{"metrics": {}}')
    return folder


def cut(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-3])


def without_provenance(folder):
    (folder / "provenance.json").unlink()
    cut(folder, "weights.safetensors")


def of_other_weights(folder):
    (folder / "provenance.json").write_text('{"weights_sha256": "0"}')


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: cut(folder, "provenance.json"), "provenance.json is damaged. Restore it"),
        (lambda folder: cut(folder, "metrics.json"), "metrics.json is damaged. Restore it"),
        (lambda folder: cut(folder, "manifest.json"), "manifest.json is damaged."),
        (lambda folder: (folder / "manifest.json").write_text('{"files": {}}'), "does not name weights.safetensors"),
        (without_provenance, "provenance.json is missing."),
        (without_provenance, "weights.safetensors does not match its sha256."),
        (of_other_weights, "provenance.json names the sha256 of other weights than"),
    ],
)
def test_other_damage(damage, sentence, run, tmp_path, capsys):
    assert doctor(tmp_path / "runs", capsys)[0] == 0
    damage(run)
    code, text = doctor(tmp_path / "runs", capsys)
    assert code == 1 and sentence in text and "every file matches" not in text


def test_a_run_on_its_way_is_no_fault(root, run, tmp_path, capsys):
    """Stopped after its weights were written and before its provenance was: its checkpoint is there."""
    (run / "provenance.json").unlink()
    shutil.copy(root / SMOKE / "last.ckpt", run)
    code, text = doctor(tmp_path / "runs", capsys)
    assert code == 0 and f"1 run(s) are begun and go on with 'rulebook train'; first: {SMOKE}." in text
    assert "0 run(s) are shipped or trained here." in text
    (run / "broken.json").write_text('{"step": 7, "why": "The loss is no number."}')
    code, text = doctor(tmp_path / "runs", capsys)
    assert code == 0 and f"1 run(s) broke off, as a loss or weight was no number; first: {SMOKE}." in text
    assert "are begun" not in text


def test_an_empty_house(tmp_path, capsys):
    code, text = doctor(tmp_path, capsys)
    assert code == 0 and "0 run(s) are shipped or trained here." in text and "matches" not in text


def test_no_house_at_all(tmp_path, capsys):
    code, text = doctor(tmp_path / "none", capsys)
    assert code == 1 and "none: name the folder of all runs by --root." in text and "matches" not in text


@pytest.mark.parametrize(("tiles", "kind"), [(True, "in bfloat16"), (False, "in float32, which is faster here")])
def test_how_products_are_made(tiles, kind, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": tiles})
    assert f"Products in training: {kind}" in doctor(tmp_path / "none", capsys)[1]
    assert json.loads(doctor(tmp_path / "none", capsys, "--json")[1])["bfloat16"] is tiles
