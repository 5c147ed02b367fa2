"""The best plan of moves."""

import pytest
import torch

from rulebook.measures.planning import best_in_parity, moves_away, perfect_plan


def test_a_plan_goes_straight_and_then_swings_around_its_target():
    targets = torch.tensor([[8.0, 0.0], [0.0, 0.0], [-4.0, 4.0], [0.0, -12.0]])
    plan = perfect_plan(targets, step=4.0, iterations=5)
    assert plan.shape == (6, 4)
    assert plan[:, 0].tolist() == [8, 4, 0, 4, 0, 4]
    assert plan[:, 1].tolist() == [0, 4, 0, 4, 0, 4]
    assert plan[:, 2].tolist() == pytest.approx([32**0.5, 4, 0, 4, 0, 4])
    assert plan[:, 3].tolist() == [12, 8, 4, 0, 4, 0]


def test_no_iteration_is_right_for_odd_and_even_targets_alike():
    targets = torch.cartesian_prod(torch.arange(-3.0, 4), torch.arange(-3.0, 4))
    plan = perfect_plan(targets, step=1.0, iterations=12)
    odd = targets.sum(dim=-1) % 2 == 1
    assert torch.equal(plan[12], odd.to(plan.dtype)) and torch.equal(plan[11], (~odd).to(plan.dtype))


def test_a_perfect_plan_is_right_at_an_iteration_of_its_own_parity():
    targets = torch.cartesian_prod(torch.arange(-3.0, 4), torch.arange(-3.0, 4))
    plan = perfect_plan(targets, step=1.0, iterations=8)
    away = moves_away(targets, step=1.0)
    assert away.tolist() == [abs(int(x)) + abs(int(y)) for x, y in targets.tolist()]
    assert best_in_parity(plan.T, away).max() == 0
    assert plan.mean(dim=1).min() >= 24 / 49  # at one iteration for all, half of them miss by a step


def test_all_balls_of_a_kind_are_read_at_the_same_iteration():
    errors = torch.tensor([[9.0, 5, 1, 5, 3], [9, 5, 4, 5, 0], [9, 2, 0, 1, 0]])
    # Even: iteration 2 leaves 1 and 4, iteration 4 leaves 3 and 0. Odd: 2 after iteration 1, 1 after iteration 3.
    assert best_in_parity(errors, torch.tensor([2, 0, 1])).tolist() == [3, 0, 1]
    assert best_in_parity(errors[:1], torch.tensor([4])).tolist() == [1]
