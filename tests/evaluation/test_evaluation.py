"""Evaluation: from a run folder to numbers with units, and only when something changed."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from rulebook import fingerprint
from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.evaluation import Sheet, evaluate_run, is_fresh
from rulebook.training.faults import Fault
from rulebook.training.loop import train

ENTRIES = ["slot-ae/atomic", "vim-m4/atomic", "vim-m2/atomic", "vim2-m5/composed"]
ENTRIES += ["scoff/atomic", "rim-mlp/fixed", "gswm/atomic", "gswm-multi/atomic"]
RUNS = [f"{entry}/smoke/s0" for entry in ENTRIES]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name in RUNS:
        train(CATALOGUE.find(name), folder, torch.device("cpu"))
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_every_number_has_unit_count_and_definition(root, name):
    metrics = evaluate_run(root / name)["metrics"]
    assert len(metrics) >= 5
    for key, entry in metrics.items():
        assert entry["unit"] and entry["definition"] and entry["n"] >= 1, key
    stored = json.loads((root / name / "metrics.json").read_text())
    assert stored["metrics"] == metrics
    assert is_fresh(root / name)


def test_changed_weights_make_metrics_stale(root):
    folder = root / RUNS[0]
    evaluate_run(folder)
    weights = folder / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not is_fresh(folder)
    weights.write_bytes(content)
    assert is_fresh(folder)


def test_evaluating_twice_gives_the_same_file(root):
    folder = root / RUNS[1]
    evaluate_run(folder)
    first = (folder / "metrics.json").read_bytes()
    evaluate_run(folder)
    assert (folder / "metrics.json").read_bytes() == first


def test_a_sheet_refuses_a_second_entry_and_leaves_out_what_was_not_measured():
    sheet = Sheet()
    sheet.add("error", 1.23456789, "pixels", 3, "a distance")
    assert sheet.metrics["error"]["value"] == 1.23457
    with pytest.raises(ValueError, match="entered twice"):
        sheet.add("error", 2, "pixels", 3, "a distance")
    sheet.add("nothing", float("nan"), "pixels", 0, "no case")
    assert "nothing" not in sheet.metrics


def test_an_untrained_run_is_named(tmp_path):
    with pytest.raises(Fault, match=r"has no weights.safetensors: train it first"):
        evaluate_run(tmp_path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def flip(path: Path) -> None:
    """Still weights, but others."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    ("file", "harm", "said"),
    [
        ("weights.safetensors", cut, "Cannot read the weights"),
        ("weights.safetensors", Path.unlink, "There is no trained run"),
        ("config.yaml", Path.unlink, "There is no trained run"),
        (
            "config.yaml",
            lambda path: path.write_text("seed: -1"),
            "config.yaml has 8 errors",
        ),
        ("config.yaml", lambda path: path.write_text("["), "is not YAML"),
        ("weights.safetensors", flip, "weights.safetensors does not match its sha256. Restore it from git"),
        ("history.jsonl", cut, "history.jsonl does not match its sha256. Restore it from git"),
        ("manifest.json", cut, "manifest.json is damaged. Restore it from git"),
    ],
)
def test_a_damaged_run_is_told_in_one_sentence(root, tmp_path, capsys, file, harm, said):
    shutil.copytree(root / RUNS[0], tmp_path / RUNS[0])
    harm(tmp_path / RUNS[0] / file)
    assert main(["evaluate", RUNS[0], "--force", "--root", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize("text", ["[]", "{", '{"metrics": 3}'])
def test_metrics_that_are_no_metrics_are_measured_anew(root, tmp_path, text):
    folder = shutil.copytree(root / RUNS[0], tmp_path / RUNS[0])
    (folder / "metrics.json").write_text(text)
    assert not is_fresh(folder)
    assert main(["evaluate", RUNS[0], "--root", str(tmp_path)]) == 0 and is_fresh(folder)


def test_weights_of_another_model_are_told(root, tmp_path):
    shutil.copytree(root / RUNS[0], tmp_path / "run")
    shutil.copy(root / RUNS[4] / "weights.safetensors", tmp_path / "run")
    with pytest.raises(Fault, match=r"are not those of the model in its config.yaml: restore both"):
        evaluate_run(tmp_path / "run")


def test_metrics_without_weights_are_told(root, tmp_path):
    shutil.copytree(root / RUNS[0], tmp_path / "run")
    evaluate_run(tmp_path / "run")
    (tmp_path / "run" / "weights.safetensors").unlink()
    with pytest.raises(Fault, match="Cannot read the weights"):
        is_fresh(tmp_path / "run")


def fingerprint_now(**how) -> str:
    """Of files that were changed since the last call."""
    for cached in (fingerprint._parsed, fingerprint._digest):
        cached.cache_clear()
    return fingerprint.of_code("rulebook.high", **how)


def test_fingerprints_see_code_but_not_comments(tmp_path, monkeypatch):
    (tmp_path / "low.py").write_text("def f():\n    return 1\n")
    (tmp_path / "high.py").write_text("from rulebook.low import f\n")
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)

    before = fingerprint_now()
    (tmp_path / "low.py").write_text('def f():\n    """Says one."""\n    return 1  # one\n')
    assert fingerprint_now() == before
    (tmp_path / "low.py").write_text("def f():\n    return 2\n")
    assert fingerprint_now() != before


def test_what_is_set_apart_may_change(tmp_path, monkeypatch):
    (tmp_path / "low.py").write_text("from rulebook.lowest import g\n")
    (tmp_path / "lowest.py").write_text("g = 1\n")
    (tmp_path / "high.py").write_text("from rulebook.low import g\n")
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)

    apart = {"rulebook.low"}
    before = fingerprint_now(apart=apart)
    (tmp_path / "low.py").write_text("from rulebook.lowest import g\nh = 2\n")
    assert fingerprint_now(apart=apart) == before
    (tmp_path / "lowest.py").write_text("g = 2\n")
    assert fingerprint_now(apart=apart) != before, "what it imports counts all the same"
