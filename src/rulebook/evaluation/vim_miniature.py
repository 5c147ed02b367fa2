"""VIM-2 in miniature: what do two modules in a row come to mean, where nothing but their end point is ever seen?

What is left of the model: a table of where each ordered pair of modules takes a ball (so the second may do what it
likes after the first: words of two letters); for each of the nine places where two moves lead, two relaxed choices
among the modules (free logits, Gumbel-softmax); a prior for each choice. A ball's error grows with its distance and
levels off where true and drawn ball no longer overlap. No slots, no attention: what fails here fails for want of a
reason, or of a way through the landscape.

Swaps, as in ``models/vim_swaps.py``: the four choices of two places in a row, in another order, have to add up to the
sum of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from rulebook.clips import MOVE_VECTORS
from rulebook.seeds import generator

APART = 16.0
"""Nats that a ball costs which is drawn where it does not overlap with the true one."""
REACH = 0.55
"""In moves: how far a ball may be off before its error levels off (a ball's radius is three quarters of a move)."""
CHEAP = 0.05
"""Weight of the choices' KL at first; it grows to 1, as in the trainings."""
RATE, FASTER = 0.02, 3
"""Learning rate of the table, and how many times faster choices learn."""
DRAWS, SWAPPED = 4, 12
"""Draws of every choice per step; pairs of places whose choices change places."""
NEAR = 0.3
"""In moves: a module this near to a move is that move."""


@dataclass(frozen=True)
class Found:
    """What many starts found."""

    single: Float[Tensor, "start module 2"]
    """Half of what each module does twice in a row, in moves."""
    off: Float[Tensor, "start"]
    """How far pairs of modules end from the sum of the two, in moves, on average over pairs."""
    error: Float[Tensor, "start"]
    """Nats per ball with hard choices."""

    @property
    def share(self) -> float:
        """Starts in which every one of the four moves is some module."""
        moves = torch.tensor(MOVE_VECTORS, dtype=self.single.dtype)
        away = torch.cdist(moves.expand(len(self.single), -1, -1), self.single).amin(-1)
        return float((away < NEAR).all(-1).double().mean())


def places() -> tuple[Float[Tensor, "place 2"], Float[Tensor, "place"]]:
    """Where two moves in a row lead, and how often."""
    moves = torch.tensor(MOVE_VECTORS, dtype=torch.float32)
    ends, counts = (moves[:, None] + moves[None]).flatten(0, 1).unique(dim=0, return_counts=True)
    return ends, counts / counts.sum()


def cost(drawn: Float[Tensor, "*batch place 2"], ends: Float[Tensor, "place 2"]) -> Float[Tensor, "*batch place"]:
    """Nats that it costs to draw a ball there and not where it is."""
    return APART * (1 - torch.exp(-(drawn - ends).square().sum(-1) / (2 * REACH**2)))


def led(
    choices: Float[Tensor, "*draw start place 2 module"], table: Float[Tensor, "start module module 2"]
) -> Float[Tensor, "*draw start place 2"]:
    """Where two choices in a row lead."""
    return einsum(choices[..., 0, :], choices[..., 1, :], table, "... s p i, ... s p j, s i j xy -> ... s p xy")


def swapped(
    choices: Float[Tensor, "draw start place 2 module"],
    table: Float[Tensor, "start module module 2"],
    pair: Int[Tensor, "2 pair"],
    order: Int[Tensor, "4"],
) -> Float[Tensor, "draw start pair 2"]:
    """Where the four choices of two places lead in another order."""
    letters = torch.cat([choices[:, :, pair[0]], choices[:, :, pair[1]]], dim=3)[:, :, :, order]
    return led(letters[:, :, :, :2], table) + led(letters[:, :, :, 2:], table)


def learn(
    modules: int,
    temperature: Callable[[float], float],
    swaps: bool,
    starts: int = 32,
    steps: int = 1000,
    seed: int = 0,
) -> Found:
    """Learn from many starts at once; ``temperature`` of the choices, by the share of the steps that is done."""
    draw = generator(seed, "miniature")
    ends, often = places()
    table = (0.1 * torch.randn(starts, modules, modules, 2, generator=draw)).requires_grad_()
    logits = (0.1 * torch.randn(starts, len(ends), 2, modules, generator=draw)).requires_grad_()
    prior = torch.zeros(starts, 1, 2, modules, requires_grad=True)
    groups: list[dict[str, Any]] = [{"params": [table]}, {"params": [logits, prior], "lr": FASTER * RATE}]
    optimiser = torch.optim.Adam(groups, lr=RATE)
    for step in range(steps):
        uniform = torch.rand(DRAWS, *logits.shape, generator=draw).clamp(1e-9, 1 - 1e-6)
        choices = ((logits - (-uniform.log()).log()) / temperature(step / steps)).softmax(-1)
        told = logits.softmax(-1) * (logits.log_softmax(-1) - prior.log_softmax(-1))
        nats = cost(led(choices, table), ends).mean(0) + max(CHEAP, step / steps) * told.sum((-1, -2))
        loss = (nats * often).sum()
        if swaps:
            pair = torch.multinomial(often.expand(2, -1), SWAPPED, replacement=True, generator=draw)
            order = torch.randperm(4, generator=draw)
            wanted = ends[pair[0]] + ends[pair[1]]
            loss = loss + cost(swapped(choices, table, pair, order), wanted).mean((0, 2)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        single = torch.diagonal(table, dim1=1, dim2=2).mT / 2
        sums = single[:, :, None] + single[:, None]
        off = (table - sums).norm(dim=-1).sum((1, 2)) / (modules * (modules - 1))
        hard = torch.nn.functional.one_hot(logits.argmax(-1), modules).float()
        return Found(single, off, (cost(led(hard, table), ends) * often).sum(-1))
