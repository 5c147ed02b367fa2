"""``rulebook paper`` and ``rulebook import``, with smoke runs on the CPU."""

import json
import math
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.commands.paper import select
from rulebook.training import checkpoints
from rulebook.training import crew as crews
from rulebook.training.crew import Crew
from rulebook.training.faults import Fault
from rulebook.training.runfolder import check_manifest, drop_weights

CPU = torch.device("cpu")
SMOKE = "slot-ae/atomic/smoke/s0"


def paper(tmp_path: Path, *words: str, out: str = "out") -> int:
    fixed = ["--profile", "smoke", "--device", "cpu", "--root", str(tmp_path / "runs"), "--out", str(tmp_path / out)]
    return main(["paper", *fixed, *words])


def test_train_pack_import_and_do_nothing_twice(tmp_path, capsys):
    assert paper(tmp_path, "--parallel", "2", "--only", SMOKE) == 0
    out = capsys.readouterr().out
    assert f"{SMOKE}  started on cpu" in out and "1 of 1 runs of the profile 'smoke' are finished" in out
    archives = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in archives] == ["runs-000.tar"]
    assert main(["import", str(archives[0]), "--root", str(tmp_path / "home")]) == 0
    assert check_manifest(tmp_path / "home" / SMOKE) == []
    assert paper(tmp_path, "--only", SMOKE, out="again") == 0
    assert "started" not in capsys.readouterr().out
    assert not list((tmp_path / "again").iterdir()), "a packed run is not packed again"


def test_a_slice_without_time_carries_checkpoints(tmp_path, capsys):
    assert main(["train", SMOKE, "--root", str(tmp_path / "runs"), "--device", "cpu", "--minutes", "0"]) == 0
    assert paper(tmp_path, "--only", SMOKE, "--minutes", "0", "--carry-checkpoints") == 0
    assert "0 of 1 runs" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "out/runs-000.tar"), "--root", str(tmp_path / "home")]) == 0
    assert f"{SMOKE}: step 1, to go on with" in capsys.readouterr().out


def test_runs_finished_elsewhere_are_linked_and_neither_trained_nor_packed(tmp_path, capsys):
    assert main(["train", SMOKE, "--root", str(tmp_path / "home"), "--device", "cpu"]) == 0
    (tmp_path / "home" / SMOKE / "last.ckpt").unlink()
    assert paper(tmp_path, "--only", SMOKE, "--also", str(tmp_path / "home")) == 0
    assert "started" not in capsys.readouterr().out
    assert (tmp_path / "runs" / SMOKE / "weights.safetensors").exists()
    assert not list((tmp_path / "out").iterdir())


def test_a_run_that_fails_is_told_and_does_not_stop_the_others(tmp_path, capsys):
    folder = tmp_path / "runs" / SMOKE
    folder.mkdir(parents=True)
    (folder / "last.ckpt").write_bytes(b"")
    assert paper(tmp_path, "--only", SMOKE) == 1
    err = capsys.readouterr().err
    assert "1 run(s) failed" in err and "last.ckpt is empty" in err


def test_a_run_that_broke_is_packed_once_with_what_there_is_to_see(tmp_path, capsys):
    assert main(["train", SMOKE, "--root", str(tmp_path / "runs"), "--device", "cpu", "--minutes", "0"]) == 0
    (tmp_path / "runs" / SMOKE / "broken.json").write_text('{"step": 7, "why": "The loss is no number."}')
    assert paper(tmp_path, "--only", SMOKE, "--minutes", "0") == 0
    assert "of 1 run(s) that broke" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "out/runs-000.tar"), "--root", str(tmp_path / "home")]) == 0
    assert f"{SMOKE}: broken at step 7" in capsys.readouterr().out
    assert not (tmp_path / "home" / SMOKE / "last.ckpt").exists()
    assert paper(tmp_path, "--only", SMOKE, "--minutes", "0", out="again") == 0
    assert not list((tmp_path / "again").iterdir())


@pytest.mark.parametrize("size", ["nan", "inf", "0.001"])
def test_archives_without_a_size_are_refused_before_anything_is_trained(tmp_path, capsys, size):
    assert paper(tmp_path, "--only", SMOKE, "--megabytes", size) == 1
    assert "--megabytes must be at least 0.02" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_slimmed_runs_do_not_keep_others_from_being_packed(tmp_path, capsys):
    root = tmp_path / "runs"
    for name in (SMOKE, "scoff/atomic/smoke/s0"):
        assert main(["train", name, "--root", str(root), "--device", "cpu"]) == 0
    drop_weights(root / "scoff/atomic/smoke/s0")
    (root / SMOKE / "packed.json").write_text("{")
    assert paper(tmp_path, "--only", "scoff/atomic/*", "--minutes", "0") == 0
    assert "packed 1 finished run(s)" in capsys.readouterr().out


def test_a_run_that_broke_is_tried_again_only_when_asked(tmp_path, capsys):
    assert main(["train", SMOKE, "--root", str(tmp_path / "runs"), "--device", "cpu", "--minutes", "0"]) == 0
    (tmp_path / "runs" / SMOKE / "broken.json").write_text('{"step": 7, "why": "The loss is no number."}')
    assert paper(tmp_path, "--only", SMOKE) == 0
    out = capsys.readouterr().out
    assert f"First: {SMOKE} at step 7: The loss is no number." in out and "--again" in out
    assert "started" not in out and "0 of 1 runs" in out
    assert paper(tmp_path, "--only", SMOKE, "--again") == 0
    out = capsys.readouterr().out
    assert "started" in out and "1 of 1 runs" in out


