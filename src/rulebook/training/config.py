"""The settings of one training run: world, model, schedule; read from the catalogue, YAML or the command line."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, field_validator, model_validator

from rulebook.models import MODELS, ModelSpec
from rulebook.registry import Spec
from rulebook.worlds import WORLDS, World

Profile = Literal["smoke", "laptop", "paper"]
PROFILES: tuple[Profile, ...] = ("smoke", "laptop", "paper")
NAME = re.compile(r"[\w=+-][\w.=+-]*")
"""What a part of a run's name may be, which is the name of a folder too."""


class Ramp(Spec):
    """A weight that moves in a straight line from one value to another, and stays there."""

    first: float = Field(ge=0)
    """Value until ``begin``."""
    last: float = Field(ge=0)
    """Value from ``end`` on."""
    begin: int = Field(0, ge=0)
    """Step at which it starts to move."""
    end: int = Field(0, ge=0)
    """Step at which it arrives."""

    @model_validator(mode="after")
    def _ordered(self):
        if self.end < self.begin:
            raise ValueError(f"A ramp cannot end (step {self.end}) before it begins (step {self.begin}).")
        return self

    def at(self, step: int) -> float:
        if step >= self.end:
            return self.last
        if step <= self.begin:
            return self.first
        return self.first + (self.last - self.first) * (step - self.begin) / (self.end - self.begin)


class Stage(Spec):
    """From one step on: clips of this many frames, this many at a time."""

    frames: int = Field(ge=1)
    """Frames per clip (1: stills)."""
    batch: int = Field(ge=1)
    """Clips per step, over all processes."""
    begin: int = Field(0, ge=0)
    """First step of the stage."""
    within: int | None = None
    """Each is cut from a random place of a clip of this many frames; None: all begin where the world begins."""

    @model_validator(mode="after")
    def _cut(self):
        if self.within is not None and self.within < self.frames:
            raise ValueError(f"{self.frames} frames cannot be cut from a clip of {self.within}.")
        return self


class Lead(Spec):
    """Steps of Adam for all weights, before Muon takes the matrices."""

    steps: int = Field(ge=1)
    """How many."""
    learning_rate: float = Field(gt=0, le=1)
    """Their peak learning rate; each optimiser warms up on its own."""


