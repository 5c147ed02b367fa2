"""Gradients on their way back: none may drown the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_taming: ContextVar[bool] = ContextVar("taming", default=False)


@contextmanager
def taming(on: bool = True) -> Iterator[None]:
    """Within this context ``tame`` works; elsewhere it is the identity, gradients included."""
    before = _taming.set(on)
    try:
        yield
    finally:
        _taming.reset(before)


class _Tamed(torch.autograd.Function):
    """The identity, whose backward pass shortens long rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        length = gradient.float().norm(dim=-1, keepdim=True)
        limit = ctx.factor * length.mean()
        return gradient * (limit / length.clamp_min(1e-30)).clamp(max=1).to(gradient.dtype), None


def tame(x: Float[Tensor, "*rows dim"], factor: float = 5.0) -> Float[Tensor, "*rows dim"]:
    """``x`` itself; within ``taming``, no row of its gradient is longer than ``factor`` times the mean length.

    Slots are handed on from round to round and from frame to frame, and now and then one sits on a fence: which object
    is it? There the gradient of one clip can be a thousand times that of all others. Clipping the norm of the whole
    gradient keeps the step short, but leaves it to that one clip; this takes the length where it arises. The mean, not
    the median: once most slots know what they do, the median row is next to nothing, and the few that still have to
    learn would be kept from it.
    """
    return _Tamed.apply(x, factor) if _taming.get() else x  # type: ignore[no-any-return]
