"""What the pages on the thesis ask its models while they are made: a few test clips, seconds each.

Numbers that claims rest on are not made here but in ``evaluation.oc_rims``, on more clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.oc_rims_watch import GIVEN, TEST_SEED, Thesis
from rulebook.measures.frames import summed_error
from rulebook.measures.tracking import cell_pictures, hidden_pixels
from rulebook.models.base import VideoModel
from rulebook.worlds.datafiles import DataError
from rulebook.worlds.digits import EmbeddedDigits
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

CHOICE = 48
"""Test clips among which the one that is shown is chosen, where it is chosen by what is in it."""


def at_hand(world: Thesis) -> Thesis:
    """This world, with the digits that come with the package where MNIST's files are not in the data folder."""
    try:
        world.sample(1, TEST_SEED, length=1, split="test")
    except DataError:
        assert isinstance(world, MovingMnist)
        return world.model_copy(update={"digits": EmbeddedDigits(), "test_clips": "generated"})
    return world


def first_clips(world: Thesis, count: int = CHOICE) -> Clip:
    """The first test clips, or as many as there are."""
    there = min(count, world.test_clips) if isinstance(world, MovingSprites) else count
    return at_hand(world).sample(there, TEST_SEED, split="test")


def one_clip(world: Thesis, chosen: int = 0) -> Clip:
    """One of the first test clips; the first is not chosen by anything."""
    return first_clips(world)[chosen]


def most_hidden(world: Thesis) -> int:
    """The test clip, of the first few, in which most pixels of objects are covered by others among the frames to
    predict: chosen by the clip alone, whatever a model makes of it."""
    clips = first_clips(world)
    nothing = Rollout(frames=torch.zeros_like(clips.frames[:, GIVEN:]), first=GIVEN, given=GIVEN)
    hidden = hidden_pixels(clips, nothing)
    return int(hidden.flatten(1).sum(1).argmax())


def copy_error(world: Thesis) -> float:
    """Error of the next frame if it is taken for the one before it, in the unit of the training loss."""
    frames = first_clips(world).frames
    return summed_error(frames[:, 1:], frames[:, :-1]).mean().item()


@dataclass(frozen=True)
class Drawn:
    """A clip, what a model predicts of it, and what each of its cells draws."""

    clip: Clip
    rollout: Rollout

    def truth(self, frames: list[int]) -> torch.Tensor:
        return self.clip.frames[0, frames]

    def prediction(self, frames: list[int]) -> torch.Tensor:
        """Index i of a rollout is about frame i + 1."""
        return self.rollout.frames[0, [frame - self.rollout.first for frame in frames]]

    def cell(self, cell: int, frames: list[int], masked: bool = True) -> torch.Tensor:
        """Under its mask (thesis Figure 4.6) or as if it were alone (Figure 4.7)."""
        pictures = cell_pictures(self.rollout, masked)[0, :, cell]
        return pictures[[frame - self.rollout.first for frame in frames]]

    @property
    def cells(self) -> int:
        return self.rollout.slot_rgb.shape[2]


def draw(model: VideoModel, clip: Clip) -> Drawn:
    """The first 10 frames given, the others predicted."""
    return Drawn(clip, model.rollout(clip.frames, given=GIVEN))
