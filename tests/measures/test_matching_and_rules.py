"""Measures of slots and rules on clips whose answer is known."""

import pytest
import torch

from rulebook.clips import Clip, Rollout
from rulebook.measures import rules
from rulebook.measures.matching import (
    Losses,
    foreground_ari,
    match_slots,
    overlap_free,
    position_error,
    separate_slots,
    slot_centres,
)
from rulebook.measures.moves import displacement_moves, move_distribution, straight_paths
from rulebook.worlds.random_walk import RandomWalk

WALK = RandomWalk()


def perfect(clip: Clip, order: tuple[int, ...] = (0, 1, 2, 3)) -> Rollout:
    """A rollout that knows the truth: one slot per ball and one for the rest, in any order; modules are moves."""
    rest = 1 - clip.masks.sum(dim=2, keepdim=True)
    masks = torch.cat([clip.masks, rest], dim=2)
    colours = torch.cat([clip.colours, torch.zeros_like(clip.colours[:, :1])], dim=1)
    rgb = colours[:, None, :, :, None, None].expand(-1, clip.length, -1, -1, *clip.frames.shape[-2:])
    moves = torch.cat([clip.moves, torch.zeros_like(clip.moves[:, :, :1])], dim=2)
    index = list(order)
    return Rollout(
        frames=clip.frames,
        given=clip.length,
        slot_rgb=rgb[:, :, index],
        slot_masks=masks[:, :, index],
        modules=moves[:, :, index],
        module_probs=torch.nn.functional.one_hot(moves[:, :, index], 4).float(),
    )


@pytest.fixture(scope="module")
def clip() -> Clip:
    return WALK.sample(24, 0, length=8, split="test")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_a_perfect_segmentation_scores_one_in_any_order(clip, order):
    rollout = perfect(clip, order)
    free = overlap_free(clip)
    assert free[:, 0].all() and not free.all()
    assert separate_slots(clip, rollout)[free].all()
    assert foreground_ari(clip, rollout)[free].min() > 0.999
    matching = match_slots(clip, rollout, "content")
    assert matching.own.all()
    assert position_error(clip, rollout, matching, "content")[:, 0].max() < 0.2


def test_one_slot_for_everything_is_not_separate(clip):
    rollout = perfect(clip)
    masks = torch.zeros_like(rollout.slot_masks)
    masks[:, :, 0] = 1
    rollout.slot_masks = masks
    assert not separate_slots(clip, rollout).any()
    assert foreground_ari(clip, rollout)[:, 0].max() < 0.01
    assert not match_slots(clip, rollout, "content").own.all()


def test_masks_alone_do_not_find_balls_on_black(clip):
    """Why both ways are reported: a slot that also takes black pixels has its centre mid-frame."""
    rollout = perfect(clip)
    rest = rollout.slot_masks[:, :, 3].clone()
    rollout.slot_masks[:, :, 0] += 0.5 * rest
    rollout.slot_masks[:, :, 3] -= 0.5 * rest
    masks = (slot_centres(rollout, "mask")[:, 0, 0] - clip.positions[:, 0, 0]).norm(dim=-1)
    assert masks.mean() > 2
    rollout.slot_rgb = rollout.slot_rgb * (rollout.slot_masks > 0.6)[:, :, :, None]
    drawn = (slot_centres(rollout, "content")[:, 0, 0] - clip.positions[:, 0, 0]).norm(dim=-1)
    assert drawn.mean() < 0.3


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 1, 0)])
def test_slots_that_pick_the_true_move_score_one(clip, order):
    rollout = perfect(clip, order)
    matching = match_slots(clip, rollout, "content")
    counts = rules.rule_module_counts(clip, rollout, matching)
    assert counts.sum() == clip.moves.numel()
    best = rules.hungarian(counts)
    assert best == {0: 0, 1: 1, 2: 2, 3: 3}
    assert rules.rule_accuracy(counts, best) == 1
    assert rules.superfluous_share(counts) == 0 and rules.whole_moves(counts) == 1
    inside = rules.rule_module_counts(clip, rollout, matching, clip.free)
    assert 0 < inside.sum() == clip.free.sum() < counts.sum()


