"""What pages say of VIM's runs and no metric says alone: worked out from stored numbers, put into words that hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from rulebook.measures.bases import Vector
from rulebook.measures.rules import hungarian, rule_accuracy

ALIKE = 0.01
"""Difference of two shares up to which pages call them about the same."""


def border_accuracy(metrics: Mapping[str, Mapping[str, Any]], how: str = "") -> float | None:
    """Rule accuracy on the ball-steps with some move impossible, modules matched to moves inside; ``how``: "" for the
    posterior, "_search" for modules chosen by drawing them all. None where the run has no such steps."""
    inside, every = (metrics.get(f"rule_module{how}_{where}") for where in ("interior", "all"))
    if inside is None or every is None:
        return None
    free, total = torch.tensor(inside["value"]), torch.tensor(every["value"])
    return rule_accuracy(total - free, hungarian(free)) if int((total - free).sum()) else None


def beside_the_border(inside: Mapping[int, float], border: Mapping[int, float]) -> str:
    """How accuracy at the border compares with that inside, seed by seed: 'about the same', 'higher' or
    'lower' with every one, or 'mixed'."""
    gaps = [border[seed] - inside[seed] for seed in border]
    if all(abs(gap) <= ALIKE for gap in gaps):
        return "about the same"
    if min(gaps) > 0:
        return "higher"
    return "lower" if max(gaps) < 0 else "mixed"


def at_the_edge(before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]], found: float) -> str:
    """Whether rules are found where balls have not met the edge (``before``), and for which slots they hold where balls
    have left and come back (``after``): a sentence on every kind of slots, on all of its seeds."""
    told = []
    for slots, early in before.items():
        late = after[slots]
        if min(early) < found:
            told.append(f"With {slots}, rules are not found, not even where balls have yet to meet the edge.")
        elif min(late) >= found:
            told.append(f"With {slots}, rules are found and hold for balls that have left and come back.")
        else:
            told.append(
                f"With {slots}, rules are found and hold for balls that have not met the edge, but not for all"
                " that have crossed it: a slot that has lost its ball explains nothing."
            )
    return " ".join(told)


def as_far_as_seeds(values: Mapping[int, float], others: Mapping[int, float], high_is_good: bool) -> bool:
    """Whether the mean of ``values`` lies within the range that the seeds of ``others`` span, or beyond its better
    end."""
    mean = float(np.mean(list(values.values())))
    return mean >= min(others.values()) if high_is_good else mean <= max(others.values())


def whole_steps(displacements: Sequence[Sequence[float]]) -> frozenset[Vector]:
    """Displacements in steps, each rounded to whole ones."""
    return frozenset((round(x), round(y)) for x, y in displacements)


def listed(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def right_in_parity(errors: Sequence[float], away: int) -> float:
    """Mean error over those iterations after which a ball so many moves away could be right, were it without a move
    for staying: from the ``away``-th on, every second one; iteration 0 does not count."""
    return float(np.mean(errors[away or 2 :: 2]))
