"""What pages draw live: the clip that is said, the frame that is said, and models as they were before training."""

from __future__ import annotations

import torch

from rulebook.catalogue import CATALOGUE
from rulebook.clips import Rollout
from rulebook.evaluation.oc_rims_live import Drawn, at_hand, draw, first_clips, most_hidden, one_clip
from rulebook.evaluation.oc_rims_watch import GIVEN
from rulebook.measures.tracking import hidden_pixels
from rulebook.worlds import digits
from rulebook.worlds.datafiles import DataError
from rulebook.worlds.digits import EmbeddedDigits, MnistDigits
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

SPRITES = MovingSprites(size=16, test_clips=12, train_clips=4, validation_clips=4)


def test_without_mnist_s_files_the_embedded_digits_are_drawn(monkeypatch):
    def absent(split):
        raise DataError("There is no such file.")

    monkeypatch.setattr(digits, "_mnist", absent)
    digits.scaled_digits.cache_clear()
    world = MovingMnist(size=32, digits=MnistDigits())
    assert at_hand(world) == world.model_copy(update={"digits": EmbeddedDigits()})
    assert one_clip(world).frames.shape == (1, 20, 1, 32, 32)
    assert at_hand(SPRITES) is SPRITES


def test_the_shown_clip_is_the_one_in_which_most_is_hidden():
    clips = first_clips(SPRITES)
    assert len(clips.frames) == 12, "no more than there are"
    nothing = Rollout(frames=torch.zeros_like(clips.frames[:, GIVEN:]), first=GIVEN, given=GIVEN)
    hidden = [int(hidden_pixels(clips[i], nothing[i]).sum()) for i in range(12)]
    assert hidden[most_hidden(SPRITES)] == max(hidden) > 0


def test_frames_are_named_by_their_place_in_the_clip():
    clip = first_clips(SPRITES)[0]
    perfect = Rollout(frames=clip.frames[:, 1:], first=1, given=GIVEN)
    drawn = Drawn(clip, perfect)
    assert torch.equal(drawn.prediction([1, 10, 19]), drawn.truth([1, 10, 19]))


def test_cells_are_drawn_with_and_without_masks():
    config = CATALOGUE.find("oc-rims-sbd-6-3/moving-sprites/smoke/s0")
    model = config.model.build(config.world.frame_shape).eval()
    with torch.no_grad():
        drawn = draw(model, one_clip(config.world))
    masked = sum(drawn.cell(cell, [5, 15]) for cell in range(drawn.cells))
    torch.testing.assert_close(masked, drawn.prediction([5, 15]))
    assert (drawn.cell(0, [5, 15], masked=False) >= drawn.cell(0, [5, 15])).all()
