"""bench measures every world and every model of the catalogue."""

from __future__ import annotations

import json

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main


def test_bench_measures_worlds_and_steps(capsys):
    threads = torch.get_num_threads()
    try:
        assert main(["bench", "--profile", "smoke", "--clips", "2", "--json"]) == 0
    finally:
        torch.set_num_threads(threads)
    rows = json.loads(capsys.readouterr().out)
    assert all(row["value"] > 0 for row in rows)
    named = {row["what"] for row in rows}
    assert {f"step {key}" for key, entry in CATALOGUE.entries.items() if "smoke" in entry.recipes} <= named
    assert {f"world {entry.world_name}" for entry in CATALOGUE.entries.values()} <= named


@pytest.mark.parametrize("clips", ["0", "-3"])
def test_no_clips_are_nothing_to_measure(clips, capsys):
    assert main(["bench", "--clips", clips]) == 1
    assert f"--clips must be at least 1, not {clips}." in capsys.readouterr().err