def test_earlier_stages_come_first():
    staged = [run for run in CATALOGUE.runs("paper") if run.start_from]
    for run in staged:
        names = [chosen.name for chosen in select("paper", run.name)]
        assert names.index(run.start_from) < names.index(run.name)


def test_a_run_waits_for_the_one_that_it_starts_from(tmp_path):
    first = CATALOGUE.find(SMOKE)
    second = first.model_copy(update={"variant": "second", "start_from": first.name})
    crew = Crew([first, second], tmp_path, CPU, 2)
    assert [run.name for run in crew.ready()] == [first.name]
    (tmp_path / first.name).mkdir(parents=True)
    (tmp_path / first.name / "provenance.json").write_text(json.dumps({"steps": 1, "weights_sha256": ""}))
    assert [run.name for run in crew.ready()] == [second.name]


def test_a_signal_stops_every_run_and_each_saves(tmp_path, monkeypatch):
    run = CATALOGUE.find("slot-ae/atomic/laptop/s0")
    crew, history = Crew([run], tmp_path, CPU, 1), tmp_path / run.name / "history.jsonl"

    def once_it_trains(ended):
        if history.exists() and history.read_text().endswith("\n"):
            os.kill(os.getpid(), signal.SIGTERM)
        return collect(ended)

    collect = crew.collect
    monkeypatch.setattr(crew, "collect", once_it_trains)
    with pytest.raises(Fault, match=r"Stopped by SIGTERM\. All that was trained is saved") as caught:
        crew.work(math.inf)
    assert caught.value.code == 143 and not crew.workers
    step = json.loads(history.read_text().splitlines()[0])["step"]
    assert step <= checkpoints.load(tmp_path / run.name)["step"] < run.training.save_every


def crew_of(script: str, tmp_path: Path, monkeypatch) -> Crew:
    """A crew of one run, whose process executes a script instead of training."""
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **rest: popen([words[0], "-c", script], **rest))
    (tmp_path / SMOKE).mkdir(parents=True)
    return Crew([CATALOGUE.find(SMOKE)], tmp_path, CPU, 1)


ANSWERING = """
import signal, sys, time
def answer(*_):
    {}
signal.signal(signal.SIGTERM, answer)
print('ready', flush=True)
time.sleep(60)
"""


def told_to_stop(crew: Crew, monkeypatch) -> Fault:
    """What the crew says when it is told to stop while its run is under way."""
    collect = crew.collect

    def once_ready(ended):
        if any(worker.last_line() == "ready" for worker in crew.workers.values()):
            os.kill(os.getpid(), signal.SIGTERM)
        return collect(ended)

    monkeypatch.setattr(crew, "collect", once_ready)
    with pytest.raises(Fault) as caught:
        crew.work(math.inf)
    assert not crew.workers and caught.value.code == 143
    return caught.value


def test_a_run_that_cannot_save_when_it_is_told_to_stop_has_failed(tmp_path, monkeypatch, capsys):
    crew = crew_of(ANSWERING.format("print('the disk is full'); sys.exit(1)"), tmp_path, monkeypatch)
    fault = told_to_stop(crew, monkeypatch)
    assert crew.failures == {SMOKE: "exit code 1, the disk is full"}
    assert "1 run(s) failed" in str(fault) and "the disk is full" in str(fault) and "is saved" not in str(fault)
    assert (tmp_path / SMOKE / "failed.log.tmp").read_text() == "ready\nthe disk is full\n"


def test_a_run_that_cannot_save_at_the_deadline_has_failed(tmp_path, monkeypatch):
    crew = crew_of(ANSWERING.format("print('the disk is full'); sys.exit(1)"), tmp_path, monkeypatch)
    monkeypatch.setattr(crews, "TOO_SHORT", 0.0)
    assert crew.work(time.monotonic() + 3) == {SMOKE: "exit code 1, the disk is full"}


def test_a_run_that_does_not_answer_is_killed_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(crews, "GRACE", 0.5)
    crew = crew_of(ANSWERING.format("pass"), tmp_path, monkeypatch)
    assert "did not save within 0.5 s and was killed" in str(told_to_stop(crew, monkeypatch))


@pytest.mark.parametrize("answer", ["sys.exit(143)", "sys.exit(130)", "sys.exit(0)", "signal.raise_signal(2)"])
def test_a_run_that_ends_because_it_was_told_to_has_not_failed(answer, tmp_path, monkeypatch):
    crew = crew_of(ANSWERING.format(answer), tmp_path, monkeypatch)
    assert "All that was trained is saved" in str(told_to_stop(crew, monkeypatch)) and not crew.failures


@pytest.mark.parametrize("words", [("--parallel", "0"), ("--minutes", "-1"), ("--archives", "0")])
def test_numbers_out_of_range(tmp_path, capsys, words):
    assert paper(tmp_path, *words) == 1
    assert "must" in capsys.readouterr().err


def test_a_folder_of_finished_runs_that_is_not_there_is_told(tmp_path, capsys):
    """Or everything in it would be trained again."""
    assert paper(tmp_path, "--only", SMOKE, "--also", str(tmp_path / "hoem")) == 1
    assert "hoem: --also names one with runs that are finished already" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_import_wants_archives(capsys):
    assert main(["import"]) == 1
    assert "Say which archives to import" in capsys.readouterr().err


def test_nothing_matches():
    with pytest.raises(Fault, match="No run of the profile 'smoke' matches --only 'nothing"):
        select("smoke", "nothing*")
