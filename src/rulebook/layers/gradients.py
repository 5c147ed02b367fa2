"""Gradients on their way back: none may drown the others."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _Tamed(torch.autograd.Function):
    """The identity, whose backward pass shortens long rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        length = gradient.float().norm(dim=-1, keepdim=True)
        limit = ctx.factor * length.median()
        return gradient * (limit / length.clamp_min(1e-30)).clamp(max=1).to(gradient.dtype), None


def tame(x: Float[Tensor, "*rows dim"], factor: float = 5.0) -> Float[Tensor, "*rows dim"]:
    """``x`` itself; of its gradient, no row is longer than ``factor`` times the median row.

    Slots are handed on from round to round and from frame to frame, and now and then one sits on a fence: which object
    is it? There the gradient of one clip can be a thousand times that of all others. Clipping the norm of the whole
    gradient keeps the step short, but leaves it to that one clip; this takes the length where it arises.
    """
    return _Tamed.apply(x, factor)  # type: ignore[no-any-return]
