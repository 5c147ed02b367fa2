"""How much of what a model's states say is about the frame, and how much about the draws it was made with."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def signal_and_noise(states: Float[Tensor, "draw clip *rest"]) -> tuple[float, float]:
    """Standard deviations over clips and over draws, of the same clips looked at several times.

    Analysis of variance: the mean over D draws still carries 1 / D of the variance between draws, which is taken off.
    """
    draws = states.shape[0]
    if draws < 2:
        raise ValueError("One look tells nothing about the draws: look at least twice.")
    noise = states.double().var(dim=0).mean()
    signal = states.double().mean(dim=0).var(dim=0).mean() - noise / draws
    return float(signal.clamp_min(0).sqrt()), float(noise.sqrt())