class Training(Spec):
    """How a run trains."""

    steps: int = Field(ge=1)
    """Optimiser steps in all."""
    stages: tuple[Stage, ...]
    """Length and number of clips, from which step on; the first stage begins at 0."""
    learning_rate: float = Field(gt=0, le=1)
    """Peak learning rate."""
    optimiser: Literal["adam", "muon"] = "adam"
    """Adam, or Muon for all matrices and Adam for the rest; both at the same learning rate."""
    lead: Lead | None = None
    """Muon: so many steps of Adam alone come first."""
    in_proportion: bool = False
    """Muon: in grouped layers, groups with smaller gradients take smaller steps, so that a cell that is hardly ever
    active stays as it is."""
    warmup: int = Field(0, ge=0)
    """Steps of linear growth from zero to the peak."""
    hold: float = Field(1.0, ge=0, le=1)
    """Share of all steps before the decay sets in; 1: no decay."""
    decay: Literal["cosine", "exponential"] = "cosine"
    """How the learning rate then falls: slowly at first (cosine), or by the same factor every step."""
    floor: float = Field(0.0, ge=0, le=1)
    """Share of the peak at which the decay ends; an exponential one needs more than zero."""
    halve_every: int | None = Field(None, ge=1)
    """Halve the learning rate after each so many steps, as slot attention's authors do."""
    clip_norm: float | None = Field(None, gt=0)
    """Largest norm of the whole gradient; None: no clipping."""
    tamed: bool = False
    """No slot hands back a gradient of more than five times the mean length (VIM)."""
    weights: dict[str, Ramp] = Field(default_factory=dict)
    """Weight of each loss term over the steps; a term that is not named weighs 1."""
    pace: dict[str, Ramp] = Field(default_factory=dict)
    """Share of the learning rate for parts of the model ('perception'); a part that is not named takes all of it."""
    validate_every: int = Field(500, ge=1)
    """Steps between two looks at the validation clips."""
    validation_clips: int = Field(64, ge=1)
    """Clips in the validation split."""
    log_every: int = Field(20, ge=1)
    """Steps between two lines of the history."""
    save_every: int = Field(500, ge=1)
    """Steps between two checkpoints."""
    bf16: bool = False
    """Autocast to bfloat16 where the device is faster for it (``rounds_fast``): CUDA, and CPUs with AMX."""
    tf32: bool = True
    """TF32 products and convolutions on CUDA devices; no effect elsewhere."""
    threads: int = Field(1, ge=1, le=1024)
    """CPU threads of one process; results are bit-identical only for the same number."""

    @model_validator(mode="after")
    def _decaying(self):
        if self.decay == "exponential" and self.floor == 0:
            raise ValueError("An exponential decay of the learning rate never reaches zero: give it a floor above 0.")
        return self

    @model_validator(mode="after")
    def _led(self):
        if self.lead is not None and self.optimiser != "muon":
            raise ValueError(f"Adam leads before Muon alone, not before {self.optimiser}: leave lead out.")
        if self.in_proportion and self.optimiser != "muon":
            raise ValueError(f"Steps in proportion are Muon's, not {self.optimiser}'s: leave in_proportion out.")
        if self.lead is not None and self.lead.steps >= self.steps:
            raise ValueError(f"A lead of {self.lead.steps} steps leaves none of {self.steps} for Muon.")
        return self

    @model_validator(mode="after")
    def _staged(self):
        begins = [stage.begin for stage in self.stages]
        if not begins or begins[0] != 0:
            raise ValueError("The first stage must begin at step 0.")
        if begins != sorted(set(begins)):
            raise ValueError(f"Stages must begin one after the other, not at steps {begins}.")
        return self

    @property
    def frames_seen(self) -> int:
        """Frames over all steps."""
        ends = [stage.begin for stage in self.stages[1:]] + [self.steps]
        return sum((end - s.begin) * s.frames * s.batch for s, end in zip(self.stages, ends, strict=True))

    def stretched(self, factor: float) -> Training:
        """The same schedule over ``factor`` times the steps."""

        def longer(step: int) -> int:
            return round(factor * step)

        def slower(ramps: dict[str, Ramp]) -> dict[str, Ramp]:
            return {
                name: ramp.model_copy(update={"begin": longer(ramp.begin), "end": longer(ramp.end)})
                for name, ramp in ramps.items()
            }

        lead = self.lead and self.lead.model_copy(update={"steps": longer(self.lead.steps)})
        return self.model_copy(
            update={
                "steps": longer(self.steps),
                "lead": lead,
                "stages": tuple(stage.model_copy(update={"begin": longer(stage.begin)}) for stage in self.stages),
                "warmup": longer(self.warmup),
                "weights": slower(self.weights),
                "pace": slower(self.pace),
            }
        )

    def stage_at(self, step: int) -> Stage:
        return [stage for stage in self.stages if stage.begin <= step][-1]


def _world(value: Any) -> Any:
    return WORLDS.parse(value)


def _model(value: Any) -> Any:
    return MODELS.parse(value)


class RunConfig(Spec):
    """One training run, in full."""

    experiment: str
    """The family of pages that shows it, for example 'slots' or 'vim'."""
    variant: str
    """Name of the model variant, for example 'vim-m4'."""
    world_name: str
    """Name of the world in the catalogue, for example 'atomic'."""
    profile: Profile
    seed: int = Field(ge=0)
    world: Annotated[SerializeAsAny[World], BeforeValidator(_world)]
    model: Annotated[SerializeAsAny[ModelSpec], BeforeValidator(_model)]
    training: Training
    start_from: str | None = None
    """Name of the run whose weights this one starts from (an earlier stage)."""

    @field_validator("variant", "world_name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("A run's folder bears this name: use letters, digits and _ = + - . (not first) alone.")
        return value

    @property
    def name(self) -> str:
        """The run's name and its folder below results/runs."""
        return f"{self.variant}/{self.world_name}/{self.profile}/s{self.seed}"
