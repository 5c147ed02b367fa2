"""VIM-2 in miniature: places, costs, words, and what learning finds."""

import pytest
import torch

from rulebook.clips import MOVE_VECTORS
from rulebook.evaluation.vim_miniature import APART, Found, cost, learn, led, places, swapped

MOVES = torch.tensor(MOVE_VECTORS, dtype=torch.float32)


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
    three = MOVES.clone()
    three[0] = 0
    found = Found(torch.stack([MOVES, three, MOVES.flip(0) + 0.1, three]), torch.zeros(4), torch.zeros(4))
    assert found.share == 0.5


def test_tables_that_add_do_not_mind_the_order_and_words_do():
    ends, _ = places()
    adding = (MOVES[:, None] + MOVES[None])[None]
    words = torch.arange(32.0).reshape(1, 4, 4, 2)
    choices = torch.nn.functional.one_hot(torch.arange(18).reshape(1, 1, 9, 2) % 4, 4).float()
    pair, same, other = torch.tensor([[0, 3], [5, 8]]), torch.arange(4), torch.tensor([2, 0, 3, 1])
    for table in (adding, words):
        straight = swapped(choices, table, pair, same)
        torch.testing.assert_close(straight, led(choices, table)[:, :, pair].sum(2))
        moved = (swapped(choices, table, pair, other) - straight).abs().max()
        assert (moved < 1e-6) == (table is adding)
    assert len(ends) == choices.shape[2]


def test_it_is_the_same_every_time():
    one, two = (learn(4, lambda done: 1.0, True, starts=3, steps=5, seed=4) for _ in range(2))
    assert torch.equal(one.single, two.single) and torch.equal(one.error, two.error)


def test_swaps_and_heat_together_find_the_moves_more_often_than_either():
    def cooled(done: float) -> float:
        return 3.0 if done < 0.5 else 1.0

    both = learn(4, cooled, True, starts=16, steps=800)
    hot, plain = learn(4, cooled, False, starts=16, steps=800), learn(4, lambda done: 1.0, True, starts=16, steps=800)
    assert both.share >= 0.5 > max(hot.share, plain.share)
    best = both.error.argmin()
    assert torch.cdist(MOVES, both.single[best]).amin(1).max() < 0.15
    assert both.error[best] < 0.5 and both.off[best] < 0.2 < hot.off.median()
