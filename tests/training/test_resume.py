"""A run that is killed, at whatever moment, ends as if nothing had happened."""

import json
import os
import random
import signal
import time

import pytest
import torch
from safetensors.torch import load_file

from rulebook.training import checkpoints
from rulebook.training.checkpoints import LAST, PREVIOUS
from rulebook.training.faults import Fault
from rulebook.training.loop import train
from rulebook.training.runfolder import check_manifest

CPU = torch.device("cpu")
KILLS = 20


def steps_saved(folder) -> int:
    state = checkpoints.load(folder) if folder.exists() else None
    return state["step"] if state else 0


def test_killed_at_twenty_random_moments(changed, fork, same_run, tmp_path):
    config = changed(steps=60)
    began = time.monotonic()
    train(config, tmp_path / "whole", CPU)
    duration = time.monotonic() - began
    chance = random.Random(0)
    kills, saved, folder = 0, 0, tmp_path / "killed" / config.name
    while kills < KILLS:
        child = fork(lambda: train(config, tmp_path / "killed", CPU))
        time.sleep(chance.uniform(0, duration / 6))
        os.kill(child, signal.SIGKILL)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        kills += killed
        assert steps_saved(folder) >= saved, "a kill cost steps that had been saved"
        saved = steps_saved(folder)
        if (folder / "provenance.json").exists():
            same_run(tmp_path / "whole" / config.name, folder)
            for path in folder.iterdir():
                path.unlink()
            saved = 0
    train(config, tmp_path / "killed", CPU)
    same_run(tmp_path / "whole" / config.name, folder)


def test_killed_at_every_touch_of_the_disk(smoke, whole, fork, same_run, tmp_path):
    """The n-th process dies just before its n-th fsync, rename or link: during saves, and while it finishes."""
    folder, saved = tmp_path / smoke.name, 0

    def die_at(n: int):
        touches = iter(range(1, n + 1))

        def fatal(function):
            def touch(*words):
                if next(touches) == n:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*words)

            return touch

        os.fsync, os.replace, os.link = fatal(os.fsync), fatal(os.replace), fatal(os.link)
        train(smoke, tmp_path, CPU)

    for n in range(1, 200):
        status = os.waitpid(fork(lambda n=n: die_at(n)), 0)[1]
        if not os.WIFSIGNALED(status):
            break
        assert steps_saved(folder) >= saved
        saved = steps_saved(folder)
    assert n > 15 and os.waitstatus_to_exitcode(status) == 0
    same_run(whole, folder)


def test_killed_in_the_middle_of_writing_a_checkpoint(smoke, whole, fork, same_run, tmp_path):
    def die_half_way(path, mode):
        file = open(path, mode)  # noqa: SIM115
        if not path.name.startswith(LAST):
            return file

        class Torn:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def write(self, data):
                file.write(data[: len(data) // 2])
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)

        return Torn()

    def doomed():
        checkpoints.open = die_half_way
        train(smoke, tmp_path, CPU)

    train(smoke, tmp_path, CPU, minutes=0)
    assert os.WIFSIGNALED(os.waitpid(fork(doomed), 0)[1])
    assert steps_saved(tmp_path / smoke.name) == 1
    train(smoke, tmp_path, CPU)
    same_run(whole, tmp_path / smoke.name)


def test_slices_of_one_step(go, folder, whole, same_run):
    outcome = go(minutes=0)
    assert not outcome.finished and "stands at step 1 of 30" in outcome.sentence
    for step in range(2, 30):
        assert go(minutes=0).step == step
    assert go(minutes=0).finished
    same_run(whole, folder)
    slices = json.loads((folder / "provenance.json").read_text())["slices"]
    assert [entry["last_step"] for entry in slices] == list(range(1, 31))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_slices_on_a_gpu(changed, same_run, tmp_path):
    """The slot autoencoder uses no kernel that adds up in any order."""
    gpu, config = torch.device("cuda"), changed(steps=12)
    train(config, tmp_path / "whole", gpu)
    while not train(config, tmp_path / "cut", gpu, minutes=0).finished:
        pass
    same_run(tmp_path / "whole" / config.name, tmp_path / "cut" / config.name)


def test_a_finished_run_is_left_alone(go, folder):
    go()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "run.lock"}
    outcome = go()
    assert outcome.finished and "already trained" in outcome.sentence
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "run.lock"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(go, folder, whole, same_run, monkeypatch, number):
    from rulebook.training.trainer import Trainer

    advance = Trainer.advance

    def interrupted(self):
        advance(self)
        if self.step == 17:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Trainer, "advance", interrupted)
    with pytest.raises(Fault, match=f"Stopped by {number.name}: .* step 17 of 30") as caught:
        go()
    assert caught.value.code == 128 + number
    assert steps_saved(folder) == 17
    monkeypatch.setattr(Trainer, "advance", advance)
    go()
    same_run(whole, folder)


def test_a_torn_last_line_and_later_lines_are_cut(go, changed, folder, whole, same_run):
    go(minutes=0)
    later = json.dumps({"step": 5, "seconds": 1.0, "error": 1.0}) + "\n"
    with open(folder / "history.jsonl", "a") as file:
        file.write(later + '{"step": 10, "sec')
    go()
    same_run(whole, folder)


def test_what_a_run_leaves_behind(whole, smoke):
    assert check_manifest(whole) == []
    text = "".join(
        (whole / name).read_text() for name in ("config.yaml", "history.jsonl", "provenance.json", "manifest.json")
    )
    assert str(whole.parents[3]) not in text and os.getcwd() not in text
    provenance = json.loads((whole / "provenance.json").read_text())
    assert provenance["steps"] == 30 and provenance["seconds"] > 0 and provenance["cpu_seconds"] > 0
    weights = load_file(whole / "weights.safetensors")
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float16}
    assert provenance["parameters"] == sum(
        value.numel() for value in smoke.model.build(smoke.world.frame_shape).parameters()
    )


def test_history_has_every_line(whole):
    lines = [json.loads(line) for line in (whole / "history.jsonl").read_text().splitlines()]
    train_lines = [line for line in lines if line["split"] == "train"]
    validation = [line for line in lines if line["split"] == "validation"]
    assert [line["step"] for line in train_lines] == [5, 10, 15, 20, 25, 30]
    assert [line["step"] for line in validation] == [15, 30]
    assert all({"seconds", "learning_rate", "total", "error"} <= set(line) for line in train_lines)
    assert train_lines[-1]["error"] < train_lines[0]["error"]


def test_lines_are_means_over_the_steps_between(changed, go, folder, whole):
    """Five lines of one step each have the mean of one line of five steps."""
    go(changed(log_every=1))
    single = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()][:5]
    first = json.loads((whole / "history.jsonl").read_text().splitlines()[0])
    assert sum(line["error"] for line in single) / 5 == pytest.approx(first["error"], abs=1e-6)


def test_the_file_of_the_checkpoint_before_is_kept_until_the_end(go, folder):
    go(minutes=0)
    go(minutes=0)
    assert (folder / PREVIOUS).exists()
    go()
    assert not (folder / PREVIOUS).exists() and (folder / LAST).exists()
