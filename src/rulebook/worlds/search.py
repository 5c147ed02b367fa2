"""What can be known of a walk from its frames: a search that knows everything about the world but the moves."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from einops import rearrange, repeat
from jaxtyping import Int
from torch import Tensor

from rulebook.clips import MOVES, Clip
from rulebook.worlds import motion
from rulebook.worlds.random_walk import RandomWalk


@torch.no_grad()
def searched_moves(world: RandomWalk, clip: Clip) -> Int[Tensor, "clip step object"]:
    """The moves that explain every next frame best, found by painting all of them.

    Starts from the true positions of the first frame and goes on from its own answers, never from the truth: like a
    model, it may lose an object and follow the wrong one. Where it does not, all that is needed lies in the frames.
    """
    if world.moves_per_step != (1, 1):
        raise ValueError(f"The search knows one move per step, not {world.moves_per_step}.")
    if clip.positions is None or clip.radii is None or clip.shapes is None or clip.colours is None:
        raise ValueError("The search needs a clip's positions, radii, shapes and colours: one of them is missing.")
    clips, length, objects = clip.positions.shape[:3]
    ways = torch.tensor(list(itertools.product(range(len(MOVES)), repeat=objects)))
    vectors = motion.vectors(world.step)[ways]
    many = replace(
        Clip(frames=torch.empty(0)),
        radii=repeat(clip.radii, "clip object -> (clip way) object", way=len(ways)),
        shapes=repeat(clip.shapes, "clip object -> (clip way) object", way=len(ways)),
        colours=repeat(clip.colours, "clip object channel -> (clip way) object channel", way=len(ways)),
    )
    here, found = clip.positions[:, 0], []
    for t in range(1, length):
        there = here[:, None] + vectors
        painted = world.draw(replace(many, positions=rearrange(there, "clip way object xy -> (clip way) 1 object xy")))
        frames = rearrange(painted.frames, "(clip way) 1 c h w -> clip way c h w", way=len(ways))
        best = (frames - clip.frames[:, t, None]).square().sum(dim=(-3, -2, -1)).argmin(dim=1)
        here = there[torch.arange(clips), best]
        found.append(ways[best])
    return torch.stack(found, dim=1)
