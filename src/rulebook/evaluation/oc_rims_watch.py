"""How the evaluation of the thesis's models asks them: which clips, how many, and what is scored.

The first 10 frames of a test clip are given, the model goes on alone to the last one; all errors are over the frames
that it was not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.sheet import Sheet
from rulebook.measures.frames import foreground_f1, predicted, ssim, thesis_mse
from rulebook.models.base import VideoModel
from rulebook.seeds import derive
from rulebook.training.config import RunConfig
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

TEST_SEED = 0
"""All runs of a world are asked about the same clips."""
GIVEN = 10

MSE = "squared error per frame and channel"
SCORES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str, str]] = {
    "mse": (thesis_mse, MSE, "squared error summed over pixels, averaged over channels"),
    "ssim": (ssim, "1", "structural similarity, Gaussian window of 11, black beyond the frame"),
    "f1": (foreground_f1, "1", "F1 of pixels brighter than 0.5"),
}
Found = dict[str, Tensor]
Measure = Callable[[Clip, Rollout], Found]
Thesis = MovingMnist | MovingSprites


@dataclass(frozen=True)
class Size:
    """How much is looked at."""

    clips: int
    """Test clips."""
    few: int
    """The first of them: for what takes a pass per cell, or gradients."""
    mean: int
    """Training clips behind the mean frame."""
    looks: int
    """Validation clips that are looked at during training."""

    @classmethod
    def of(cls, profile: str) -> Size:
        return cls(16, 4, 64, 4) if profile == "smoke" else cls(192, 48, 1024, 32)


def watch(model: VideoModel, clip: Clip, **turned: Any) -> Iterator[tuple[Clip, Rollout]]:
    """Free-running predictions, a few clips at a time (pictures of all cells take much room)."""
    batch = max(1, 32 * 32 * 32 // (clip.frames.shape[-2] * clip.frames.shape[-1]))
    for begin in range(0, len(clip.frames), batch):
        part = clip[begin : begin + batch]
        yield part, model.rollout(part.frames, given=GIVEN, **turned)


def collect(model: VideoModel, clip: Clip, measure: Measure, **turned: Any) -> Found:
    """What ``measure`` finds, clips on the first axis."""
    parts = [measure(part, rollout) for part, rollout in watch(model, clip, **turned)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def scores(clip: Clip, rollout: Rollout, names: Sequence[str] = tuple(SCORES)) -> Found:
    """Per clip and predicted frame."""
    truth, guess = predicted(clip, rollout)
    return {name: SCORES[name][0](truth, guess) for name in names}


def write_scores(
    found: Mapping[str, Tensor], suffix: str, what: str, sheet: Sheet, clip: Clip, by_frame: bool = False
) -> None:
    """Means over the predicted frames and, where asked for, the curve over the horizon."""
    for name, (_, unit, definition) in SCORES.items():
        if name in found:
            text = f"{definition}; frames {GIVEN} to {clip.length - 1}, {what}"
            sheet.mean(f"{name}{suffix}", found[name], unit, text)
            if by_frame:
                curve = found[name].double().mean(dim=0)
                sheet.add(f"{name}{suffix}_by_frame", curve, unit, len(found[name]), f"{text}, one by one")


def untrained(config: RunConfig) -> VideoModel:
    """The model before its first step, with the very weights it started from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(config.seed, "init"))
        return config.model.build(config.world.frame_shape).eval()
