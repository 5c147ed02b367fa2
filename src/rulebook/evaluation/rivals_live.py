"""What the rivals' page works out from the weights themselves."""

from __future__ import annotations

import torch
from jaxtyping import Float

from rulebook.clips import Rollout
from rulebook.layers.glimpse import pixel_centres


def boxes(rollout: Rollout) -> Float[torch.Tensor, "clip time object 4"]:
    """G-SWM's boxes: centre (x, y), width and height in pixels; nan where no object is present."""
    height, width = rollout.frames.shape[-2:]
    drawn = rollout.extra["boxes"]
    size = drawn[..., :2] * torch.tensor([width, height], dtype=drawn.dtype)
    found = torch.cat([pixel_centres(drawn, height, width), size], dim=-1)
    return found.masked_fill((rollout.extra["presence"] < 0.5).unsqueeze(-1), torch.nan)
