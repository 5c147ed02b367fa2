"""What a model is: typed settings that build a VideoModel, which has ``losses`` and ``rollout``."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from rulebook.clips import Rollout
from rulebook.registry import Kinds, Spec

MODELS = Kinds("model")


class ModelSpec(Spec):
    """Base of all model settings. A subclass adds its fields, a ``kind`` and ``build``."""

    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            MODELS.add(cls)

    def build(self, frame_shape: tuple[int, int, int]) -> VideoModel:
        """The model for frames of this (channel, height, width), with torch's global random state as it is:
        the caller seeds it (training.loop does, from the run's seed)."""
        raise TypeError(f"{type(self).__name__} does not say how to build its model.")


def some_frames(
    drawn: int | None, noise: torch.Generator, *clips: Shaped[Tensor, "clip time ..."]
) -> tuple[Shaped[Tensor, "clip drawn ..."], ...]:
    """``drawn`` frames of every clip, another random choice for each clip and call, the same in all of ``clips``
    (states, and the frames to compare their pictures with); None: all.

    Drawing costs most where every slot or cell has a picture of its own, and the error of a few frames is that of all
    on average: for the time of one clip drawn whole a model learns from two.
    """
    count, length = clips[0].shape[:2]
    if drawn is None or drawn >= length:
        return clips
    order = torch.rand(count, length, generator=noise, device=noise.device).argsort(dim=1)
    chosen = order[:, :drawn].sort(dim=1).values
    rows = torch.arange(count)[:, None]
    return tuple(clip[rows.to(clip.device), chosen.to(clip.device)] for clip in clips)


class VideoModel(nn.Module):
    """Base of all models."""

    terms: ClassVar[tuple[str, ...]] = ("error",)
    """Names of the loss terms that ``losses`` returns; the loop adds them up with the weights of its schedule."""

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """Every loss term, averaged over clips and frames, unweighted. All randomness comes from ``noise``."""
        raise TypeError(f"{type(self).__name__} has no losses.")

    def rollout(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        given: int,
        noise: torch.Generator | None = None,
    ) -> Rollout:
        """Watch the first ``given`` frames and go on alone to the length of ``frames``; ``given`` equal to that
        length is pure inference. ``noise`` None: the most likely outcome, no randomness."""
        raise TypeError(f"{type(self).__name__} has no rollout.")

    def load_stage(self, weights: dict[str, Tensor]) -> list[str]:
        """Take over the weights of an earlier training stage; returns the names that were taken."""
        own = self.state_dict()
        taken = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
        if not taken:
            raise ValueError(f"None of the {len(weights)} weights of the earlier stage fits {type(self).__name__}.")
        self.load_state_dict({**own, **taken})
        return sorted(taken)
