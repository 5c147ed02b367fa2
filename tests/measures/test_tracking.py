"""Who tracks what, and for how long: perfect trackers, hand-made sequences, and what must not matter."""

from __future__ import annotations

import pytest
import torch

from rulebook.clips import Clip, Rollout
from rulebook.measures import tracking
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

NONE = -1


@pytest.fixture(scope="module")
def clip() -> Clip:
    return MovingSprites(birth_probability=1).sample(6, 0, split="test")


def perfect(clip: Clip, first: int = 1, order: tuple[int, ...] = (0, 1, 2, 3)) -> Rollout:
    """One cell per object that draws it whole and masks what is hidden, and one that draws nothing, in any order."""
    objects = clip.object_frames[:, first:]
    colour = clip.colours[:, None, :, :, None, None].expand_as(objects) * (objects.amax(3, keepdim=True) > 0)
    rgb = torch.cat([colour, torch.zeros_like(objects[:, :, :1])], 2)
    shown = clip.masks[:, first:]
    masks = torch.cat([shown, 1 - shown.sum(2, keepdim=True)], 2)
    index = list(order)
    return Rollout(
        frames=clip.frames[:, first:], first=first, given=10, slot_rgb=rgb[:, :, index], slot_masks=masks[:, :, index]
    )


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("masked", [True, False])
def test_a_perfect_tracker(clip, first, masked):
    rollout = perfect(clip, first)
    tracked = tracking.tracked_objects(clip, rollout, masked=masked)
    there = clip.object_frames[:, first:].sum((3, 4, 5)) > 1
    for k in range(3):
        if not masked:
            assert (tracked[:, :, k][there[:, :, k]] == k).all()
    assert (tracked[:, :, 3] == NONE).all()
    lengths = tracking.consistent_lengths(tracking.tracked_objects(clip, rollout, masked=False))
    assert lengths.acl == lengths.mcl == 1


def test_the_order_of_cells_changes_nothing(clip):
    order = (2, 0, 3, 1)
    straight, mixed = perfect(clip), perfect(clip, order=order)
    one, other = (tracking.tracked_objects(clip, rollout) for rollout in (straight, mixed))
    assert torch.equal(one[:, :, list(order)], other)
    lengths = [tracking.consistent_lengths(tracked) for tracked in (one, other)]
    assert lengths[0].acl == pytest.approx(lengths[1].acl) and lengths[0].mcl == pytest.approx(lengths[1].mcl)
    assert torch.equal(tracking.duplicates(one), tracking.duplicates(other))
    assert torch.equal(
        tracking.completion_error(clip, straight).nan_to_num(9), tracking.completion_error(clip, mixed).nan_to_num(9)
    )


def sequences(*cells: list[int]) -> torch.Tensor:
    return torch.tensor(cells).T.unsqueeze(0)


@pytest.mark.parametrize(
    ("sequence", "average", "maximum"),
    [
        ([1, 1, 1, 0, 0], 1 / 2, 3 / 5),  # the thesis's own example
        ([2, 2, 2, 2], 1, 1),
        ([0, 1, 0, 1], 1 / 4, 1 / 4),
        ([0, 0, 1, 0, 0, 0], 2 / 6, 3 / 6),
        ([0, 0, NONE, NONE, 0, 0], 1, 1),  # out of sight, and the same again
        ([NONE, 0, 0, 1, NONE], 1.5 / 3, 2 / 3),
        ([5], 1, 1),
    ],
)
def test_consistent_lengths_of_hand_made_sequences(sequence, average, maximum):
    lengths = tracking.consistent_lengths(sequences(sequence))
    assert lengths.average.item() == pytest.approx(average)
    assert lengths.maximum.item() == pytest.approx(maximum)


def test_cells_that_track_nothing_do_not_count():
    lengths = tracking.consistent_lengths(sequences([0, 0, 1, 1], [NONE] * 4, [2] * 4))
    assert lengths.average.isnan().tolist() == [[False, True, False]]
    assert lengths.acl == pytest.approx((0.5 + 1) / 2) and lengths.mcl == pytest.approx((0.5 + 1) / 2)


def test_a_cell_that_changes_object_is_caught(clip):
    rollout = perfect(clip)
    for field in (rollout.slot_rgb, rollout.slot_masks):
        swapped = field[:, 9:, [1, 0]].clone()
        field[:, 9:, :2] = swapped
    lengths = tracking.consistent_lengths(tracking.tracked_objects(clip, rollout, masked=False))
    assert (lengths.maximum[:, :2] < 1).all() and (lengths.maximum[:, 2] == 1).all()
    assert lengths.acl < 1


def test_correlation_is_one_for_the_same_picture_at_any_brightness_and_zero_apart():
    object_frames = torch.zeros(1, 1, 2, 3, 8, 8)
    object_frames[0, 0, 0, 0, :4] = 1
    object_frames[0, 0, 1, 1, 4:] = 1
    clip = Clip(frames=object_frames.sum(2), object_frames=object_frames)
    rollout = Rollout(
        frames=clip.frames, slot_rgb=0.3 * object_frames[:, :, [1, 0]], slot_masks=torch.full((1, 1, 2, 8, 8), 0.5)
    )
    for masked in (True, False):
        expected = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
        assert torch.allclose(tracking.correlations(clip, rollout, masked), expected)
    rollout.slot_rgb[0, 0, 0, 0, :4] = 0.3  # as much of one as of the other
    assert tracking.correlations(clip, rollout)[0, 0, 0].tolist() == pytest.approx([0.5**0.5] * 2)
    assert tracking.tracked_objects(clip, rollout, least=0.8)[0, 0].tolist() == [NONE, 0]


