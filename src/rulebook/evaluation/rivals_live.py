"""What the rivals' page works out from the weights themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from einops import reduce, repeat
from jaxtyping import Float

from rulebook.clips import Clip, Rollout
from rulebook.layers.glimpse import pixel_centres
from rulebook.measures.stability import loss_jumps
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


def idle_errors(clip: Clip) -> dict[str, list[float]]:
    """Position errors of who follows nothing, mean over balls, for frames 2, 3, ...: what a tracker has to beat."""
    assert clip.positions is not None
    places, middle = clip.positions, (clip.frames.shape[-1] - 1) / 2
    guesses = {
        "stays where it was in frame 1": places[:, :1].expand_as(places[:, 1:]),
        "always one frame behind": places[:, :-1],
        "always mid-frame": torch.full_like(places[:, 1:], middle),
    }
    return {name: (places[:, 1:] - guess).norm(dim=-1).mean(dim=(0, 2)).tolist() for name, guess in guesses.items()}


def jumps_at(losses: Sequence[float], window: int = 10) -> list[int]:
    """Where ``loss_jumps`` counts: the places of the values at which a jump begins."""
    begins = []
    for i in range(window, len(losses)):
        earlier = max(i - window - 1, 0)
        before, now = losses[earlier:i], losses[earlier : i + 1]
        if loss_jumps(now, window=window) > loss_jumps(before, window=window):
            begins.append(i)
    return begins


def training_jumps(training: Mapping[str, Any], losses: Mapping[int, float]) -> list[int]:
    """The steps at which the jumps of a training begin, each stage of equal clip length by itself; ``losses``: by step,
    in order."""
    begins = [stage.get("begin", 0) for stage in training["stages"]]
    found = []
    for begin, end in zip(begins, [*begins[1:], training["steps"]], strict=True):
        steps = [step for step in losses if begin < step <= end]
        found += [steps[i] for i in jumps_at([float(losses[step]) for step in steps])]
    return found
