"""What changes over the steps of a run: learning rate, weights of the loss terms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from rulebook.registry import suggestion
from rulebook.training.config import Training
from rulebook.training.faults import Fault


def learning_rate(training: Training, step: int) -> float:
    """Learning rate of the update that leads from ``step`` to ``step + 1`` finished steps.

    Linear warm-up, then the peak, then down to the floor; halving, where asked for, is the smooth
    ``peak * 0.5 ** (step / halve_every)`` of slot attention's authors, on top of the other two. Steps of a lead have a
    peak of their own, and those after it warm up anew.
    """
    lead, rate, taken = training.lead, training.learning_rate, step
    if lead is not None and step < lead.steps:
        rate = lead.learning_rate
    elif lead is not None:
        taken = step - lead.steps
    if taken < training.warmup:
        rate *= (taken + 1) / training.warmup
    decay_from = training.hold * training.steps
    if step > decay_from:
        way = (step - decay_from) / (training.steps - decay_from)
        if training.decay == "exponential":
            rate *= training.floor**way
        else:
            rate *= training.floor + (1 - training.floor) * 0.5 * (1 + math.cos(math.pi * way))
    if training.halve_every is not None:
        rate *= 0.5 ** (step / training.halve_every)
    return rate


def term_weights(training: Training, terms: Sequence[str], step: int) -> dict[str, float]:
    """Weight of every loss term at this step; a term without a ramp weighs 1."""
    return {term: training.weights[term].at(step) if term in training.weights else 1.0 for term in terms}


def check_weights(training: Training, terms: Sequence[str]) -> None:
    """Refuse weights of terms that the model does not have."""
    wrong = [f"'{name}'{suggestion(name, terms)}" for name in training.weights if name not in terms]
    if wrong:
        raise Fault(f"training.weights names loss terms that this model does not have: {'; '.join(wrong)}.")


def paces(training: Training, step: int) -> list[float]:
    """Share of the learning rate for each group of ``parameter_groups`` at this step."""
    return [*(ramp.at(step) for ramp in training.pace.values()), 1.0]


def parameter_groups(training: Training, model: nn.Module) -> list[list[nn.Parameter]]:
    """The weights of each part that has a pace of its own, in the order of the settings, and then all others."""
    parts = dict(model.named_modules())
    wrong = [f"'{name}'{suggestion(name, dict(model.named_children()))}" for name in training.pace if name not in parts]
    if wrong:
        raise Fault(f"training.pace names parts that this model does not have: {'; '.join(wrong)}.")
    groups = [list(parts[name].parameters()) for name in training.pace]
    taken = [id(weight) for group in groups for weight in group]
    if len(taken) != len(set(taken)):
        raise Fault(f"training.pace names parts that share weights: {', '.join(training.pace)}. Name each weight once.")
    return [*groups, [weight for weight in model.parameters() if id(weight) not in set(taken)]]
