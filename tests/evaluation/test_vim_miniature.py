"""VIM-2 in miniature: places, costs, and what learning finds."""

import pytest
import torch

from rulebook.clips import MOVE_VECTORS
from rulebook.evaluation.vim_miniature import APART, Found, cost, learn, places


def test_two_moves_lead_to_nine_places():
    ends, often = places()
    share = {tuple(end): weight for end, weight in zip(ends.int().tolist(), often.tolist(), strict=True)}
    assert len(share) == 9 and sum(share.values()) == pytest.approx(1)
    assert (share[0, 0], share[1, 1], share[0, -2]) == pytest.approx((4 / 16, 2 / 16, 1 / 16))


def test_the_cost_is_nothing_on_the_spot_and_levels_off():
    ends, _ = places()
    assert cost(ends, ends).abs().max() == 0
    far, farther = cost(ends + 4, ends), cost(ends + 9, ends)
    assert far.min() > 0.99 * APART and farther.max() <= APART


def test_the_share_counts_starts_with_all_four_moves():
    found = Found(torch.zeros(4, 4, 2), torch.tensor([4, 3, 4, 0]), torch.zeros(4))
    assert found.share == 0.5


def test_it_is_the_same_every_time():
    one, two = (learn(4, lambda done: 1.0, starts=3, steps=5, seed=4) for _ in range(2))
    assert torch.equal(one.displacements, two.displacements)


@torch.no_grad()
def test_hot_first_finds_the_moves_more_often():
    cold = learn(4, lambda done: 1.0, starts=24, steps=700)
    cooled = learn(4, lambda done: 3.0 if done < 0.5 else 1.0, starts=24, steps=700)
    assert cooled.share > 0.5 > cold.share
    best = cooled.displacements[cooled.error.argmin()]
    assert torch.cdist(torch.tensor(MOVE_VECTORS, dtype=torch.float32), best).amin(1).max() < 0.1
    assert cooled.error.min() < 0.1
