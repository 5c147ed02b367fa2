"""What settings, files, disks and data can do to a run: one sentence each, and nothing that was saved is lost."""

import dataclasses
import errno
import os

import pytest
import torch

from rulebook.models.slot_autoencoder import SlotAutoencoder
from rulebook.training import checkpoints, runfolder
from rulebook.training.checkpoints import LAST
from rulebook.training.config import Ramp
from rulebook.training.faults import Fault
from rulebook.training.loop import train
from rulebook.training.runfolder import (
    RunFolder,
    check_manifest,
    drop_weights,
    read_broken,
    read_provenance,
    weights_sum,
)
from rulebook.worlds.random_walk import RandomWalk


def break_losses(monkeypatch, at: int, value: float) -> None:
    """The model's loss takes this value at its ``at``-th training call."""
    calls = iter(range(1_000_000))
    whole = SlotAutoencoder.losses

    def losses(self, frames, noise):
        terms = whole(self, frames, noise)
        if self.training and next(calls) == at:
            terms["error"] = terms["error"] * value
        return terms

    monkeypatch.setattr(SlotAutoencoder, "losses", losses)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_saving(go, folder, monkeypatch, value):
    break_losses(monkeypatch, 13, value)
    with pytest.raises(Fault, match=r"not a finite number at step 13 \(term 'error' is (nan|inf)\)"):
        go()
    assert checkpoints.load(folder)["step"] == 10
    monkeypatch.undo()
    assert go().finished


def test_a_run_that_broke_leaves_a_trace_until_it_is_past_it(go, changed, folder, monkeypatch):
    often = changed(save_every=1)
    with monkeypatch.context() as patch:
        break_losses(patch, 13, float("nan"))
        with pytest.raises(Fault, match="at step 13"):
            go(often)
    told = read_broken(folder)
    assert told["step"] == 13 and told["why"].endswith("not a finite number at step 13 (term 'error' is nan).")
    (folder / LAST).unlink()
    (folder / "previous.ckpt").unlink()
    assert go(often, minutes=0).step == 1 and read_broken(folder) == told, "it may break there again"
    for step in range(2, 14):
        assert go(often, minutes=0).step == step and read_broken(folder) == told
    assert go(often, minutes=0).step == 14 and read_broken(folder) is None


def test_a_run_that_breaks_before_it_saved_anything_leaves_a_trace_too(go, folder, monkeypatch):
    break_losses(monkeypatch, 0, float("inf"))
    with pytest.raises(Fault):
        go()
    assert read_broken(folder)["step"] == 0 and not (folder / LAST).exists()


def test_a_disk_without_room_for_the_trace_does_not_hide_why(go, folder, monkeypatch):
    break_losses(monkeypatch, 13, float("nan"))
    fail_on(monkeypatch, "broken.json", errno.ENOSPC)
    with pytest.raises(Fault, match="not a finite number at step 13"):
        go()
    assert read_broken(folder) is None


@pytest.mark.parametrize(
    "value, what", [(float("nan"), "not a finite number"), (1e5, r"beyond half precision \(65504\)")]
)
def test_a_broken_weight_is_never_saved(go, folder, monkeypatch, value, what):
    """A gradient can break where the loss does not; the step that saves looks at the weights. One that no shipped file
    can hold would else be met at the very end, when all is trained."""
    step = torch.optim.Adam.step
    calls = iter(range(1000))

    def broken(self):
        step(self)
        if next(calls) == 19:
            self.param_groups[0]["params"][0].data.fill_(value)

    monkeypatch.setattr(torch.optim.Adam, "step", broken)
    with pytest.raises(Fault, match=rf"Weight '.*' .* is {what} after step 19"):
        go()
    assert checkpoints.load(folder)["step"] == 10
    assert read_broken(folder)["step"] == 19


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda frames: frames[:, :, :, 1:], r"shape \(8, 1, 3, 31, 32\) at step 0, not \(8, 1, 3, 32, 32\)"),
        (lambda frames: frames.double(), "type torch.float64 at step 0, not torch.float32"),
        (lambda frames: frames * 255, r"values from 0 to 255 at step 0, not in \[0, 1\]"),
        (lambda frames: frames * float("nan"), "values from nan to nan at step 0"),
    ],
    ids=["shape", "dtype", "range", "not a number"],
)
def test_data_that_breaks_the_worlds_promise(go, folder, monkeypatch, damage, words):
    sample = RandomWalk.sample

    def damaged(self, *words, **settings):
        clip = sample(self, *words, **settings)
        return dataclasses.replace(clip, frames=damage(clip.frames))

    monkeypatch.setattr(RandomWalk, "sample", damaged)
    with pytest.raises(Fault, match=words):
        go()
    assert not (folder / LAST).exists()


def test_settings_that_differ_from_the_checkpoints(go, folder, changed):
    go(minutes=0)
    with pytest.raises(
        Fault, match=r"training.learning_rate was 0.001, now 0.002; training.clip_norm was None, now 1.0"
    ):
        go(changed(learning_rate=2e-3, clip_norm=1.0))
    (folder / "config.yaml").unlink()
    with pytest.raises(Fault, match=r"differ from those of the checkpoint .* training.learning_rate was 0.001"):
        go(changed(learning_rate=2e-3))
    assert go().finished
    with pytest.raises(Fault, match=r"training.learning_rate"):
        go(changed(learning_rate=2e-3))


