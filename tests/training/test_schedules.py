"""Learning rate and weights over the steps."""

import itertools
import math

import pytest
from torch import nn

from rulebook.training.config import Ramp, Stage, Training
from rulebook.training.faults import Fault
from rulebook.training.schedules import check_weights, learning_rate, paces, parameter_groups, term_weights


def training(**settings) -> Training:
    return Training(**{"steps": 100, "stages": (Stage(frames=1, batch=1),), "learning_rate": 0.5, **settings})


def test_warmup_is_linear_and_ends_at_the_peak():
    rates = [learning_rate(training(warmup=4), step) for step in range(6)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])


def test_a_lead_has_a_peak_of_its_own_and_both_warm_up():
    led = training(warmup=2, hold=0.5, optimiser="muon", lead={"steps": 4, "learning_rate": 0.1})
    rates = [learning_rate(led, step) for step in range(7)]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.25, 0.5, 0.5])
    assert led.stretched(2).lead.steps == 8
    assert learning_rate(led, 75) == pytest.approx(0.25)


def test_cosine_starts_after_hold_and_ends_at_the_floor():
    settings = training(hold=0.6, floor=0.1)
    assert learning_rate(settings, 60) == 0.5
    assert learning_rate(settings, 80) == pytest.approx(0.5 * (0.1 + 0.9 / 2))
    assert learning_rate(settings, 100) == pytest.approx(0.05)
    rates = [learning_rate(settings, step) for step in range(101)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))


def test_an_exponential_decay_loses_the_same_share_every_step():
    settings = training(hold=0.2, decay="exponential", floor=0.01)
    assert [learning_rate(settings, step) for step in (20, 60, 100)] == pytest.approx([0.5, 0.05, 0.005])


def test_an_exponential_decay_needs_a_floor():
    with pytest.raises(ValueError, match="give it a floor above 0"):
        training(decay="exponential")


def test_halving_is_smooth_and_halves():
    settings = training(halve_every=10)
    assert learning_rate(settings, 10) == pytest.approx(0.25)
    assert learning_rate(settings, 5) == pytest.approx(0.5 * math.sqrt(0.5))


def test_terms_follow_their_ramps_and_others_weigh_one():
    settings = training(weights={"kl": Ramp(first=0, last=2, begin=10, end=20)})
    assert [term_weights(settings, ("error", "kl"), step)["kl"] for step in (0, 10, 15, 20, 99)] == [0, 0, 1, 2, 2]
    assert term_weights(settings, ("error", "kl"), 15)["error"] == 1


def test_a_misspelt_term_is_refused_with_a_suggestion():
    with pytest.raises(Fault, match="'eror'; did you mean 'error'"):
        check_weights(training(weights={"eror": Ramp(first=1, last=1)}), ("error", "kl"))


class TwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.eye, self.hand = nn.Linear(2, 3), nn.Linear(3, 2)


def test_a_part_with_a_pace_of_its_own_is_a_group_of_its_own():
    settings = training(pace={"eye": Ramp(first=1, last=0.2, begin=10, end=20)})
    model = TwoParts()
    eye, rest = parameter_groups(settings, model)
    assert [id(weight) for weight in eye] == [id(weight) for weight in model.eye.parameters()]
    assert [id(weight) for weight in rest] == [id(weight) for weight in model.hand.parameters()]
    assert [paces(settings, step) for step in (0, 15, 30)] == [[1.0, 1.0], [pytest.approx(0.6), 1.0], [0.2, 1.0]]


def test_without_a_pace_all_weights_are_one_group_in_their_order():
    model = TwoParts()
    (group,) = parameter_groups(training(), model)
    assert [id(weight) for weight in group] == [id(weight) for weight in model.parameters()]
    assert paces(training(), 5) == [1.0]


def test_a_pace_of_a_part_that_is_not_there_or_named_twice_is_refused():
    slow = Ramp(first=0.5, last=0.5)
    with pytest.raises(Fault, match=r"'eyes'.*eye"):
        parameter_groups(training(pace={"eyes": slow}), TwoParts())
    with pytest.raises(Fault, match="share weights"):
        parameter_groups(training(pace={"eye": slow, "": slow}), TwoParts())
