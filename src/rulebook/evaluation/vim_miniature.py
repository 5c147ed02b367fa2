"""VIM-2 in miniature: modules are displacements and nothing else. Which displacements does learning find?

What is left of the model: M points in the plane, one per module; for each of the nine places where two moves can lead,
two relaxed choices among the modules (free logits, Gumbel-softmax); a prior for each choice. A ball is drawn where the
two mixtures add up to. Its error grows with the distance and levels off where true and drawn ball no longer overlap.
No slots, no attention, no second meaning of a module: what fails here fails for want of a way through the landscape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from rulebook.clips import MOVE_VECTORS
from rulebook.seeds import generator

APART = 16.0
"""Nats that a ball costs which is drawn where it does not overlap with the true one."""
REACH = 0.55
"""In moves: how far a ball may be off before its error levels off (a ball's radius is about three quarters of one)."""
CHEAP = 0.05
"""Weight of the choices' KL at first; it grows to 1 over a third of the steps, as in the trainings."""
DRAWS = 8
NEAR = 0.3
"""In moves: a module this near to a move is that move."""


@dataclass(frozen=True)
class Found:
    """What many starts found."""

    displacements: Float[Tensor, "start module 2"]
    """In moves."""
    made: Int[Tensor, "start"]
    """Of the four moves, how many some module is."""
    error: Float[Tensor, "start"]
    """Nats per ball with hard choices."""

    @property
    def share(self) -> float:
        """Starts that found all four moves."""
        return float((self.made == len(MOVE_VECTORS)).double().mean())


def places() -> tuple[Float[Tensor, "place 2"], Float[Tensor, "place"]]:
    """Where two moves in a row lead, and how often."""
    moves = torch.tensor(MOVE_VECTORS, dtype=torch.float32)
    ends, counts = (moves[:, None] + moves[None]).flatten(0, 1).unique(dim=0, return_counts=True)
    return ends, counts / counts.sum()


def cost(drawn: Float[Tensor, "*batch place 2"], ends: Float[Tensor, "place 2"]) -> Float[Tensor, "*batch place"]:
    """Nats that it costs to draw a ball there and not where it is."""
    return APART * (1 - torch.exp(-(drawn - ends).square().sum(-1) / (2 * REACH**2)))


def learn(
    modules: int,
    temperature: Callable[[float], float],
    starts: int = 64,
    steps: int = 1200,
    seed: int = 0,
    rate: float = 0.02,
) -> Found:
    """Learn from many starts at once; ``temperature`` of the choices, by the share of the steps that is done."""
    draw = generator(seed, "miniature")
    ends, often = places()
    points = (0.1 * torch.randn(starts, modules, 2, generator=draw)).requires_grad_()
    logits = (0.1 * torch.randn(starts, len(ends), 2, modules, generator=draw)).requires_grad_()
    prior = torch.zeros(starts, 1, 2, modules, requires_grad=True)
    optimiser = torch.optim.Adam([points, logits, prior], lr=rate)
    with torch.enable_grad():
        for step in range(steps):
            uniform = torch.rand(DRAWS, *logits.shape, generator=draw).clamp(1e-9, 1 - 1e-6)
            choices = ((logits - (-uniform.log()).log()) / temperature(step / steps)).softmax(-1)
            error = cost(einsum(choices, points, "draw s p i m, s m xy -> draw s p xy"), ends).mean(0)
            told = logits.softmax(-1) * (logits.log_softmax(-1) - prior.log_softmax(-1))
            weight = CHEAP + (1 - CHEAP) * min(1.0, 3 * step / steps)
            optimiser.zero_grad()
            ((error + weight * told.sum((-1, -2))) * often).sum().backward()
            optimiser.step()
    points = points.detach()
    hard = torch.nn.functional.one_hot(logits.argmax(-1), modules).float()
    drawn = einsum(hard, points, "s p i m, s m xy -> s p xy")
    away = torch.cdist(torch.tensor(MOVE_VECTORS, dtype=torch.float32).expand(starts, -1, -1), points)
    made = (away.amin(-1) < NEAR).sum(-1)
    return Found(points, made, (cost(drawn, ends) * often).sum(-1))
