"""Shipped numbers that share a name were measured alike: those of runs without weights cannot be measured anew."""

from __future__ import annotations

import json
import re
from collections import defaultdict

from rulebook.results import Results, Run


def measured_otherwise(runs: list[Run]) -> list[str]:
    """Numbers that mean one thing in one run of a model and another thing in the next, one sentence each."""
    meanings: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for run in runs:
        for name, entry in run.metrics.items():
            key = (run.config["experiment"], run.config["model"]["kind"], name)
            meanings[key].setdefault(shape(f"{entry['definition']} [{entry['unit']}]"), run.name)
    return [
        f"{name} of {kind} is '{first}' in {one} and '{second}' in {other}"
        for (_, kind, name), found in meanings.items()
        for (first, one), (second, other) in zip(list(found.items())[:1], list(found.items())[1:], strict=False)
    ]


def shape(definition: str) -> str:
    """A definition without what depends on a run's own size: numbers, and lists of pairs of cells."""
    return re.sub(r"#-#(, #-#)+", "#-#", re.sub(r"\d+", "#", definition))


def test_shipped_numbers_of_one_name_mean_one_thing(repository):
    runs = [run for run in Results(repository).all if run.profile != "smoke" and run.metrics]
    assert len(runs) > 50
    assert not measured_otherwise(runs), "evaluate these anew (those without weights: 'rulebook slim --help')"


def test_a_number_that_is_measured_otherwise_is_found(tmp_path, add_run):
    for seed, meaning in enumerate(("mean of 8 clips", "mean of 16 clips", "median of 16 clips")):
        folder = add_run(f"gru/moving-mnist/laptop/s{seed}", mse=1.0)
        (folder / "config.yaml").write_text("experiment: oc-rims\nmodel: {kind: gru}\n")
        stored = json.loads((folder / "metrics.json").read_text())
        stored["metrics"]["mse"]["definition"] = meaning
        (folder / "metrics.json").write_text(json.dumps(stored))
    (told,) = measured_otherwise(Results(tmp_path).all)
    assert told == (
        "mse of gru is 'mean of # clips [u]' in gru/moving-mnist/laptop/s0 and 'median of # clips [u]' "
        "in gru/moving-mnist/laptop/s2"
    )
