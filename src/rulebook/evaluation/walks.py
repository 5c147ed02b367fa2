"""What every evaluation on the random walk shares: names of units, numbers of clips."""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "squared error per frame"
STEPS = "share of ball-steps"
PLAN = 8
"""Iterations between two frames when a model plans a composition (VIM, section 5.2)."""


@dataclass(frozen=True)
class Size:
    """How many test clips each part looks at."""

    clips: int
    composed: int

    @classmethod
    def of(cls, profile: str) -> Size:
        return cls(4, 2) if profile == "smoke" else cls(192, 64)
