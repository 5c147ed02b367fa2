"""The commands that list: runs, exhibits, claims, each with --json and --help."""

from __future__ import annotations

import json

import pytest

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.results import Results


@pytest.fixture(autouse=True)
def made_up(tmp_path, monkeypatch, add_run):
    monkeypatch.setenv("RULEBOOK_ROOT", str(tmp_path))
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "_toc.yml").write_text("root: index\n")
    folder = add_run("slot-ae/atomic/laptop/s0", error=1.0)
    (folder / "weights.safetensors").write_bytes(b"")
    (folder / "provenance.json").write_text('{"seconds": 60}')
    return tmp_path


def test_runs_lists_every_run_of_the_catalogue(capsys):
    assert main(["runs", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["run"] for row in rows] == [run.name for run in CATALOGUE.runs()]
    fields = {"run", "experiment", "model", "world", "profile", "seed", "needed_by", "status", "weights", "cost"}
    assert all(row.keys() == fields and row["cost"] for row in rows)
    states = {row["run"]: row["status"] for row in rows}
    assert states["slot-ae/atomic/laptop/s0"] == "evaluated" and states["slot-ae/atomic/laptop/s1"] == "missing"


def test_runs_can_be_narrowed(capsys):
    assert main(["runs", "--profile", "laptop", "--missing", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows and all(row["profile"] == "laptop" and row["run"] != "slot-ae/atomic/laptop/s0" for row in rows)


def test_runs_of_another_folder_are_listed(capsys, tmp_path, monkeypatch):
    elsewhere = tmp_path / "results" / "runs"
    monkeypatch.setenv("RULEBOOK_ROOT", str(tmp_path / "fresh"))
    for named, expected in ((["--root", str(elsewhere)], "evaluated"), ([], "missing")):
        assert main(["runs", "--json", *named]) == 0
        states = {row["run"]: row["status"] for row in json.loads(capsys.readouterr().out)}
        assert states["slot-ae/atomic/laptop/s0"] == expected
    assert main(["runs", "--root", str(tmp_path / "nowhere")]) != 0
    told = capsys.readouterr()
    assert "There is no folder" in told.err and not told.out


def test_a_run_that_broke_off_is_called_broken_unless_it_was_finished_later(capsys, add_run):
    note = json.dumps({"step": 13, "why": "The loss is not a finite number at step 13."})
    folders = [add_run(f"slot-ae/atomic/laptop/s{seed}", error=1.0) for seed in (0, 1)]
    for folder in folders:
        (folder / "broken.json").write_text(note)
    (folders[1] / "metrics.json").unlink()
    assert main(["runs", "--json"]) == 0
    states = {row["run"]: row["status"] for row in json.loads(capsys.readouterr().out)}
    assert states["slot-ae/atomic/laptop/s0"] == "evaluated" and states["slot-ae/atomic/laptop/s1"] == "broken"
    assert main(["runs", "--profile", "laptop", "--missing"]) == 0
    assert "slot-ae/atomic/laptop/s1" in capsys.readouterr().out
    finished, broken = Results(folders[0].parents[5]).of("slot-ae/atomic", "laptop")
    assert finished.broken == {} and broken.broken["step"] == 13


def test_exhibits_lists_all(capsys):
    assert main(["exhibits", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 50 and {row["status"] for row in rows} == {"to come"}


def test_claims_are_judged_and_written(capsys, made_up):
    assert main(["claims"]) == 0
    assert "41 not tested" in capsys.readouterr().out
    assert len(json.loads((made_up / "results" / "claims.json").read_text())) == 41


def test_one_claim_is_explained_and_nothing_written(capsys, made_up):
    assert main(["claims", "V1"]) == 0
    out = capsys.readouterr().out
    assert "rule: rule_accuracy_interior of vim-m4-dreams-on/atomic at least 0.95 for every seed" in out
    assert not (made_up / "results" / "claims.json").exists()


def test_an_unknown_claim_is_told(capsys):
    assert main(["claims", "V99"]) == 1
    assert "There is no claim 'V99'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["runs", "exhibits", "claims", "notebooks", "book", "evaluate", "bench"])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith(f"rulebook {command}") for line in lines)
