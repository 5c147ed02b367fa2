"""A crew: several training runs side by side on one machine, each in its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

import rulebook
from rulebook.training.config import RunConfig
from rulebook.training.faults import Interrupted, shown
from rulebook.training.progress import EVERY
from rulebook.training.runfolder import read_provenance
from rulebook.training.signals import Signals

TOO_SHORT = 20.0
"""Seconds before the deadline within which no further run is started: the interpreter alone takes some."""
GRACE = 60.0
"""Seconds that a run gets to save after it was told to stop."""
STOPPED = (0, 128 + signal.SIGTERM, 128 + signal.SIGINT, -signal.SIGTERM, -signal.SIGINT)
"""Exit codes of a run that was told to stop and lost nothing: saved, or not yet (or no longer) training."""


@dataclass
class Worker:
    run: RunConfig
    process: subprocess.Popen[bytes]
    log: Path

    def last_line(self) -> str:
        """What the run said last."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else f"{self.run.name}  starting"


class Crew:
    """Trains the unfinished ones of ``runs``, those that others start from first."""

    def __init__(self, runs: list[RunConfig], root: Path, device: torch.device, parallel: int):
        self.runs, self.root, self.device, self.parallel = runs, root, device, parallel
        self.workers: dict[int, Worker] = {}
        self.failures: dict[str, str] = {}

    def work(self, deadline: float) -> dict[str, str]:
        """Train until all is finished or the deadline (of time.monotonic) is there; returns what failed, and why."""
        said = time.monotonic()
        with tempfile.TemporaryDirectory() as logs, Signals() as signals:
            try:
                while self.deal(Path(logs), deadline) or self.workers:
                    time.sleep(0.1)
                    # A signal to the whole group of processes reaches the runs too.
                    self.collect(STOPPED if signals.received else (0,))
                    if time.monotonic() - said >= EVERY:
                        said = time.monotonic()
                        for worker in self.workers.values():
                            print(worker.last_line(), flush=True)
                    if signals.received or time.monotonic() >= deadline:
                        break
            finally:
                self.stop()
        if signals.received:
            name = signal.Signals(signals.received).name
            kept = told(self.failures) or "All that was trained is saved; the same command goes on."
            raise Interrupted(f"Stopped by {name}. {kept}", 128 + signals.received)
        return self.failures

    def deal(self, logs: Path, deadline: float) -> bool:
        """Start runs in the free places; False when nothing is left to start."""
        waiting = self.ready()
        while waiting and len(self.workers) < self.parallel and deadline - time.monotonic() > TOO_SHORT:
            place = min(set(range(self.parallel)) - set(self.workers))
            self.start(waiting.pop(0), place, logs, deadline)
        return bool(waiting) and deadline - time.monotonic() > TOO_SHORT

    def ready(self) -> list[RunConfig]:
        """Runs that can be started now."""
        busy = {worker.run.name for worker in self.workers.values()}
        return [
            run
            for run in self.runs
            if run.name not in busy
            and run.name not in self.failures
            and read_provenance(self.root / run.name) is None
            and (run.start_from is None or read_provenance(self.root / run.start_from) is not None)
        ]

    def start(self, run: RunConfig, place: int, logs: Path, deadline: float) -> None:
        device = str(self.device)
        if self.device.type == "cuda" and self.device.index is None:
            device = f"cuda:{place % torch.cuda.device_count()}"
        log = logs / run.name.replace("/", "_")
        words = [sys.executable, "-m", "rulebook", "train", run.name, "--root", str(self.root), "--device", device]
        left = (deadline - time.monotonic()) / 60
        if left < float("inf"):
            words += ["--minutes", f"{left:.3f}"]
        source = str(Path(rulebook.__file__).parent.parent)
        paths = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        with open(log, "wb") as file:
            process = subprocess.Popen(
                words,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            )
        self.workers[place] = Worker(run, process, log)
        print(f"{run.name}  started on {device}", flush=True)

    def collect(self, fine: tuple[int, ...]) -> None:
        """Take note of the processes that ended; exit codes that are not ``fine`` are failures."""
        for place, worker in list(self.workers.items()):
            code = worker.process.poll()
            if code is not None:
                self.part_with(place, None if code in fine else f"exit code {code}, {worker.last_line()}")

    def part_with(self, place: int, failure: str | None) -> None:
        """Note how the run in this place ended, and keep what a failed one said."""
        worker = self.workers.pop(place)
        print(worker.last_line(), flush=True)
        if failure is None:
            return
        self.failures[worker.run.name] = failure
        kept = self.root / worker.run.name / "failed.log.tmp"
        if kept.parent.is_dir():
            with suppress(OSError):  # a full disk has no room for it, and why the run failed is told in any case
                kept.write_bytes(worker.log.read_bytes())
                print(f"{worker.run.name}: its last words are in {shown(kept)}", flush=True)

    def stop(self) -> None:
        """Tell the runs that are still going to save and stop, and take note of those that could not."""
        for worker in self.workers.values():
            worker.process.terminate()
        patience = time.monotonic() + GRACE
        while self.workers and time.monotonic() < patience:
            time.sleep(0.05)
            self.collect(STOPPED)
        for place, worker in list(self.workers.items()):
            worker.process.kill()
            worker.process.wait()
            self.part_with(place, f"it did not save within {GRACE:g} s and was killed; its last checkpoint is whole.")


def told(failures: dict[str, str]) -> str:
    """What failed, as sentences; empty if nothing did."""
    listed = " ".join(f"{name}: {reason}" for name, reason in failures.items())
    return f"{len(failures)} run(s) failed. {listed}" if failures else ""
