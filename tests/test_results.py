"""Run folders in, frames out; what is torn or damaged is told or left out, never guessed."""

from __future__ import annotations

import pandas as pd
import pytest

from rulebook import results
from rulebook.results import Results, runs_root
from rulebook.training.faults import Fault


def test_runs_lie_below_the_project_wherever_a_command_is_called(tmp_path, monkeypatch, repository):
    monkeypatch.delenv("RULEBOOK_ROOT", raising=False)
    monkeypatch.chdir(repository)
    assert str(runs_root()) == "results/runs"
    monkeypatch.chdir(tmp_path)
    assert runs_root() == repository / "results" / "runs"
    assert runs_root(tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.setenv("RULEBOOK_ROOT", str(tmp_path / "other"))
    assert str(runs_root()) == "other/results/runs"
    monkeypatch.delenv("RULEBOOK_ROOT")
    monkeypatch.setattr(results, "__file__", str(tmp_path / "site-packages" / "rulebook" / "results.py"))
    assert str(runs_root()) == "results/runs", "an installed package has no checkout around it"


def test_frames_have_a_row_per_run_and_metric(tmp_path, add_run):
    add_run("vim-m4/atomic/laptop/s0", error=1.5, module_kl=3.0)
    add_run("vim-m4/atomic/laptop/s10", error=1.7)
    add_run("vim-m4/atomic/smoke/s0", error=99.0)
    results = Results(tmp_path)
    assert [run.name for run in results.of("vim-m4/atomic", "laptop")] == [
        "vim-m4/atomic/laptop/s0",
        "vim-m4/atomic/laptop/s10",
    ]
    metrics = results.metrics("vim-m4/atomic")
    assert len(metrics) == 3 and set(metrics["profile"]) == {"laptop"}
    assert metrics[metrics["metric"] == "error"]["value"].tolist() == [1.5, 1.7]
    assert results.frame()["evaluated"].all() and not results.frame()["finished"].any()


def test_no_runs_give_empty_frames_with_their_columns(tmp_path):
    results = Results(tmp_path)
    assert len(results.frame()) == 0 and "run" in results.frame()
    assert len(results.metrics()) == 0 and "value" in results.metrics()
    assert len(results.histories("vim-m4/atomic")) == 0
    assert results.best_profile("vim-m4/atomic") is None


def test_paper_is_the_best_profile_once_it_is_evaluated(tmp_path, add_run):
    add_run("vim-m4/atomic/laptop/s0", error=1.0)
    assert Results(tmp_path).best_profile("vim-m4/atomic") == "laptop"
    add_run("vim-m4/atomic/paper/s0", error=1.0)
    assert Results(tmp_path).best_profile("vim-m4/atomic") == "paper"


def test_histories_of_all_seeds_without_a_torn_last_line(tmp_path, add_run):
    for seed in (0, 1):
        folder = add_run(f"slot-ae/atomic/laptop/s{seed}", error=1.0)
        lines = '{"step": 10, "split": "train", "error": 3.0}\n{"step": 20, "split": "validation", "error": 2.0}\n'
        (folder / "history.jsonl").write_text(lines + '{"step": 30, "spl')
    history = Results(tmp_path).histories("slot-ae/atomic")
    assert history["step"].tolist() == [10, 20, 10, 20] and history["seed"].tolist() == [0, 0, 1, 1]


def test_damaged_metrics_are_told_in_a_sentence(tmp_path, add_run):
    folder = add_run("slot-ae/atomic/laptop/s0", error=1.0)
    (folder / "metrics.json").write_text('{"metrics": {"err')
    with pytest.raises(Fault, match=r"slot-ae/atomic/laptop/s0/metrics.json is damaged .* evaluate the run again"):
        Results(tmp_path).metrics()
    (folder / "metrics.json").write_text('{"metrics": {"error": 3}}')
    with pytest.raises(Fault, match="'error' has no value"):
        Results(tmp_path).metrics()


def test_tables_come_back_as_they_were_saved(tmp_path):
    frame = pd.DataFrame({"model": ["a", "b"], "error (per frame)": [1.25, 2.5]})
    results = Results(tmp_path)
    results.save_table("t", frame)
    pd.testing.assert_frame_equal(results.table("t"), frame)
