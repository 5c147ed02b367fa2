"""What the best plan could do: moves of one step, none of them for staying (VIM, Figure 5)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def perfect_plan(
    displacements: Float[Tensor, "*balls 2"], step: float, iterations: int
) -> Float[Tensor, "iteration *balls"]:
    """Distance from the target before the first iteration and after each, where every iteration makes the move of
    length ``step`` in one of the four directions that leads nearest to the target.

    No move is 'stay': whoever has arrived must leave, and is back one iteration later. So at any one iteration about
    half of all targets, those an odd or those an even number of moves away, are missed by a step.
    """
    left = displacements.clone()
    moves = step * torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=left.dtype)
    distances = [left.norm(dim=-1)]
    for _ in range(iterations):
        options = left.unsqueeze(-2) - moves
        nearest = options.norm(dim=-1).argmin(dim=-1)[..., None, None].expand(*left.shape[:-1], 1, 2)
        left = options.gather(-2, nearest).squeeze(-2)
        distances.append(left.norm(dim=-1))
    return torch.stack(distances)


def moves_away(displacements: Float[Tensor, "*balls 2"], step: float) -> Int[Tensor, "*balls"]:
    """The least number of moves that lead there."""
    return displacements.abs().sum(dim=-1).div(step).round().long()


def best_in_parity(errors: Float[Tensor, "ball iteration"], away: Int[Tensor, " ball"]) -> Float[Tensor, " ball"]:
    """Every ball's error after the one even iteration (or the one odd one) that is best, on average, for the balls that
    are an even (an odd) number of ``away`` moves from their targets. Iteration 0 does not count.

    The iteration is the same for all balls of a kind, so a model that stumbles about gains nothing from it.
    """
    best = errors.new_zeros(len(errors))
    for kind in (0, 1):
        mine = away % 2 == kind
        if mine.any():
            turns = errors[mine, 2 - kind :: 2]
            best[mine] = turns[:, turns.mean(dim=0).argmin()]
    return best
