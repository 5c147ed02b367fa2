"""The training loop: one run, from its settings to its weights, in slices of any length."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rulebook.models.base import VideoModel
from rulebook.registry import dump
from rulebook.seeds import derive, generator
from rulebook.training.config import RunConfig
from rulebook.training.distribution import Team, join_team, leave_team, speaks_of_a_lost_process
from rulebook.training.faults import Broken, Fault, Interrupted, shown
from rulebook.training.precision import autocast, rounded
from rulebook.training.progress import Progress, duration
from rulebook.training.provenance import code_state, device_name, versions
from rulebook.training.runfolder import RunFolder, weights_dropped
from rulebook.training.schedules import learning_rate, term_weights
from rulebook.training.settings import digest
from rulebook.training.signals import Signals
from rulebook.training.trainer import Trainer, insist_on_stage

AGREE_EVERY = 10
"""Steps between two moments at which several processes ask each other whether to stop."""

Look = Callable[[VideoModel], dict[str, float]]
"""What else to measure at every validation, by name, beside the loss terms: it is handed the model as it stands, in
evaluation mode and without gradients, and brings validation clips of its own. It must leave global random states
alone, or the run would depend on whether it is looked at."""


@dataclass(frozen=True)
class Outcome:
    """How a call of ``train`` ended."""

    step: int
    finished: bool
    sentence: str


def train(
    config: RunConfig, root: Path, device: torch.device, minutes: float | None = None, look: Look | None = None
) -> Outcome:
    """Train a run to its end, or for so many minutes from where it stands; a finished run is left as it is."""
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    team = join_team(device)
    try:
        with Signals() as signals:
            return Slice(config, root, team, deadline, signals, look).run()
    finally:
        leave_team()


@contextmanager
def sensible(config: RunConfig) -> Iterator[None]:
    """Models and worlds say by a ValueError what in their settings does not go together: a person can mend that."""
    try:
        yield
    except ValueError as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise Fault(
            f"{config.name} cannot be trained with these settings: {str(error).rstrip('.')} "
            f"({Path(place.filename).name}, line {place.lineno}). Change them; what was saved is kept."
        ) from error


class Slice:
    """One call of ``train``: from the checkpoint that is there to the end or to the next cut."""

    def __init__(
        self,
        config: RunConfig,
        root: Path,
        team: Team,
        deadline: float | None,
        signals: Signals,
        look: Look | None = None,
    ):
        self.config, self.training, self.root, self.team = config, config.training, root, team
        self.deadline, self.signals, self.look = deadline, signals, look
        self.folder: RunFolder | None = None
        self.validation: Tensor | None = None

    def run(self) -> Outcome:
        """Open, restore, train; what the machine does to a run becomes a Fault."""
        try:
            found = self.open()
            if found.get("finished"):
                return Outcome(
                    self.training.steps, True, f"{self.config.name} is already trained ({found['finished']})."
                )
            with sensible(self.config):
                self.trainer = Trainer(self.config, self.root, self.team)
                if found["state"] is not None:
                    self.trainer.restore(found["state"])
                elif self.config.start_from:
                    self.trainer.start_from(self.config.start_from)
                return self.steps()
        except Broken as broken:
            if self.folder is not None:
                with suppress(Fault):  # a disk that does not take the note must not hide why the run ends
                    self.folder.note_broken(broken.step, broken.why)
            raise
        except torch.OutOfMemoryError as error:
            raise Fault(
                f"The device has too little memory for {self.config.name}: train fewer runs side by side, or smaller "
                f"batches (training.stages); what was saved is kept."
            ) from error
        except RuntimeError as error:
            if self.team.size > 1 and speaks_of_a_lost_process(error):
                raise Fault(
                    f"Process {self.team.rank} of {self.team.size} that train {self.config.name} lost the others: "
                    f"one of them ended. The same command goes on from the last checkpoint."
                ) from error
            raise
        finally:
            if self.folder is not None:
                self.folder.close()

    def open(self) -> dict[str, Any]:
        """Open the folder in the leading process, and tell the others what it holds."""
        found: dict[str, Any] = {}
        fault: Fault | None = None
        if self.team.leads:
            try:
                self.folder = RunFolder(self.root, self.config)
                self.folder.check_settings()
                provenance = self.folder.provenance
                if provenance is not None:
                    found["finished"] = f"{provenance['steps']} steps, {shown(self.folder.path)}"
                    if weights_dropped(self.folder.path):
                        found["finished"] += "; its weights were dropped, for new ones name another --root"
                else:
                    found["state"] = self.folder.load()
                    if found["state"] is None:
                        insist_on_stage(self.config, self.root)
                        with sensible(self.config):  # before settings are written that nothing can be trained with
                            self.config.model.build(self.config.world.frame_shape)
                            # What the run will be judged on: a broken file is to be told now, not at the end.
                            self.config.world.sample(1, 0, length=1, split="test")
                    self.folder.begin(found["state"]["step"] if found["state"] else 0)
            except Fault as error:
                fault, found = error, {"fault": True}
        found = self.team.share(found)
        if fault is not None:
            raise fault
        if "fault" in found:
            raise Fault("")  # the leading process says what it is
        return found

    def steps(self) -> Outcome:
        """Train until the end, the deadline or a signal."""
        trainer, training = self.trainer, self.training
        self.entry = self.begin_entry()
        self.progress = Progress(self.config.name, trainer.step, training.steps, shown=self.team.leads)
        self.clock = time.monotonic()
        cut = 0
        try:
            while trainer.step < training.steps and not cut:
                trainer.advance()
                step = trainer.step
                end = step == training.steps
                if end or step % training.log_every == 0:
                    self.log()
                if end or step % training.validate_every == 0:
                    self.validate()
                cut = self.wish(step)
                if end or cut or step % training.save_every == 0:
                    self.save()
                self.progress.advance(step)
        finally:
            self.progress.close()
        return self.close(cut)

    def begin_entry(self) -> dict[str, Any]:
        """What provenance keeps of this slice."""
        self.before = self.trainer.seconds, time.process_time()
        entry = {
            "first_step": self.trainer.step,
            "last_step": self.trainer.step,
            "seconds": 0.0,
            "cpu_seconds": 0.0,
            "device": device_name(self.team.device),
            "processes": self.team.size,
            "threads": self.training.threads,
            "bfloat16": rounded(self.training, self.team.device),
            **code_state(),
            "versions": versions(),
        }
        self.trainer.slices = [*self.trainer.slices, entry]
        return entry

    def wish(self, step: int) -> int:
        """0 to go on, -1 when the time is over, or the number of the signal that came."""
        if self.team.size > 1 and step % AGREE_EVERY:
            return 0
        over = self.deadline is not None and time.monotonic() >= self.deadline
        return self.team.largest(self.signals.received) or -self.team.largest(int(over))

    def stop_clock(self) -> None:
        """Add the time since the clock was started to the seconds of training."""
        now = time.monotonic()
        self.trainer.seconds += now - self.clock
        self.clock = now

    def line(self, values: list[float], **first: Any) -> dict[str, Any]:
        names = (*self.trainer.terms, "total")
        return {**first, **{name: round(value, 8) for name, value in zip(names, values, strict=True)}}

    def log(self) -> None:
        """A line of the history: every loss term as the mean over the steps since the line before."""
        trainer = self.trainer
        trainer.insist()
        means = self.team.mean(trainer.sums / max(trainer.summed, 1)).tolist()
        trainer.forget()
        self.stop_clock()
        if self.folder is not None:
            rate = learning_rate(self.training, trainer.step - 1)
            head = {"step": trainer.step, "split": "train", "seconds": round(trainer.seconds, 3), "learning_rate": rate}
            self.folder.note(self.line(means, **head))
        self.progress.note(dict(zip(trainer.terms, means, strict=False)))

    @torch.no_grad()
    def validate(self) -> None:
        """A line of the history: the loss terms on the validation clips, the same clips and noise every time, and
        what a look at the model adds to them."""
        self.stop_clock()
        if self.folder is not None:
            trainer, device = self.trainer, self.team.device
            stage, n = self.training.stages[-1], self.training.validation_clips
            if self.validation is None:
                clip = self.config.world.sample(n, derive(0, "validation"), length=stage.frames, split="validation")
                self.validation = clip.frames
            weights = term_weights(self.training, trainer.terms, trainer.step - 1)
            noise = generator(0, "validation", "noise")
            sums = torch.zeros(len(trainer.terms), dtype=torch.float64, device=device)
            trainer.model.eval()
            for part in self.validation.split(stage.batch):
                with autocast(self.training, device):
                    losses = trainer.model.losses(part.to(device), noise)
                sums += trainer.values(losses).double() * (len(part) / n)
            seen = self.look(trainer.model) if self.look is not None else {}
            trainer.model.train()
            values = sums.tolist()
            total = sum(weights[term] * value for term, value in zip(trainer.terms, values, strict=True))
            head = {"step": trainer.step, "split": "validation", "seconds": round(trainer.seconds, 3)}
            rounded = {name: round(value, 8) for name, value in seen.items()}
            self.folder.note({**self.line([*values, total], **head), **rounded})
        self.clock = time.monotonic()

    def save(self) -> None:
        """A checkpoint, unless a number is broken."""
        self.stop_clock()
        self.trainer.insist_on_weights()
        seconds, cpu = self.before
        self.entry["last_step"] = self.trainer.step
        self.entry["seconds"] = round(self.trainer.seconds - seconds, 3)
        self.entry["cpu_seconds"] = round(time.process_time() - cpu, 3)
        if self.folder is not None:
            self.folder.save(self.trainer.state())
        self.clock = time.monotonic()

    def close(self, cut: int) -> Outcome:
        """Finish the run, or say how far it got."""
        trainer, name = self.trainer, self.config.name
        if trainer.step == self.training.steps:
            if self.folder is not None:
                self.folder.finish(trainer.model, self.provenance())
                where = shown(self.folder.path)
                sentence = f"{name} is trained: {trainer.step} steps in {duration(trainer.seconds)}, in {where}."
                return Outcome(trainer.step, True, sentence)
            return Outcome(trainer.step, True, "")
        reached = f"{name} stands at step {trainer.step} of {self.training.steps}, saved"
        if cut > 0:
            raise Interrupted(f"Stopped by {signal.Signals(cut).name}: {reached}; the same command goes on.", 128 + cut)
        return Outcome(trainer.step, False, f"The time is over: {reached}. The same command goes on from there.")

    def provenance(self) -> dict[str, Any]:
        trainer = self.trainer
        last = trainer.slices[-1]
        return {
            "run": self.config.name,
            "steps": trainer.step,
            "seconds": round(trainer.seconds, 3),
            "cpu_seconds": round(sum(entry["cpu_seconds"] for entry in trainer.slices), 3),
            "device": last["device"],
            "threads": last["threads"],
            "processes": last["processes"],
            "git_commit": last["git_commit"],
            "dirty": last["dirty"],
            "code_sha256": last["code_sha256"],
            "versions": last["versions"],
            "parameters": sum(value.numel() for value in trainer.model.parameters()),
            "data_sha256": digest(dump(self.config.world)),
            "slices": trainer.slices,
        }
