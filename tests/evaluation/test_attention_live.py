import pytest
import torch

from rulebook.catalogue.slots import SMOKE_EYE
from rulebook.evaluation.attention_live import Claims, claims
from rulebook.layers.perception import Perception
from rulebook.worlds.random_walk import RandomWalk


def test_a_blind_attention_claims_nothing():
    """Without a query all slots claim alike; with one, a slot of the same colour has no margin over itself."""
    torch.manual_seed(0)
    perception = Perception(SMOKE_EYE, (3, 32, 32)).eval()
    seen = claims(perception, RandomWalk(), places=4)
    assert seen.colour.shape == (7, 7) and (seen.colour.diagonal() == 0).all()
    assert (seen.colour != 0).sum() == 42 and seen.place != 0
    torch.nn.init.zeros_(perception.attention.to_query.weight)
    none = claims(perception, RandomWalk(), places=4)
    assert none.by_difference() == [0, 0, 0] and none.undecided() == 1 and none.place == 0


def test_colours_differ_in_one_two_or_three_channels():
    perception = Perception(SMOKE_EYE, (3, 32, 32)).eval()
    count = claims(perception, RandomWalk(), places=2).unlike.sum(dim=-1)
    assert [int((count == n).sum()) for n in (0, 1, 2, 3)] == [7, 18, 18, 6]


def test_margins_by_channel_are_means_over_the_colours_that_differ_in_it_alone():
    # black, red, yellow: red alone tells 0 from 1, green alone 1 from 2, and nothing differs in blue alone.
    palette = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0]])
    margins = torch.tensor([[0.0, 1, 9], [3, 0, 5], [9, 7, 0]])
    seen = Claims(margins, (palette[:, None] - palette).abs(), place=0.0)
    red, green, blue = seen.by_channel()
    assert (red, green) == (2, 6) and blue != blue
    assert seen.by_difference()[:2] == [4, 9]
    assert seen.undecided() == pytest.approx(1 / 6)
