"""The best plan of moves."""

import pytest
import torch

from rulebook.measures.planning import perfect_plan


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
