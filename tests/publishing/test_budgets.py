"""Budgets are read off run folders."""

from __future__ import annotations

import json

import pytest

from rulebook.catalogue import CATALOGUE
from rulebook.publishing.budgets import budget, frames_seen
from rulebook.results import Results
from rulebook.training.config import RunConfig


def write(folder, run: RunConfig, seconds: float) -> None:
    path = folder / "results" / "runs" / run.name
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(run.model_dump_json())
    sheet = {"parameters": {"value": 1234, "unit": "weights", "n": 1, "definition": "d"}}
    (path / "metrics.json").write_text(json.dumps({"metrics": sheet}))
    (path / "provenance.json").write_text(json.dumps({"seconds": seconds, "device": "a processor"}))
    (path / "weights.safetensors").write_bytes(b"")


@pytest.mark.parametrize("entry", ["gswm/atomic", "scoff/atomic"])
def test_frames_are_counted_stage_by_stage(entry):
    run = CATALOGUE.find(f"{entry}/laptop/s0")
    steps = range(run.training.steps)
    stages = [run.training.stage_at(step) for step in steps]
    assert frames_seen(run.model_dump(mode="json")["training"]) == sum(stage.frames * stage.batch for stage in stages)


def test_what_a_run_started_from_counts_beside_it(tmp_path):
    run = CATALOGUE.find("scoff/atomic/laptop/s0")
    write(tmp_path, run, seconds=90)
    results = Results(tmp_path)
    alone = budget(results.of("scoff/atomic")[0], results)
    assert alone["training (minutes)"] == 1.5 and alone["parameters"] == 1234
    assert alone["stills seen before"] == alone["before (minutes)"] == 0
    first = CATALOGUE.find(run.start_from)
    write(tmp_path, first, seconds=600)
    results = Results(tmp_path)
    after = budget(results.of("scoff/atomic")[0], results)
    assert after["before (minutes)"] == 10
    assert after["stills seen before"] == frames_seen(first.model_dump(mode="json")["training"]) > 0
    assert after["gradient clipped at"] == "50"


def test_clips_of_all_stages_count_as_frames_and_stills_beside_them(tmp_path):
    run = CATALOGUE.find("vim-m4-dreams/atomic/laptop/s0")
    bound = CATALOGUE.find(run.start_from)
    stills = CATALOGUE.find(bound.start_from)
    for each, seconds in ((run, 60), (bound, 120), (stills, 240)):
        write(tmp_path, each, seconds=seconds)
    results = Results(tmp_path)
    told = budget(results.of("vim-m4-dreams/atomic")[0], results)
    seen = {each.name: frames_seen(each.model_dump(mode="json")["training"]) for each in (run, bound, stills)}
    assert told["frames seen"] == seen[run.name] + seen[bound.name]
    assert told["stills seen before"] == seen[stills.name]
    assert (told["training (minutes)"], told["before (minutes)"]) == (1, 6)
