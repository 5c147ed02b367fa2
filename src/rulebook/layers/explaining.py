"""Explaining a frame: of several states that each slot could be in, those that together draw it best."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from rulebook.layers.decoders import mix


@runtime_checkable
class Decoder(Protocol):
    def __call__(self, slots: Tensor) -> tuple[Tensor, Tensor]: ...


def best_options(
    decoder: Decoder,
    options: Float[Tensor, "batch option slot dim"],
    frame: Float[Tensor, "batch channel height width"],
    chosen: Int[Tensor, "batch slot"],
    price: Float[Tensor, "batch option slot"] | None = None,
    sweeps: int = 2,
) -> Int[Tensor, "batch slot"]:
    """The option of every slot that together draw ``frame`` with the smallest squared error, plus twice the ``price``
    of those taken (minus their log probability: then the sum is twice the nats of a Gaussian of unit variance).

    Coordinate descent: starting from those ``chosen``, one slot after the other tries all of its options while the
    others stay as they are. Only the frame is looked at, never the truth behind it.
    """
    batch, count, slots, _ = options.shape
    rgb, logits = decoder(rearrange(options, "b i k d -> (b i) k d"))
    rgb, logits = rearrange(rgb, "(b i) ... -> b i ...", b=batch), rearrange(logits, "(b i) ... -> b i ...", b=batch)
    chosen, rows = chosen.clone(), torch.arange(batch, device=options.device)
    for _ in range(sweeps):
        for slot in range(slots):
            errors = []
            for option in range(count):
                trial = chosen.clone()
                trial[:, slot] = option
                picked = (rows[:, None], trial, torch.arange(slots, device=options.device)[None])
                drawn, _ = mix(rgb[picked], logits[picked])
                error = (drawn - frame).square().sum(dim=(1, 2, 3))
                errors.append(error if price is None else error + 2 * price[:, option, slot])
            chosen[:, slot] = torch.stack(errors, dim=1).argmin(dim=1)
    return chosen


def best_iterations(
    decoder: Decoder,
    visited: Float[Tensor, "batch iteration slot dim"],
    frame: Float[Tensor, "batch channel height width"],
) -> Float[Tensor, "batch slot dim"]:
    """Halting: every slot keeps the one of its iterations that explains the frame best, the last one if none does."""
    batch, count, slots, _ = visited.shape
    last = torch.full((batch, slots), count - 1, device=visited.device)
    chosen = best_options(decoder, visited, frame, last)
    return visited[torch.arange(batch)[:, None], chosen, torch.arange(slots)[None]]
