"""Runs that are started side by side spread over the GPUs of a machine (which are made up here)."""

import os
import signal
import tempfile
import time

import pytest
import torch

from rulebook.cli import main
from rulebook.commands import train as command
from rulebook.training import leases
from rulebook.training.leases import lease
from rulebook.training.loop import Outcome

SMOKE = "slot-ae/atomic/smoke/s0"
CUDA = torch.device("cuda")


@pytest.fixture(autouse=True)
def three_devices(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(leases, "HELD", [])
    for name in ("WORLD_SIZE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    yield
    for file in leases.HELD:
        file.close()


def test_each_run_gets_a_device_of_its_own_and_then_they_share(capsys):
    assert [lease(CUDA, "run").index for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "run takes cuda:1 of 3 devices."
    assert lines[4] == "run takes cuda:1 of 3 devices, beside 1 other run(s)."


def test_a_lease_ends_with_its_process(fork, tmp_path):
    def hold():
        lease(CUDA, "run")
        (tmp_path / "held").touch()
        time.sleep(60)

    child = fork(hold)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    assert lease(CUDA, "run").index == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert lease(CUDA, "run").index == 0


def test_a_device_is_known_by_what_every_process_calls_it(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    assert lease(CUDA, "run").index == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 4, 5")
    assert [lease(CUDA, "run").index for _ in range(2)] == [0, 2]


@pytest.mark.parametrize(
    ("asked", "processes", "devices"), [("cuda:1", "1", 3), ("cpu", "1", 3), ("cuda", "4", 3), ("cuda", "1", 1)]
)
def test_who_knows_the_device_needs_no_lease(asked, processes, devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setenv("WORLD_SIZE", processes)
    assert lease(torch.device(asked), "run") == torch.device(asked) and not leases.HELD


def test_a_folder_that_takes_no_files_stops_no_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert lease(CUDA, "run").index == 0
    assert "no lease is to be had" in capsys.readouterr().out


def test_the_command_takes_a_lease_for_auto_alone(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(command, "train", lambda config, root, device, *_: seen.append(device) or Outcome(0, True, ""))
    for words in ([], [], ["--device", "cuda:0"], ["--device", "cuda"], []):
        assert main(["train", SMOKE, "--root", str(tmp_path), *words]) == 0
    assert [str(device) for device in seen] == ["cuda:0", "cuda:1", "cuda:0", "cuda", "cuda:2"]
