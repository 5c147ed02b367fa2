"""What counts as a jump of the training loss."""

from __future__ import annotations

import math

import pytest

from rulebook.measures.stability import loss_jumps

FALLING = [100 * 0.97**i for i in range(60)]


@pytest.mark.parametrize(
    ("losses", "jumps"),
    [
        ([], 0),
        ([1.0] * 60, 0),
        (FALLING, 0),
        ([1 + 0.1 * (-1) ** i for i in range(60)], 0),
        ([1.01**i for i in range(60)], 0),
        ([1.0] * 20 + [1.2] + [1.0] * 20, 0),
        ([1.0] * 20 + [1.3] + [1.0] * 20, 1),
        ([1.0] * 20 + [2.0] * 20, 1),
        ([1.0] * 20 + [2.0] * 3 + [1.0] * 20 + [5.0] + [1.0] * 3, 2),
        ([1.0] * 20 + [math.nan] * 5, 1),
        ([1.0] * 9 + [50.0], 0),
        # A quarter above the median is within the noise of these, twice the median is not.
        ([1 + 0.15 * (-1) ** i for i in range(40)] + [1.6] + [1.0] * 20, 0),
        ([1 + 0.15 * (-1) ** i for i in range(40)] + [3.0] + [1.0] * 20, 1),
    ],
)
def test_jumps_are_counted_and_growth_and_noise_are_not(losses, jumps):
    assert loss_jumps(losses) == jumps
