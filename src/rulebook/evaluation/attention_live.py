"""What a slot's claim on a cell rests on: the place of its ball, or its colour. Asked while pages are made."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor

from rulebook.clips import Clip
from rulebook.layers.perception import Perception
from rulebook.seeds import generator
from rulebook.worlds.random_walk import PALETTES, RandomWalk


@dataclass(frozen=True)
class Claims:
    """By how much more a slot claims the middle cell of its own ball than another slot would (logits)."""

    colour: Float[Tensor, "other own"]
    """Than one whose ball is at the same place and of another colour, for every two colours."""
    unlike: Float[Tensor, "other own channel"]
    """By how much the two colours differ in red, green and blue."""
    place: float
    """Than one whose ball has the same colour and is one step away, on average."""

    def by_difference(self) -> list[float]:
        """Mean over pairs of colours that differ in one, in two and in three channels."""
        count = (self.unlike > 0.5).sum(dim=-1)
        return [float(self.colour[count == n].mean()) for n in (1, 2, 3)]

    def by_channel(self) -> list[float]:
        """Mean over pairs of colours that differ in red alone, in green alone and in blue alone."""
        return [float(self.colour[((self.unlike > 0.5) == alone).all(dim=-1)].mean()) for alone in torch.eye(3).bool()]

    def undecided(self) -> float:
        """Share of ordered pairs of colours whose margin is less than 2: the other slot takes more than 1 / 9 of the
        cell, or all of it."""
        return float((self.colour[self.unlike.any(dim=-1)] < 2).double().mean())


@torch.no_grad()
def claims(perception: Perception, world: RandomWalk, places: int = 24) -> Claims:
    """From frames that hold one ball each: no crowd, nothing hidden, only what slots and cells say of each other."""
    palette = torch.tensor(PALETTES[world.palette], dtype=torch.float32)
    low, high = world.range_of(world.radius[1])
    room = low + world.step + (high - low - 2 * world.step) * torch.rand(places, 2, generator=generator(0, "places"))
    colours = range(len(palette))
    cells = _middle(perception, world, room)
    here = [_look(perception, world, room, palette[c]) for c in colours]
    keys = [key[torch.arange(places), cells] for _, key in here]
    margin = torch.tensor([[_margin(here[own][0], here[other][0], keys[own]) for own in colours] for other in colours])
    steps = world.step * torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    away = [
        _margin(here[c][0], _look(perception, world, room + step, palette[c])[0], keys[c])
        for step in steps
        for c in colours
    ]
    return Claims(margin, (palette[:, None] - palette).abs(), sum(away) / len(away))


def _margin(own: Tensor, other: Tensor, key: Tensor) -> float:
    return float(einsum(own - other, key, "b d, b d -> b").mean())


def _look(
    perception: Perception, world: RandomWalk, centres: Float[Tensor, "place 2"], colour: Float[Tensor, " channel"]
) -> tuple[Float[Tensor, "place dim"], Float[Tensor, "place cell dim"]]:
    """What the slot that paints the one ball of each frame asks for, and what all cells offer."""
    count = len(centres)
    clip = world.draw(
        Clip(
            frames=torch.empty(0),
            positions=rearrange(centres, "place xy -> place 1 1 xy"),
            colours=colour.expand(count, 1, -1),
            shapes=torch.zeros(count, 1, dtype=torch.int64),
            radii=torch.full((count, 1), world.radius[1]),
        )
    )
    frames = clip.frames[:, 0]
    cells = perception.encoder(frames)
    slots, _ = perception.discover_best(cells, frames, generator(0, "rollout"), 4)
    _, rgb, masks = perception.observe(slots)
    painted = einsum(rgb, masks, "b k c h w, b k h w -> b k")
    own = slots[torch.arange(count), painted.argmax(dim=1)]
    attention = perception.attention
    return attention.ask(own), attention.offer(cells)


def _middle(perception: Perception, world: RandomWalk, centres: Float[Tensor, "place 2"]) -> Int[Tensor, " place"]:
    """The cell that each centre lies in."""
    height, width = perception.encoder.cells
    column = (centres[:, 0] * width / world.size).long().clamp(0, width - 1)
    row = (centres[:, 1] * height / world.size).long().clamp(0, height - 1)
    return row * width + column
