"""What the best plan could do: moves of one step, none of them for staying (VIM, Figure 5)."""

from __future__ import annotations

import torch
from jaxtyping import Float
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
