"""The state of a run and its one step: sample, losses, update.

Nothing that happens at a step depends on what happened before it but through this state: the clips of step s come
from the seed (seed, 'data', s, rank), its noise from (seed, 'noise', s, rank), its learning rate and weights from s.
So a run that was killed goes on as if nothing had happened: bit by bit on a CPU (same machine, same number of threads),
on CUDA up to the kernels that add up in no fixed order (``precision.set_arithmetic``).
"""

from __future__ import annotations

import math
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rulebook.clips import Clip
from rulebook.layers.gradients import taming
from rulebook.models.base import VideoModel
from rulebook.seeds import derive, generator
from rulebook.training import checkpoints
from rulebook.training.config import RunConfig
from rulebook.training.distribution import Team, distribute
from rulebook.training.faults import Broken, Fault, shown
from rulebook.training.optimisers import make_optimiser
from rulebook.training.precision import autocast, set_arithmetic
from rulebook.training.runfolder import LARGEST, WEIGHTS, load_weights, read_provenance, weights_dropped
from rulebook.training.schedules import check_weights, learning_rate, paces, term_weights
from rulebook.training.settings import plain


class Trainer:
    """The state of a run in progress."""

    def __init__(self, config: RunConfig, root: Path, team: Team):
        self.config, self.training, self.root, self.team = config, config.training, root, team
        set_arithmetic(self.training)
        torch.manual_seed(derive(config.seed, "init"))
        self.model: VideoModel = config.model.build(config.world.frame_shape).to(team.device)
        self.terms = self.model.terms
        check_weights(self.training, self.terms)
        for stage in self.training.stages:
            team.part_of(stage.batch)
        self.optimiser = make_optimiser(self.training, self.model, team.device)
        self.objective = distribute(self.model, team)
        self.step = 0
        self.seconds = 0.0
        self.slices: list[dict[str, Any]] = []
        self.forget()
        self.broken_at = torch.tensor(-1, device=team.device)
        self.broken = torch.zeros(len(self.terms), device=team.device)

    # State in and out

    def start_from(self, name: str) -> None:
        """Take over the weights of an earlier stage."""
        insist_on_stage(self.config, self.root)
        try:
            self.model.load_stage(load_weights(self.root / name))
        except (ValueError, RuntimeError) as error:
            raise Fault(f"{self.config.name} cannot start from {name}: {error}") from error

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "slices": self.slices,
            "config": plain(self.config),
            "processes": self.team.size,
            "data": {"seed": self.config.seed, "step": self.step},
            "learning_rate": learning_rate(self.training, self.step),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "sums": self.sums.cpu(),
            "summed": self.summed,
            "random": checkpoints.random_states(self.team.device),
        }

    def restore(self, state: dict[str, Any]) -> None:
        if state["processes"] != self.team.size:
            raise Fault(
                f"{self.config.name} was trained by {state['processes']} process(es) so far and cannot go on with "
                f"{self.team.size}: each process draws its own clips. Start it with the same number."
            )
        try:
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError) as error:
            text = " ".join(str(error).split())
            raise Fault(
                f"The checkpoint of {self.config.name} does not fit the model's code of today: {text}"
            ) from error
        self.step, self.seconds, self.slices = state["step"], state["seconds"], state["slices"]
        self.sums, self.summed = state["sums"].to(self.team.device), state["summed"]
        checkpoints.restore_random_states(state["random"], self.team.device)

    def forget(self) -> None:
        """Begin a new average of the loss terms."""
        self.sums = torch.zeros(len(self.terms) + 1, dtype=torch.float64, device=self.team.device)
        self.summed = 0

    # One step

    def advance(self) -> None:
        """One update of the weights: step ``self.step``."""
        step, stage = self.step, self.training.stage_at(self.step)
        weights = term_weights(self.training, self.terms, step)
        n = self.team.part_of(stage.batch)
        seed = derive(self.config.seed, "data", step, self.team.rank)
        length = stage.within or stage.frames
        clip = self.config.world.sample(n, seed, length=length, split="train", device=str(self.team.device))
        frames = self.checked(clip, n, length, thorough=self.looks_now(step))
        if stage.within is not None:
            frames = windows(frames, stage.frames, generator(self.config.seed, "window", step, self.team.rank))
        noise = generator(self.config.seed, "noise", step, self.team.rank)
        with autocast(self.training, self.team.device), taming(self.training.tamed):
            losses = self.objective(frames, noise)
        values = self.values(losses)
        total = sum((weights[term] * losses[term] for term in self.terms), torch.zeros((), device=values.device))
        self.watch(values, total)
        # Two optimisers have the same parts, one after the other.
        for group, pace in zip(self.optimiser.param_groups, cycle(paces(self.training, step)), strict=False):
            group["lr"] = pace * learning_rate(self.training, step)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        if self.training.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.training.clip_norm)
        self.optimiser.step()
        self.sums += torch.cat([values, total.detach().reshape(1)]).double()
        self.summed += 1
        self.step += 1

    def looks_now(self, step: int) -> bool:
        """Whether a step may wait for the device to hear its numbers: always on the CPU, where nothing waits."""
        return self.team.device.type == "cpu" or step % self.training.log_every == 0

    def checked(self, clip: Clip, n: int, length: int, *, thorough: bool) -> Tensor:
        """The frames of a batch, or a Fault that says how they differ from what the world promises."""
        frames, wanted = clip.frames, (n, length, *self.config.world.frame_shape)
        kind = f"The world '{self.config.world_name}'"
        if tuple(frames.shape) != wanted:
            raise Fault(f"{kind} gave frames of shape {tuple(frames.shape)} at step {self.step}, not {wanted}.")
        if frames.dtype != torch.float32:
            raise Fault(f"{kind} gave frames of type {frames.dtype} at step {self.step}, not torch.float32.")
        if thorough:
            low, high = (float(value) for value in frames.aminmax())
            if not (low >= -1e-4 and high <= 1 + 1e-4):
                raise Fault(
                    f"{kind} gave frames with values from {low:g} to {high:g} at step {self.step}, not in [0, 1]."
                )
        return frames.to(self.team.device, non_blocking=True)

    def values(self, losses: dict[str, Tensor]) -> Tensor:
        if set(losses) != set(self.terms):
            raise Fault(
                f"{type(self.model).__name__} gave the terms {sorted(losses)}, but declares {sorted(self.terms)}."
            )
        return torch.stack([losses[term].detach().float() for term in self.terms])

    def watch(self, values: Tensor, total: Tensor) -> None:
        """Remember the first step whose loss is not a number, without waiting for the device."""
        bad = ~total.detach().isfinite() & (self.broken_at < 0)
        self.broken_at = torch.where(bad, self.step, self.broken_at)
        self.broken = torch.where(bad, values, self.broken)
        if self.team.device.type == "cpu":
            self.insist()

    def insist(self) -> None:
        """Stop the run if a loss was not a number at some step."""
        step = self.team.largest(int(self.broken_at))
        if step < 0:
            return
        values = zip(self.terms, self.broken.tolist(), strict=True)
        named = [f"term '{term}' is {value}" for term, value in values if not math.isfinite(value)]
        where = ", ".join(named) or "only the total, or in another process"
        raise Broken(
            step,
            f"The loss of {self.config.name} is not a finite number at step {step} ({where}).",
            "Nothing was saved from that step on; lower training.learning_rate or set training.clip_norm.",
        )

    def insist_on_weights(self) -> None:
        """Stop the run if a weight is no longer a number (a broken gradient shows one step before the loss does), or
        is one that could not be shipped."""
        self.insist()
        for name, value in self.model.named_parameters():
            if bool((value.detach().abs() <= LARGEST).all()):
                continue
            finite = bool(value.isfinite().all())
            what = f"beyond half precision ({LARGEST:g})" if finite else "not a finite number"
            raise Broken(
                self.step - 1,
                f"Weight '{name}' of {self.config.name} is {what} after step {self.step - 1}.",
                "Nothing was saved from there on; lower training.learning_rate or set training.clip_norm.",
            )


def insist_on_stage(config: RunConfig, root: Path) -> None:
    """Refuse a run whose earlier stage has no weights in this root."""
    name = config.start_from
    if not name:
        return
    folder, needs = root / name, f"{config.name} starts from the weights of {name}"
    if weights_dropped(folder):
        raise Fault(f"{needs}, and those were dropped from {shown(root)}: train both under another --root.")
    if read_provenance(folder) is None or not (folder / WEIGHTS).exists():
        raise Fault(
            f"{needs}, which is not trained in {shown(root)}: train it first with 'rulebook train {name} "
            f"--root {shown(root)}'."
        )


def windows(frames: Tensor, length: int, draws: torch.Generator) -> Tensor:
    """``length`` frames of every clip [clip, time, ...], from a random place each."""
    begin = torch.randint(frames.shape[1] - length + 1, (len(frames), 1), generator=draws)
    return frames[torch.arange(len(frames))[:, None], begin + torch.arange(length)]
