"""What the models of the OC-RIMs thesis are worth: prediction 10 -> 10, and what their cells do (chapter 4).

Here: prediction, what takes no learning, what states know, and the training itself; cells in ``oc_rims_cells``. What
follows from many runs together (orders, the sweep) is left to the rules of the claims.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.oc_rims_cells import activity, before_training, dividing, objects, observed, switches
from rulebook.evaluation.oc_rims_watch import (
    GIVEN,
    SCORES,
    TEST_SEED,
    Found,
    Size,
    Thesis,
    collect,
    scores,
    untrained,
    write_scores,
)
from rulebook.evaluation.sheet import Sheet
from rulebook.measures import costs, readouts
from rulebook.measures.audibility import signal_and_noise
from rulebook.models.base import VideoModel
from rulebook.models.rims import CellModel
from rulebook.seeds import derive, generator
from rulebook.training.config import RunConfig
from rulebook.worlds import naive
from rulebook.worlds.moving_sprites import MovingSprites

READ = {"light": "light", "place": "centre of light", "tint": "colour of all its light"}
"""What linear readers look for in the states."""


def evaluate(config: RunConfig, model: VideoModel, sheet: Sheet) -> None:
    world, size = config.world, Size.of(config.profile)
    assert isinstance(world, Thesis)
    clips = min(size.clips, world.test_clips) if isinstance(world, MovingSprites) else size.clips
    clip = world.sample(clips, TEST_SEED, split="test")
    shape = world.frame_shape
    sheet.add("parameters", costs.parameters(model), "weights", 1, "trainable numbers of the whole model")
    operations = costs.multiply_adds(model, shape, clip.length)
    what = f"of matrix products and convolutions, forwards, per predicted frame of a clip of {clip.length}"
    sheet.add("multiply_adds", operations, "multiply-adds per frame", 1, what)
    found = collect(model, clip, measured)
    write_scores(found, "", "predicted by the model", sheet, clip, by_frame=True)
    floors(world, clip, size, sheet)
    fresh = untrained(config)
    knowledge(world, model, fresh, clip, sheet)
    audible(fresh, clip[: size.few], sheet)
    if isinstance(model, CellModel):
        objects(found, sheet)
        dividing(model, found, clip, sheet)
        before_training(config, clip, sheet)
        activity(model, found, clip[: size.few], sheet)
        switches(model, found, clip, clip[: size.few], sheet)


def measured(clip: Clip, rollout: Rollout) -> Found:
    """All that one rollout tells, per clip."""
    return {**scores(clip, rollout), **observed(clip, rollout)}


# ---- Prediction -----------------------------------------------------------------------------------------------------


def knowledge(world: Thesis, model: VideoModel, fresh: VideoModel, clip: Clip, sheet: Sheet) -> None:
    """What the states know of the frame that comes next: readers fitted to validation clips, asked about test clips."""
    shown = world.sample(len(clip.frames), TEST_SEED, split="validation", length=GIVEN)
    asked = clip.window(0, GIVEN)
    facts = {"light": readouts.light, "place": readouts.place, "tint": readouts.tint}
    if world.frame_shape[0] == 1:
        del facts["tint"]
    for each, suffix, when in ((model, "", ""), (fresh, "_untrained", "; before the first step of training")):
        states, truth = known(each, shown)
        new_states, new_truth = known(each, asked)
        if states is None or new_states is None:
            continue
        for name, fact in facts.items():
            found = readouts.explained(states, fact(truth), new_states, fact(new_truth))
            what = f"of the next frame's {READ[name]}, read linearly from the states after frames 5 to {GIVEN - 2}"
            text = f"{what}; the reader is fitted to validation clips{when}"
            sheet.add(f"{name}_known{suffix}", found, "R2", len(new_truth), text)


LOOKS = 8
"""How often the same frames are looked at, with other draws."""


def audible(fresh: VideoModel, clip: Clip, sheet: Sheet) -> None:
    """Before the first step of training: do states speak of the frames, or of the draws that slots begin with?"""
    seen = clip.frames[:, :GIVEN]
    looks = [fresh.rollout(seen, given=GIVEN, noise=generator(draw)).states for draw in range(LOOKS)]
    shown = [states[:, -1] for states in looks if states is not None]
    if len(shown) < LOOKS:
        return
    text = f"of the states after frame {GIVEN - 2}, before the first step of training; {LOOKS} looks at the same clips"
    for name, over, value in zip(
        ("signal", "noise"), ("clips", "draws"), signal_and_noise(torch.stack(shown)), strict=True
    ):
        sheet.add(f"state_{name}_untrained", value, "standard deviation", len(seen), f"over {over} {text}")


def known(model: VideoModel, clip: Clip) -> tuple[Tensor | None, Tensor]:
    """The states after frames 5 to the last but one, the true frames given (None: the model shows no states), and the
    frames that follow."""
    followed = clip.frames[:, 6:].flatten(0, 1)
    parts = [model.rollout(clip.frames[i : i + 32], given=clip.length) for i in range(0, len(clip.frames), 32)]
    shown = [part.states for part in parts if part.states is not None]
    if len(shown) < len(parts):
        return None, followed
    return torch.cat(shown)[:, 5 : clip.length - 1].flatten(0, 1).flatten(1), followed


def floors(world: Thesis, clip: Clip, size: Size, sheet: Sheet) -> None:
    """What takes no learning, and what no learner can do better than, on the same clips."""
    naives: dict[str, tuple[Rollout, str]] = {
        "black": (naive.black(clip, GIVEN), "predicted black"),
        "mean_frame": (
            naive.mean_frame(clip, naive.mean_of(world, size.mean, given=GIVEN), GIVEN),
            f"predicted as the mean frame of {size.mean} training clips",
        ),
        "copy_last": (naive.copy_last(clip, GIVEN), "predicted as a copy of the last given frame"),
    }
    if clip.object_frames is not None:  # clips from a file come without the scene behind them
        foreseen = naive.tracker(world, len(clip.frames), TEST_SEED, given=GIVEN)
        told = "predicted by a tracker that knows looks and laws and reads positions off the given frames"
        naives["tracker"] = (foreseen, told)
    for name, (rollout, what) in naives.items():
        write_scores(scores(clip, rollout), f"_{name}", what, sheet, clip, by_frame=True)


# ---- The training itself (4.6, Appendix B) --------------------------------------------------------------------------


def look(config: RunConfig) -> Callable[[VideoModel], dict[str, float]]:
    """MSE, SSIM and F1 of free-running prediction 10 -> 10 while a model is trained (thesis Figures 4.15, 4.16, B.2 -
    B.4): on a few clips of the validation split, never on test clips, and the same ones every time."""
    kept: list[Tensor] = []

    def measure(model: VideoModel) -> dict[str, float]:
        if not kept:
            clips = config.world.sample(Size.of(config.profile).looks, derive(0, "look"), split="validation")
            kept.append(clips.frames)
        clip = Clip(kept[0].to(next(model.parameters()).device))
        return {name: values.double().mean().item() for name, values in collect(model, clip, scores).items()}

    return measure


def training(config: RunConfig, history: Sequence[Mapping[str, Any]], sheet: Sheet) -> None:
    """Where the loss ended, whether it broke, and what choosing a step by the validation clips would have changed."""
    lines = [line for line in history if line.get("split") == "train"]
    if lines:
        last = [line["error"] for line in lines if line["step"] > 0.95 * config.training.steps] or [lines[-1]["error"]]
        text = "mean training error of the last twentieth of the steps, summed over pixels and channels"
        sheet.add("training_loss", math.fsum(last) / len(last), "squared error per frame", len(last), text)
        broke = lasting_jump([line["error"] for line in lines])
        text = (
            f"the median training error of {WINDOW} log lines is above {FACTOR} times that of the {WINDOW} before them"
        )
        sheet.add("loss_jump", broke, "0 or 1", len(lines), text)
        for window, suffix in ((WINDOW, ""), (WINDOW // 2, "_short")):
            found = rises([line["error"] for line in lines], window)
            if found:
                text = f"largest median training error of {window} log lines, over that of the {window} before them"
                sheet.add(f"loss_rise{suffix}", max(found), "ratio", len(lines), text)
    looks = [(line["error"], line["step"]) for line in history if line.get("split") == "validation"]
    if looks:
        best, step = min(looks)
        unit = "squared error per frame"
        teacher = "error on validation clips, the true frame before each given"
        sheet.add("validation_loss", looks[-1][0], unit, len(looks), f"{teacher}; at the last step")
        sheet.add("validation_loss_best", best, unit, len(looks), f"{teacher}; lowest of all looks")
        sheet.add("validation_best_step", step, "step", len(looks), "at which that error was lowest")
    alone = [(line["mse"], line["step"]) for line in history if line.get("split") == "validation" and "mse" in line]
    if alone:
        best, step = min(alone)
        free = f"{SCORES['mse'][2]}; frames {GIVEN} to the last of a few validation clips, predicted by the model"
        sheet.add("validation_mse", alone[-1][0], SCORES["mse"][1], len(alone), f"{free}; at the last step")
        sheet.add("validation_mse_best", best, SCORES["mse"][1], len(alone), f"{free}; lowest of all looks")
        sheet.add("validation_mse_best_step", step, "step", len(alone), "at which that error was lowest")


WINDOW, FACTOR = 10, 1.25


def rises(losses: Sequence[float], window: int = WINDOW) -> list[float]:
    """At every line of the history, the median loss of the next lines over that of the lines before it."""
    return [
        median(losses[i : i + window]) / median(losses[i - window : i]) for i in range(window, len(losses) - window + 1)
    ]


def lasting_jump(losses: Sequence[float], window: int = WINDOW, factor: float = FACTOR) -> bool:
    """Did the loss jump up and stay there? A spike that is over within half a window moves no median."""
    if not all(map(math.isfinite, losses)):
        return True
    return any(rise > factor for rise in rises(losses, window))
