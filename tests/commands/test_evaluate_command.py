"""``rulebook evaluate``: what is there to be evaluated, and what is not."""

from __future__ import annotations

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.commands.evaluate import trained
from rulebook.training.loop import train


@pytest.mark.parametrize("words", [["slot-ae/atomic/laptop/s0"], ["--all"]])
def test_a_folder_without_runs_is_told(tmp_path, capsys, words):
    assert main(["evaluate", *words, "--root", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: name another --root, or train one" in capsys.readouterr().err


def test_a_run_that_is_only_begun_is_told(tmp_path, capsys):
    (tmp_path / "slot-ae/atomic/laptop/s0").mkdir(parents=True)
    assert main(["evaluate", "slot-ae/atomic/laptop/s0", "--root", str(tmp_path)]) == 1
    said = f"There is no trained run 'slot-ae/atomic/laptop/s0' in {tmp_path} (see 'rulebook runs').\n"
    assert capsys.readouterr().err == said


def test_nothing_asked_for(capsys):
    assert main(["evaluate"]) == 1
    assert "Say which runs to evaluate, or --all" in capsys.readouterr().err


def test_seeds_of_ones_own_are_evaluated_anew_with_the_others(tmp_path, capsys):
    """They count in the book, so a change of the evaluation must reach them."""
    run = CATALOGUE.find("slot-ae/atomic/smoke/s0")
    for changes in ({"profile": "laptop", "seed": 11}, {"profile": "laptop", "seed": 2}, {"seed": 0}, {"variant": "x"}):
        train(run.model_copy(update=changes), tmp_path, torch.device("cpu"))
    (tmp_path / "slot-ae/atomic/laptop/s3").mkdir()
    assert trained(tmp_path) == ["slot-ae/atomic/laptop/s2", "slot-ae/atomic/laptop/s11"]
