"""Signal and noise of states made up with known ones."""

from __future__ import annotations

import pytest
import torch

from rulebook.measures.audibility import signal_and_noise


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("signal", "noise"), [(1.0, 0.1), (0.1, 1.0), (0.5, 0.5), (0.0, 1.0)])
def test_both_are_found(signal, noise):
    states = signal * normal(1, 500, 6, 10, seed=0) + noise * normal(8, 500, 6, 10, seed=1)
    assert signal_and_noise(states) == pytest.approx((signal, noise), abs=0.03)


def test_what_is_the_same_in_all_clips_is_neither():
    assert signal_and_noise(normal(1, 1, 6, seed=0).expand(4, 9, 6)) == pytest.approx((0, 0), abs=1e-7)


def test_one_look_is_too_few():
    with pytest.raises(ValueError, match="at least twice"):
        signal_and_noise(torch.zeros(1, 3, 4))
