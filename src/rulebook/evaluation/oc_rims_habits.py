"""What cells and slots do on test clips, for the pages on ablations: who looks where, who is active, what is chosen.

Numbers that claims rest on are not made here but in ``evaluation.oc_rims``, on more clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.oc_rims_live import at_hand
from rulebook.evaluation.oc_rims_watch import GIVEN, TEST_SEED, Found, Thesis, collect, untrained
from rulebook.models.rims import CellModel
from rulebook.training.config import RunConfig

CANDIDATES = 64
"""The test clips among which a page looks for its examples."""
MANY = 32
"""Clips behind a share or a mean that a page computes itself."""


def objects_in_view(clip: Clip) -> Int[Tensor, "clip time"]:
    """How many objects light at least one pixel."""
    assert clip.object_frames is not None
    return (clip.object_frames.amax(dim=(3, 4, 5)) > 0.5).sum(dim=-1)


def examples(world: Thesis, n: int = 1, at: int = GIVEN + 5) -> Clip:
    """Test clips that show as much as any: of the candidates, the first ones with the most objects in view in frame
    ``at``. No model has a say in the choice."""
    clip = at_hand(world).sample(CANDIDATES, TEST_SEED, split="test")
    if clip.object_frames is None:  # clips from a file come without the scene behind them
        return clip[:n]
    return clip[objects_in_view(clip)[:, at].argsort(descending=True, stable=True)[:n]]


@dataclass(frozen=True)
class Habits:
    """How cells share out the inputs, and who is active, over many clips."""

    null: float
    """Share of a cell's attention that goes to the null input, on average."""
    favourite: float
    """Share that goes to the input it wants most, the null input aside."""
    active: Float[Tensor, " cell"]
    """Share of the steps, from the third on, in which each cell is active."""
    sets: int
    """Sets of active cells that occur in them."""


def habits(model: CellModel, world: Thesis) -> Habits:
    """Of a model left to itself from frame ``GIVEN`` on."""

    def measure(part: Clip, rollout: Rollout) -> Found:
        assert rollout.active is not None
        return {"read": rollout.extra["input_attention"], "active": rollout.active}

    found = collect(model, examples(world, MANY), measure)
    later = found["active"][:, 2:]
    return Habits(
        null=found["read"][..., -1].mean().item(),
        favourite=found["read"][..., :-1].amax(dim=-1).mean().item(),
        active=later.mean(dim=(0, 1)),
        sets=len(torch.unique(later.flatten(0, 1), dim=0)),
    )


def travelled(config: RunConfig, model: CellModel) -> Float[Tensor, " cell"]:
    """How far the recurrent weights of every cell are from where training began, in lengths of what they were there."""
    was, now = (
        one.get_parameter("cells.dynamics.of_state.weight").detach().flatten(1) for one in (untrained(config), model)
    )
    return (now - was).norm(dim=1) / was.norm(dim=1)


@dataclass(frozen=True)
class Choices:
    """How a model with schemata chooses among them, over many clips."""

    shares: tuple[float, ...]
    """Of all cells and steps, by schema, the most used first."""
    probability: float
    """Of the schema that was chosen, on average."""


def choices(model: CellModel, world: Thesis) -> Choices:
    """Of a model left to itself from frame ``GIVEN`` on."""

    def measure(part: Clip, rollout: Rollout) -> Found:
        assert rollout.module_probs is not None and rollout.modules is not None
        return {"probs": rollout.module_probs[..., 0, :], "chosen": rollout.modules[..., 0]}

    found = collect(model, examples(world, MANY), measure)
    probs, chosen = found["probs"], found["chosen"]
    counts = torch.bincount(chosen.flatten(), minlength=probs.shape[-1]).sort(descending=True).values
    picked = probs.gather(-1, chosen.unsqueeze(-1))
    return Choices(tuple((counts / chosen.numel()).tolist()), picked.mean().item())
