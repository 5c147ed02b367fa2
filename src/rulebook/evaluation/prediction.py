"""What can be measured of any model: how well it goes on alone, against the last frame it saw and the exact floor.

The evaluation of every experiment that has no file of its own in this folder.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rulebook.clips import Clip
from rulebook.evaluation.sheet import Sheet
from rulebook.evaluation.walks import ERROR
from rulebook.measures.frames import predicted, summed_error
from rulebook.models.base import VideoModel
from rulebook.training.config import RunConfig
from rulebook.training.faults import Fault
from rulebook.worlds import World
from rulebook.worlds.floors import next_frame_moments
from rulebook.worlds.random_walk import RandomWalk

HORIZONS = (1, 5, 10)
"""Numbers of predicted frames over which errors are averaged, as far as clips are that long."""
TEST_CLIPS = 128


def evaluate(config: RunConfig, model: VideoModel, sheet: Sheet) -> None:
    sheet.add("parameters", sum(p.numel() for p in model.parameters()), "weights", 1, "of the whole model")
    clip = clips_of(config)
    given = clip.length // 2
    truth = clip.frames[:, given:]
    still = clip.frames[:, given - 1 : given].expand_as(truth)
    told = f"{given} frames given"
    errors(summed_error(truth, predict(model, clip, given)), "error", f"of the prediction; {told}", sheet)
    errors(summed_error(truth, still), "copy_last", f"of the last given frame as prediction; {told}", sheet)
    floor = exact_floor(config.world, clip, given)
    if floor is not None:
        what = "expected of the best deterministic prediction of the next frame, the mean over all futures"
        sheet.mean("floor_1_frame", floor, ERROR, f"{what}; {told}")


def clips_of(config: RunConfig) -> Clip:
    """Test clips of the world's own length."""
    wanted, there = 4 if config.profile == "smoke" else TEST_CLIPS, getattr(config.world, "test_clips", None)
    clip = config.world.sample(min(wanted, there) if isinstance(there, int) else wanted, 0, split="test")
    if clip.length < 2:
        raise Fault(f"The clips of {config.name} have one frame, so nothing can be predicted: set world.length.")
    return clip


def predict(model: VideoModel, clip: Clip, given: int, batch: int = 16) -> Float[Tensor, "clip time c h w"]:
    """The frames after the given ones, a few clips at a time."""
    parts = [clip[i : i + batch] for i in range(0, len(clip.frames), batch)]
    try:
        guesses = [predicted(part, model.rollout(part.frames, given=given))[1] for part in parts]
    except ValueError as error:
        raise Fault(f"{type(model).__name__} cannot be measured by what it predicts: {error}") from error
    if guesses[0].shape[1:] != clip.frames[:, given:].shape[1:]:
        raise Fault(
            f"{type(model).__name__}.rollout predicts frames of shape {tuple(guesses[0].shape[1:])} (time, channel, "
            f"height, width) where clips go on with {tuple(clip.frames[:, given:].shape[1:])}: see Rollout in clips.py."
        )
    return torch.cat(guesses)


def errors(values: Float[Tensor, "clip time"], name: str, what: str, sheet: Sheet) -> None:
    """Means over the first predicted frames, and the curve over all of them."""
    length = values.shape[1]
    for horizon in (horizon for horizon in HORIZONS if horizon <= length):
        frames = "frame" if horizon == 1 else "frames"
        sheet.mean(f"{name}_{horizon}_{frames}", values[:, :horizon], ERROR, f"{what}, {horizon} predicted")
    sheet.add(f"{name}_by_frame", values.double().mean(dim=0), ERROR, len(values), f"{what}, by predicted frame")


def exact_floor(world: World, clip: Clip, given: int) -> Float[Tensor, " clip"] | None:
    """The error that the mean over all frames that can come next leaves in expectation; None where none is known."""
    if not isinstance(world, RandomWalk):
        return None
    try:
        moments = next_frame_moments(world, clip, given - 1)
    except ValueError:
        return None  # walks whose futures are not enumerated
    return (moments.square - moments.mean.square().sum(dim=(1, 2, 3))).clamp(min=0)