def test_a_weight_of_a_term_that_is_not_there(go, changed):
    with pytest.raises(Fault, match="'eror'; did you mean 'error'"):
        go(changed(weights={"eror": Ramp(first=1, last=1)}))


def test_a_damaged_line_inside_the_history(go, folder):
    go(minutes=0)
    path = folder / "history.jsonl"
    line = '{"step": 1, "split": "train", "error": 3.0}\n'
    path.write_text(line + line[:20] + "\n" + line)
    with pytest.raises(Fault, match=r"^Line 2 of .*history\.jsonl is damaged, and others follow: restore the file"):
        go()
    assert path.read_text().count(line) == 2, "nothing that follows is lost"
    path.write_text(line)
    assert go().finished


def test_a_checkpoint_that_does_not_say_of_which_run_it_is(go, folder):
    go(minutes=0)
    state = checkpoints.load(folder)
    del state["config"]
    checkpoints.save(folder, state)
    with pytest.raises(Fault, match="does not say of which run it is: delete it"):
        go()


def test_two_writers_in_one_folder(go, smoke, tmp_path):
    held = RunFolder(tmp_path / "runs", smoke)
    with pytest.raises(Fault, match="Another process is writing slot-ae/atomic/smoke/s0"):
        go()
    held.close()
    assert go().finished


def fail_on(monkeypatch, name: str, code: int) -> None:
    """Writing the file ``name`` fails as the system's error ``code`` has it, after half of it is written."""

    def broken(path, mode="r"):
        file = open(path, mode)  # noqa: SIM115
        if path.name.startswith(name) and mode != "r":
            file.write(b"half" if "b" in mode else "half")
            raise OSError(code, os.strerror(code))
        return file

    monkeypatch.setattr(checkpoints, "open", broken, raising=False)


@pytest.mark.parametrize("code, words", [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the disk quota")])
def test_a_full_disk_keeps_the_last_checkpoint(go, folder, whole, same_run, monkeypatch, code, words):
    go(minutes=0)
    fail_on(monkeypatch, LAST, code)
    with pytest.raises(Fault, match=f"last.ckpt: {words}.* still the checkpoint before it: make room"):
        go()
    assert not list(folder.glob("*.tmp"))
    assert checkpoints.load(folder)["step"] == 1
    monkeypatch.undo()
    go()
    same_run(whole, folder)


def test_a_history_that_the_disk_does_not_take(go, folder, whole, same_run, monkeypatch):
    go(minutes=0)

    def full(path, mode):
        return open("/dev/full" if mode == "a" else path, mode)

    monkeypatch.setattr(runfolder, "open", full, raising=False)
    with pytest.raises(Fault, match=r"history.jsonl: the disk is full. Make room and start the command again"):
        go()
    assert checkpoints.load(folder)["step"] == 1
    monkeypatch.undo()
    go()
    same_run(whole, folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json", "provenance.json"])
def test_a_disk_that_fills_up_at_the_end(go, folder, whole, same_run, monkeypatch, name):
    fail_on(monkeypatch, name, errno.ENOSPC)
    with pytest.raises(Fault, match=f"{name}: the disk is full"):
        go()
    monkeypatch.undo()
    assert "is trained" in go().sentence
    same_run(whole, folder)
    assert check_manifest(folder) == []


def test_a_read_only_file_system(go, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.mkdir", read_only)
    with pytest.raises(
        Fault, match=r"Cannot write .*: the file system is read-only. Make room or choose another --root"
    ):
        go()


def test_a_folder_that_cannot_be_made(smoke, tmp_path):
    """Holds for root too, whom permissions do not bind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault, match="a part of its path is a file"):
        train(smoke, tmp_path / "file", torch.device("cpu"))


def test_an_earlier_stage_that_is_missing(smoke, go):
    later = smoke.model_copy(update={"variant": "later", "start_from": smoke.name})
    with pytest.raises(Fault, match="train it first with 'rulebook train slot-ae/atomic/smoke/s0 --root"):
        go(later)


def test_an_earlier_stage_hands_its_weights_on(smoke, go, tmp_path):
    go()
    later = smoke.model_copy(update={"variant": "later", "start_from": smoke.name})
    go(later)
    histories = [(tmp_path / "runs" / run.name / "history.jsonl").read_text() for run in (smoke, later)]
    first = [float(text.split('"error": ')[1].split(",")[0]) for text in histories]
    assert first[1] < 0.9 * first[0], "the second stage begins where the first has ended"


def test_a_damaged_file_of_a_finished_run_is_told(go, folder):
    go()
    data = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (folder / "history.jsonl").unlink()
    assert [line.split("/")[-1] for line in check_manifest(folder)] == [
        "history.jsonl is missing.",
        "weights.safetensors does not match its sha256.",
    ]


@pytest.mark.parametrize("text", ["[1, 2]", '{"steps": 3}', '{"steps"', "\x00"])
def test_a_provenance_that_is_none(go, folder, text):
    go()
    (folder / "provenance.json").write_text(text)
    with pytest.raises(Fault, match=r"provenance\.json is damaged: restore it, or delete it to finish the run anew"):
        go()


def test_dropped_weights_without_a_provenance_have_no_sum(go, folder):
    go()
    stated = read_provenance(folder)["weights_sha256"]
    assert weights_sum(folder) == stated
    drop_weights(folder)
    assert weights_sum(folder) == stated
    (folder / "provenance.json").unlink()
    with pytest.raises(Fault, match=r"provenance\.json is missing, and the weights were dropped: restore it from git"):
        weights_sum(folder)
