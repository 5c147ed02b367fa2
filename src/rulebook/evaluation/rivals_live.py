"""What the rivals' page works out from the weights themselves."""

from __future__ import annotations

from dataclasses import replace

import torch
from einops import reduce, repeat
from jaxtyping import Float

from rulebook.clips import Clip, Rollout
from rulebook.layers.glimpse import pixel_centres
from rulebook.worlds.floors import mean_next_frame
from rulebook.worlds.random_walk import RandomWalk


def boxes(rollout: Rollout) -> Float[torch.Tensor, "clip time object 4"]:
    """G-SWM's boxes: centre (x, y), width and height in pixels; nan where no object is present."""
    height, width = rollout.frames.shape[-2:]
    drawn = rollout.extra["boxes"]
    size = drawn[..., :2] * torch.tensor([width, height], dtype=drawn.dtype)
    found = torch.cat([pixel_centres(drawn, height, width), size], dim=-1)
    return found.masked_fill((rollout.extra["presence"] < 0.5).unsqueeze(-1), torch.nan)


def expected_owners(spec: RandomWalk, clip: Clip) -> Float[torch.Tensor, "clip step object height width"]:
    """How much of every pixel of frames 1, 2, ... each ball can be expected to show, given everything about the frame
    before: the masks of object files that bind perfectly and know all odds."""
    assert clip.colours is not None
    balls = clip.colours.shape[1]
    if balls != 3:
        raise ValueError(f"A frame has three channels, one per ball; this walk has {balls} balls.")
    # Painted in a channel of its own, the mean of a ball is how much it shows.
    apart = replace(clip, colours=torch.eye(balls).expand_as(clip.colours))
    return torch.stack([mean_next_frame(spec, apart, t) for t in range(clip.length - 1)], dim=1)


def known_owners(clip: Clip, side: int) -> Float[torch.Tensor, "clip time object height width"]:
    """True masks in cells of ``side`` pixels: the most that attention over such cells can tell."""
    assert clip.masks is not None
    cells = reduce(clip.masks, "b t k (h sh) (w sw) -> b t k h w", "mean", sh=side, sw=side)
    return repeat(cells, "b t k h w -> b t k (h sh) (w sw)", sh=side, sw=side)