def test_accuracy_step_by_step(clip):
    rollout = perfect(clip)
    rollout.modules[:, 2] = 3 - rollout.modules[:, 2]
    matching = match_slots(clip, rollout, "content")
    everywhere = torch.ones_like(clip.free)
    by_step = rules.accuracy_by_step(clip, rollout, matching, {i: i for i in range(4)}, everywhere)
    assert by_step == [0 if step == 2 else 1 for step in range(clip.moves.shape[1])]
    last = everywhere.clone()
    last[:, :-1] = False
    assert rules.accuracy_by_step(clip, rollout, matching, {i: i for i in range(4)}, last)[-1] == 1


def test_where_slots_lose_their_balls_by_hand():
    """Ball 0 is lost at once, 3 pixels from ball 1; ball 2 is lost later, far from all others; ball 1 never."""
    positions = torch.tensor([[[10.0, 10], [13, 10], [28, 28]]]).expand(4, 3, 2).unsqueeze(0).clone()
    positions[:, 2:, 0, 0] = 6.0
    colours = torch.tensor([[[1.0, 0, 0], [1, 1, 0], [0, 0, 1]]])
    radii = torch.full((1, 3), 3.0)
    clip = Clip(frames=torch.zeros(1, 4, 3, 32, 32), positions=positions, radii=radii, colours=colours)
    error = torch.tensor([[[0.0, 0, 1], [5, 1, 2], [5, 3, 4], [1, 0, 4]]])
    losses = Losses.of(clip, error)
    at_risk, lost = losses.by_distance((4.0, 8.0))
    # Ball 0 is held in frames 0 and 3, ball 1 in all, ball 2 in frames 0 and 1; three steps in all.
    assert at_risk.tolist() == [1 + 2, 1, 2] and lost.tolist() == [1, 0, 1]
    # Red and yellow differ in one channel, and are near; blue is far from both, and counts once all distances do.
    at_risk, lost = losses.by_colour((1.5, 2.5), within=8.0)
    assert at_risk.tolist() == [4, 0, 0] and lost.tolist() == [1, 0, 0]
    at_risk, lost = losses.by_colour((1.5, 2.5), within=100.0)
    assert at_risk.sum() == 6 and at_risk[2] == 2 and lost.tolist() == [1, 0, 1]


def test_rule_scores_by_hand():
    counts = torch.tensor([[8, 2, 0], [0, 10, 0], [0, 0, 10], [10, 0, 0]])
    best = rules.hungarian(counts)
    assert sorted(best) == [1, 2, 3]
    assert rules.rule_accuracy(counts, best) == pytest.approx(30 / 40)
    assert rules.module_shares(counts).tolist() == pytest.approx([18 / 40, 12 / 40, 10 / 40])
    assert rules.whole_moves(counts) == pytest.approx(0.8)
    halves = torch.tensor([[9, 1], [10, 0], [0, 10], [2, 8]])
    assert rules.two_moves_each(halves) == pytest.approx(37 / 40)


def test_total_variation_is_between_zero_and_one():
    truth = torch.tensor([0.5, 0.5, 0.0]).numpy()
    assert rules.total_variation(torch.tensor([3, 3, 0]).numpy(), truth) == 0
    assert rules.total_variation(torch.tensor([0, 0, 7]).numpy(), truth) == 1


def test_displacements_are_the_moves_that_were_made(clip):
    made = displacement_moves(clip.positions, WALK.step)
    assert torch.equal(made, clip.moves[..., 0])
    still = torch.zeros(1, 3, 1, 2)
    assert (displacement_moves(still, WALK.step) == -1).all()
    counts = move_distribution(made, torch.ones_like(made, dtype=torch.bool))
    assert counts.sum() == made.numel() and counts[4] == 0


def test_straight_paths_end_at_the_border():
    path, inside = straight_paths(torch.tensor([[[10.0, 10.0]]]), 0, 4, 4.0, 2.5, 28.5)
    assert path[0, :, 0, 0].tolist() == [10, 6, 2, -2, -6]
    assert inside[0, :, 0].tolist() == [True, False, False, False]