def test_duplicates_count_cells_beyond_one_per_object():
    tracked = torch.tensor([[[0, 1, 2], [0, 0, 1], [0, 0, 0], [NONE, 1, NONE], [NONE] * 3]])
    assert tracking.duplicates(tracked).tolist() == [[0, 0.5, 2, 0, 0]]


def test_content_lies_in_one_object_or_is_spread(clip):
    rollout = perfect(clip)
    share = tracking.content_in_one_object(clip, rollout)
    assert share[:, :, 3].isnan().all()
    kept = share[:, :, :3].nan_to_num(1)
    assert kept.min() > 0.95 and kept.mean() > 0.998  # soft outlines are fainter than what counts as lit
    everything = Rollout(
        frames=clip.frames, slot_rgb=clip.frames.unsqueeze(2), slot_masks=torch.ones_like(clip.masks[:, :, :1])
    )
    assert tracking.content_in_one_object(clip, everything).nanmean() < 0.9
    assert tracking.content_in_one_object(clip, everything, on_objects=True).nanmean() < 0.9


def test_light_beside_all_objects_is_no_mixing_of_objects():
    clip = MovingSprites(birth_probability=1).sample(6, 0, split="test")
    rollout = perfect(clip)
    free = clip.object_frames[:, 1:].amax(dim=(2, 3)) <= 0.05
    rollout.slot_rgb[:, :, 0] += (0.5 * free)[:, :, None]
    rollout.slot_masks[:, :, 0] = rollout.slot_masks[:, :, 0].maximum(free.to(torch.float32))
    stray = tracking.content_in_one_object(clip, rollout)[:, :, 0]
    assert stray.nanmean() < 0.5
    pure = tracking.content_in_one_object(clip, rollout, on_objects=True)[:, :, 0]
    assert pure.nan_to_num(1).min() > 0.95


def test_light_is_shared_out_among_cells(clip):
    rollout = perfect(clip)
    light = tracking.light_shares(rollout)
    assert torch.allclose(light.sum(-1), torch.ones_like(light[..., 0]))
    seen = rollout.frames.amax(dim=2).sum((-2, -1)) > 0
    assert (light[..., 3][seen] == 0).all() and seen.any()
    rollout.slot_rgb = torch.zeros_like(rollout.slot_rgb)
    assert tracking.light_shares(rollout).unique().tolist() == [0.25]


def test_completing_hidden_objects_is_told_from_cutting_them(clip):
    whole = perfect(clip)
    objects = clip.object_frames[:, 1:]
    whole.slot_rgb[:, :, :3] = objects
    error = tracking.completion_error(clip, whole)
    assert (~error.isnan()).any() and error.nan_to_num(0).max() == 0
    cut = perfect(clip)
    cut.slot_rgb[:, :, :3] = objects * (clip.masks[:, 1:, :, None] > 0.99 * objects.amax(3, keepdim=True))
    assert tracking.completion_error(clip, cut).nanmean() > 0.9
    assert torch.equal(error.isnan(), ~tracking.hidden_pixels(clip, whole).flatten(-2).any(-1))


def test_digits_can_be_tracked_too():
    clip = MovingMnist().sample(3, 0, split="test")
    rollout = Rollout(frames=clip.frames, slot_rgb=clip.object_frames, slot_masks=torch.ones_like(clip.masks))
    tracked = tracking.tracked_objects(clip, rollout)
    assert torch.equal(tracked, torch.tensor([0, 1]).expand(3, 20, 2))


def test_what_is_missing_is_said():
    bare = MovingSprites().sample(1, 0)
    with pytest.raises(ValueError, match="no picture per cell"):
        tracking.cell_pictures(Rollout(frames=bare.frames))
    with pytest.raises(ValueError, match="no frame per object"):
        tracking.object_pictures(bare, Rollout(frames=bare.frames))


def test_utilisation_shares_and_activation():
    use = torch.tensor([[[1.0, 3.0, 0.0], [0.0, 0.0, 0.0]]])
    shares = tracking.utilisation_shares(use)
    assert torch.allclose(shares, torch.tensor([[[0.25, 0.75, 0.0], [1 / 3, 1 / 3, 1 / 3]]]))
    active = torch.tensor([[[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]])
    assert tracking.active_share(use, active).tolist() == [[0.75, pytest.approx(2 / 3)]]
    pattern = torch.tensor([[[1.0, 0], [0, 1], [1, 0], [1, 0], [0, 1], [0, 1]]])
    assert tracking.activation_changes(pattern).tolist() == [[0, 1, 0]]
    assert tracking.activation_changes(pattern, after=0).mean().item() == pytest.approx(3 / 5)
