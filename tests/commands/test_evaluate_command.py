"""``rulebook evaluate``: what is there to be evaluated, and what is not."""

from __future__ import annotations

import pytest

from rulebook.cli import main


@pytest.mark.parametrize("words", [["slot-ae/atomic/laptop/s0"], ["--all"]])
def test_a_folder_without_runs_is_told(tmp_path, capsys, words):
    assert main(["evaluate", *words, "--root", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: name another --root, or train one" in capsys.readouterr().err


def test_nothing_asked_for(capsys):
    assert main(["evaluate"]) == 1
    assert "Say which runs to evaluate, or --all" in capsys.readouterr().err
