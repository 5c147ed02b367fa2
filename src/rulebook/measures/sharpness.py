"""How sharp pictures are."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def edge_energy(frames: Float[Tensor, "*batch height width"]) -> float:
    """Mean squared difference of neighbouring pixels: falls when pictures blur."""
    across = (frames[..., 1:] - frames[..., :-1]).square().mean()
    down = (frames[..., 1:, :] - frames[..., :-1, :]).square().mean()
    return float(across + down)
