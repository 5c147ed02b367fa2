"""What G-SWM knows of a frame: objects in boxes, their histories, and what it cost to say so."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor

from rulebook.layers.interaction import History


@dataclass
class Objects:
    """The latent variables of objects, each [batch, object, size]."""

    presence: Tensor
    depth: Tensor
    where: Tensor
    what: Tensor
    dyna: Tensor

    def features(self) -> Float[Tensor, "batch object features"]:
        return torch.cat([getattr(self, f.name) for f in fields(self)], dim=-1)

    def take(self, index: Int[Tensor, "batch some"]) -> Objects:
        values = (getattr(self, f.name) for f in fields(self))
        return Objects(*(value.gather(1, repeat(index, "b n -> b n d", d=value.shape[-1])) for value in values))

    def join(self, other: Objects) -> Objects:
        return Objects(*(torch.cat([getattr(self, f.name), getattr(other, f.name)], dim=1) for f in fields(self)))


@dataclass
class Scene:
    """The objects of a frame, what they went through, and what it cost to say so."""

    objects: Objects
    posterior: History
    prior: History
    kl: dict[str, Float[Tensor, " batch"]] = field(default_factory=dict)


def add(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """Sums of what either has."""
    return {name: sum(part[name] for part in (one, other) if name in part) for name in {**one, **other}}  # type: ignore[misc]


def per_frame(scenes: list[Scene], name: str) -> Float[Tensor, "clip time"]:
    """One KL term of every frame; a term that a frame has no use for is 0."""
    zero = torch.zeros_like(scenes[0].kl[name])
    return torch.stack([scene.kl.get(name, zero) for scene in scenes], dim=1)


def stack(objects: list[Objects]) -> Objects:
    """The objects of all frames as one batch, clip by clip."""
    return Objects(
        *(rearrange([getattr(frame, f.name) for frame in objects], "t b n d -> (b t) n d") for f in fields(Objects))
    )
