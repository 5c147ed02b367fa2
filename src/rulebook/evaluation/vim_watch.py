"""How a VIM is asked to watch clips, wherever it is evaluated."""

from __future__ import annotations

from typing import Any

from rulebook.clips import Clip, Rollout, concatenate
from rulebook.measures.matching import Matching, match_slots
from rulebook.models.vim import VIM

STARTS = 4
"""Random starts of discovery; every clip keeps the one that draws its first frame best (no truth is used)."""


def infer(model: VIM, clip: Clip, batch: int = 32, **options: Any) -> Rollout:
    """Inference over a whole clip, a few clips at a time."""
    parts = [clip[i : i + batch] for i in range(0, len(clip.frames), batch)]
    return concatenate([model.infer(part.frames, **{"starts": STARTS, **options}) for part in parts])


def first_slots(model: VIM, clip: Clip) -> Matching:
    """The slots of the balls in the first frames of all clips at once: those from which ``force`` goes on."""
    first = clip.window(0, 1)
    return match_slots(first, model.infer(first.frames, starts=STARTS), "content")
