"""``rulebook slim``: weights go, numbers stay, and everything knows that this is meant."""

import json
import shutil

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.evaluation import evaluate_run, is_fresh
from rulebook.evaluation.evaluate import load_model
from rulebook.results import Results
from rulebook.training.faults import Fault
from rulebook.training.loop import train

FIRST, RUN = "slot-ae/atomic/smoke/s0", "gru-cat/moving-mnist/smoke/s0"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    root = tmp_path_factory.mktemp("project") / "results" / "runs"
    for name in (FIRST, RUN):
        train(CATALOGUE.find(name), root, torch.device("cpu"))
        evaluate_run(root / name)
    return root


@pytest.fixture
def root(evaluated, tmp_path):
    return shutil.copytree(evaluated, tmp_path / "results" / "runs")


def slim(root, *names):
    return main(["slim", *names, "--numbers-only", "--root", str(root)])


def test_numbers_stay_and_count(root, capsys):
    before = (root / RUN / "metrics.json").read_bytes()
    assert slim(root, RUN) == 0 and "MB of weights dropped" in capsys.readouterr().out
    assert not (root / RUN / "weights.safetensors").exists()
    assert (root / RUN / "metrics.json").read_bytes() == before and is_fresh(root / RUN)
    run = next(run for run in Results(root.parents[1]).all if run.name == RUN)
    assert run.finished and run.dropped and not run.has_weights
    assert slim(root, RUN) == 0 and "no weights any more" in capsys.readouterr().out
    assert main(["doctor", "--root", str(root)]) == 0
    assert "1 of them keep their numbers alone" in capsys.readouterr().out


def test_what_needs_weights_says_why_there_are_none(root, capsys):
    slim(root, RUN)
    with pytest.raises(Fault, match=r"its weights were dropped: to have them, train the run anew under another --root"):
        load_model(root / RUN)
    assert train(CATALOGUE.find(RUN), root, torch.device("cpu")).sentence.endswith("for new ones name another --root).")
    capsys.readouterr()
    assert main(["evaluate", RUN, "--root", str(root)]) == 0
    assert f"{RUN} is fresh (its weights were dropped)" in capsys.readouterr().out
    config = root / RUN / "config.yaml"
    config.write_text(config.read_text() + "\n")
    assert main(["evaluate", RUN, "--root", str(root)]) == 0
    assert "keeps the numbers that earlier code measured" in capsys.readouterr().out


def test_weights_that_were_lost_are_no_slim_run(root, capsys):
    (root / RUN / "weights.safetensors").unlink()
    assert not next(run for run in Results(root.parents[1]).all if run.name == RUN).finished
    assert main(["doctor", "--root", str(root)]) == 1
    assert "weights.safetensors is missing. Restore it" in capsys.readouterr().out


def test_numbers_of_earlier_code_are_told(root, capsys):
    slim(root, RUN)
    capsys.readouterr()
    assert main(["doctor", "--root", str(root)]) == 0
    assert "were measured by earlier code" not in capsys.readouterr().out
    told = json.loads((root / RUN / "metrics.json").read_text())
    (root / RUN / "metrics.json").write_text(json.dumps({**told, "fingerprint": "old"}))
    assert main(["doctor", "--root", str(root)]) == 0
    assert f"1 of those were measured by earlier code; first: {RUN}." in capsys.readouterr().out


def test_numbers_that_were_lost_are_seen(root, capsys):
    slim(root, RUN)
    (root / RUN / "metrics.json").unlink()
    assert main(["doctor", "--root", str(root)]) == 1
    assert "has neither weights nor numbers" in capsys.readouterr().out


def test_what_a_page_reads_is_dropped_only_when_its_numbers_are_enough(root, capsys):
    assert main(["slim", RUN, "--root", str(root)]) == 1
    assert "reads gru-cat/moving-mnist. If it draws from weights" in capsys.readouterr().err
    assert (root / RUN / "weights.safetensors").exists()


def test_a_run_does_not_begin_on_weights_that_were_dropped(root, capsys):
    heir = CATALOGUE.find("scoff/atomic/smoke/s0")
    manifest = root / FIRST / "manifest.json"
    told = json.loads(manifest.read_text())
    told["files"]["weights.safetensors"]["dropped"] = True
    manifest.write_text(json.dumps(told))
    (root / FIRST / "weights.safetensors").unlink()
    with pytest.raises(Fault, match=r"those were dropped from .*: train both under another --root"):
        train(heir, root, torch.device("cpu"))
    assert not (root / heir.name / "history.jsonl").exists()


def test_seeds_that_the_catalogue_does_not_name_have_heirs_too(root, capsys):
    shutil.copytree(root / FIRST, root / FIRST.replace("s0", "s7"))
    assert slim(root, FIRST.replace("s0", "s7")) == 1
    assert "starts from the weights of slot-ae/atomic: nothing was dropped" in capsys.readouterr().err


def refused(root, capsys, *names):
    code = slim(root, *names)
    return code, capsys.readouterr().err


def test_weights_that_are_needed_stay(root, capsys):
    code, text = refused(root, capsys, RUN, FIRST)
    assert code == 1 and "starts from the weights of slot-ae/atomic: nothing was dropped." in text
    assert (root / RUN / "weights.safetensors").exists()
    assert (
        "There is no trained run 'gru-cat/moving-mnist/smoke/s7'" in refused(root, capsys, RUN.replace("s0", "s7"))[1]
    )
    (root / RUN / "metrics.json").write_text(json.dumps({"metrics": {}, "fingerprint": "old"}))
    assert f"call 'rulebook evaluate {RUN}' first" in refused(root, capsys, RUN)[1]
    weights = root / RUN / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert (
        "does not match its sha256. Restore it with 'git checkout': nothing was dropped."
        in refused(root, capsys, RUN)[1]
    )
