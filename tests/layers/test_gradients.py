"""A tamed gradient: nothing changes forwards, and no row drowns the others on the way back."""

import pytest
import torch

from rulebook.layers.gradients import tame, taming


def through(gradient: torch.Tensor, factor: float) -> torch.Tensor:
    x = torch.zeros_like(gradient, requires_grad=True)
    with taming():
        y = tame(x, factor)
    y.backward(gradient)
    assert x.grad is not None
    return x.grad


def test_values_pass_unchanged():
    x = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tame(x), x, rtol=0, atol=0)


def test_outside_the_context_gradients_pass_unchanged():
    gradient = torch.eye(5)
    gradient[2] *= 1000
    x = torch.zeros(5, 5, requires_grad=True)
    with taming(), taming(False):
        tame(x).backward(gradient)
    torch.testing.assert_close(x.grad, gradient, rtol=0, atol=0)


def test_rows_within_the_limit_keep_their_gradient():
    gradient = torch.eye(4)
    torch.testing.assert_close(through(gradient, 2.0), gradient, rtol=0, atol=0)


def test_one_long_row_keeps_its_direction_and_loses_its_length():
    gradient = torch.eye(20)
    gradient[2] *= 1000
    tamed = through(gradient, 3.0)
    torch.testing.assert_close(tamed[2], 3 * (1019 / 20) * torch.eye(20)[2])
    others = [i for i in range(20) if i != 2]
    torch.testing.assert_close(tamed[others], gradient[others], rtol=0, atol=0)


def test_the_few_that_have_to_learn_are_not_kept_from_it():
    """Most rows next to nothing, a tenth of them long: these are no outliers."""
    gradient = 1e-4 * torch.ones(40, 2)
    gradient[::10] = 1.0
    torch.testing.assert_close(through(gradient, 15.0), gradient, rtol=0, atol=0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_limit_follows_the_scale_of_the_loss(scale: float):
    gradient = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    gradient[0] *= 100
    torch.testing.assert_close(through(gradient * scale, 2.0), through(gradient, 2.0) * scale)


def test_no_gradient_stays_no_gradient():
    assert through(torch.zeros(3, 2), 5.0).eq(0).all()
