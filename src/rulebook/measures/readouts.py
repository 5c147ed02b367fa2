"""What a linear reader finds in a model's states: what the states know, whatever the decoder makes of it."""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Float
from torch import Tensor

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""Strengths of the ridge penalty to choose from, by leaving one example out at a time."""


def explained(
    states: Float[Tensor, "example state"],
    facts: Float[Tensor, "example fact"],
    new_states: Float[Tensor, "other state"],
    new_facts: Float[Tensor, "other fact"],
) -> float:
    """R2 on new examples of the linear reader fitted to the first ones, mean over facts; 0: no better than their
    mean. A reader that does worse than that has learned by heart, and knows nothing either."""
    # Not above: training, which looks at validation clips by the same modules, must start where these are missing.
    from scipy.linalg import LinAlgWarning
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    reader = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS))
    with warnings.catch_warnings():
        # More states than examples: the penalty, not the data, decides. That is what it is for.
        warnings.simplefilter("ignore", LinAlgWarning)
        reader.fit(states.double().numpy(), facts.double().numpy())
    told = reader.predict(new_states.double().numpy()).reshape(len(new_facts), -1)
    return max(0.0, float(r2_score(new_facts.double().numpy(), told)))


def light(frames: Float[Tensor, "*batch channel height width"]) -> Float[Tensor, "*batch 1"]:
    """How much light there is in a frame."""
    return frames.mean(dim=(-3, -2, -1)).unsqueeze(-1)


def place(frames: Float[Tensor, "*batch channel height width"]) -> Float[Tensor, "*batch 2"]:
    """The centre of all light (x, y), from -1 to 1; the middle where all is black."""
    bright = frames.mean(dim=-3)
    total = bright.sum(dim=(-2, -1)).clamp_min(1e-6)
    height, width = bright.shape[-2:]
    across, down = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)
    x, y = (bright.sum(dim=-2) * across).sum(dim=-1), (bright.sum(dim=-1) * down).sum(dim=-1)
    return torch.stack([x / total, y / total], dim=-1)


def tint(frames: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 2"]:
    """Which colour the light has: red less green, and green less blue."""
    red, green, blue = frames.mean(dim=(-2, -1)).unbind(dim=-1)
    return torch.stack([red - green, green - blue], dim=-1)
