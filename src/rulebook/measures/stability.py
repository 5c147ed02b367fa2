"""Does a training run stay on course? (thesis 4.6 reports that SCOFF's did not)"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

NOISE = 6
"""So many standard deviations above the median no noise should rise."""


def loss_jumps(losses: Sequence[float], *, window: int = 10, factor: float = 1.25) -> int:
    """How often a loss rises above ``factor`` times the median of the ``window`` values before it, and by more than
    their noise explains: ``NOISE`` standard deviations, judged by the median distance from the median.

    Values above it in a row are one jump, whether the loss comes back or stays up; a value that is not a number is
    above everything.
    """
    jumps, above = 0, False
    for i in range(window, len(losses)):
        before = losses[i - window : i]
        middle = median(before)
        deviation = 1.4826 * median(abs(loss - middle) for loss in before)
        limit = max(factor * middle, middle + NOISE * deviation)
        was, above = above, not losses[i] <= limit
        jumps += above and not was
    return jumps
