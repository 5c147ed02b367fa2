"""What the models of the OC-RIMs thesis are worth: prediction 10 -> 10, and what their cells do (chapter 4).

The first 10 frames of a test clip are given, the model goes on alone to the last one; all errors are over the frames
that it was not given. A model with cells is asked again with its switches turned (thesis 4.5.2, 4.5.6), on the same
clips. What follows from many runs together (orders, the sweep) is left to the rules of the claims.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.sheet import Sheet
from rulebook.layers.rim_cells import ALL_ON
from rulebook.measures import costs, readouts, tracking
from rulebook.measures.audibility import signal_and_noise
from rulebook.measures.frames import foreground_f1, predicted, ssim, thesis_mse
from rulebook.models.base import VideoModel
from rulebook.models.rims import CellModel
from rulebook.seeds import derive, generator
from rulebook.training.config import RunConfig
from rulebook.worlds import naive
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

TEST_SEED = 0
"""All runs of a world are asked about the same clips."""
GIVEN = 10
ONE_OBJECT = 0.8
"""Share of a cell's content from which on it counts as of one object."""
ALIKE = 0.5
"""Correlation from which on a picture without its mask counts as that of an object."""

MSE = "squared error per frame and channel"
SCORES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str, str]] = {
    "mse": (thesis_mse, MSE, "squared error summed over pixels, averaged over channels"),
    "ssim": (ssim, "1", "structural similarity, Gaussian window of 11, black beyond the frame"),
    "f1": (foreground_f1, "1", "F1 of pixels brighter than 0.5"),
}
READ = {"light": "light", "place": "centre of light", "tint": "colour of all its light"}
"""What linear readers look for in the states."""
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

    def measure(part: Clip, rollout: Rollout) -> Found:
        return {**scores(part, rollout), **observed(part, rollout)}

    found = collect(model, clip, measure)
    write_scores(found, "", "predicted by the model", sheet, clip, by_frame=True)
    floors(world, clip, size, sheet)
    fresh = untrained(config)
    knowledge(world, model, fresh, clip, sheet)
    audible(fresh, clip[: size.few], sheet)
    if isinstance(model, CellModel):
        objects(found, sheet)
        before_training(config, clip[: size.few], sheet)
        activity(model, found, clip[: size.few], sheet)
        switches(model, found, clip, clip[: size.few], sheet)


# ---- Prediction -----------------------------------------------------------------------------------------------------


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


# ---- What each cell draws (4.3, 4.4) --------------------------------------------------------------------------------


def observed(clip: Clip, rollout: Rollout) -> Found:
    """Per clip: who tracks what, how purely, and who is active; only what this model and these clips can tell."""
    found: Found = {}
    if rollout.active is not None:
        found["active"] = rollout.active
    if rollout.slot_rgb is None or rollout.slot_masks is None or clip.object_frames is None:
        return found
    tracked = tracking.tracked_objects(clip, rollout)
    alone = tracking.tracked_objects(clip, rollout, masked=False)
    for suffix, indices in (("", tracked), ("_unmasked", alone)):
        lengths = tracking.consistent_lengths(indices)
        found |= {f"mcl{suffix}": lengths.maximum, f"acl{suffix}": lengths.average}
    found["purity"] = tracking.content_in_one_object(clip, rollout)
    showing = torch.where(found["purity"].isnan(), -1, tracked)
    alike = tracking.tracked_objects(clip, rollout, masked=False, least=ALIKE)
    for suffix, indices in (("", showing), ("_unmasked", alike)):
        # Frames in which no cell tracks anything say nothing about duplicates.
        silent = (indices < 0).all(dim=-1)
        found[f"cells_per_object{suffix}"] = torch.where(silent, torch.nan, tracking.duplicates(indices) + 1)
    found["completion"] = tracking.completion_error(clip, rollout)
    return found


def write_known(name: str, values: Tensor, unit: str, definition: str, sheet: Sheet) -> None:
    """The mean over all values but those that say nothing (nan)."""
    known = values[~values.isnan()].double()
    sheet.add(name, known.mean(), unit, len(known), definition)


def objects(found: Found, sheet: Sheet) -> None:
    """Do cells stand for objects? Of models that draw a picture per cell."""
    if "mcl" not in found:
        return
    own = {"": "under its mask", "_unmasked": "without its mask"}
    for suffix, how in own.items():
        share, track = "share of the sequence", f"a cell's picture {how} is most like one object; frames 1 to the last"
        longest = f"longest run of frames in which {track}"
        write_known(f"mcl{suffix}", found[f"mcl{suffix}"], share, longest, sheet)
        write_known(f"acl{suffix}", found[f"acl{suffix}"], share, f"mean run of frames in which {track}", sheet)
    light = "cells that show less than 0.01 of all light left out"
    for suffix, which in (("", light), ("_unmasked", f"own pictures without mask, correlation above {ALIKE}")):
        count = found[f"cells_per_object{suffix}"]
        text = f"of cells that track an object, those beyond the first on it; {which}"
        write_known(f"duplicates_share{suffix}", 1 - 1 / count, "share of cells", text, sheet)
    purity = found["purity"]
    pure = torch.where(purity.isnan(), purity, (purity >= ONE_OBJECT).to(purity.dtype))
    text = f"mask x brightness of a cell lies to {ONE_OBJECT} or more in one object; {light}"
    write_known("single_object_share", pure, "share of cell-steps", text, sheet)
    hidden = "squared error of a cell's picture without mask on pixels of its object that another one covers, over that"
    completion, last = found["completion"], GIVEN
    write_known("completion_ratio", completion, "ratio", f"{hidden} of black; frames 1 to the last", sheet)
    early = f"{hidden} of black; frames 1 to {last}, the true frame before each given"
    write_known("completion_ratio_given", completion[:, :last], "ratio", early, sheet)


def before_training(config: RunConfig, clip: Clip, sheet: Sheet) -> None:
    """The same measures of the model before its first step: among a handful of objects, a cell that has learned nothing
    stays with one of them for long by chance."""
    model = untrained(config)
    blank = Sheet()
    objects(collect(model, clip, observed), blank)
    for name, entry in blank.metrics.items():
        text = f"{entry['definition']}; before the first step of training"
        sheet.add(f"{name}_untrained", entry["value"], entry["unit"], entry["n"], text)


# ---- Activation, utilisation, switches (4.5) ------------------------------------------------------------------------


def activity(model: CellModel, found: Found, clip: Clip, sheet: Sheet) -> None:
    """How much the predictions hang on each cell (4.3) and, where not all are active, on the active ones."""
    spec = model.cells.spec
    active = spec.count(ALL_ON)

    def used(part: Clip, rollout: Rollout) -> Found:
        assert rollout.states is not None and rollout.active is not None
        # A few clips at a time: gradients keep every layer of the decoder.
        utilisation = torch.cat([model.utilisation(states) for states in rollout.states.split(4)])
        shares = tracking.utilisation_shares(utilisation)
        return {"shares": shares, "on_active": tracking.active_share(utilisation, rollout.active)}

    use = collect(model, clip, used)
    slope = "sum over its state of |d sum of all pixels / d state|"
    by_cell = use["shares"].double().mean(dim=(0, 1))
    sheet.add("utilisation_by_cell", by_cell, "share", len(clip.frames), f"of each cell: {slope}; mean over all frames")
    if active < spec.cells:
        text = f"utilisation that falls on the activated cells ({active} of {spec.cells}); {slope}"
        sheet.mean("active_utilisation", use["on_active"], "share", text)
        changes = tracking.activation_changes(found["active"])
        sheet.mean(
            "activation_change_share",
            changes,
            "share of steps",
            "steps after the second on which the set of active cells differs from that of the step before",
        )


def switches(model: CellModel, found: Found, clip: Clip, few: Clip, sheet: Sheet) -> None:
    """The model asked again: cells that do not hear each other, all of them active, some of them gone."""
    spec = model.cells.spec
    active = spec.count(ALL_ON)
    silent = collect(model, clip, scores, communicate=False)
    what = "predicted with communication switched off at test time"
    write_scores(silent, "_no_communication", what, sheet, clip, by_frame=True)
    if active < spec.cells:
        dense = collect(model, clip, scores, active=spec.cells)
        what = f"trained with {active} of {spec.cells} cells active, tested with all"
        write_scores(dense, "_dense_test", what, sheet, clip)
    if spec.cells > 2:
        pairs = [(cell, (cell + 1) % spec.cells) for cell in range(0, spec.cells, 2)]
        told = f"mean over the {len(pairs)} pairs {', '.join(f'{a}-{b}' for a, b in pairs)}"
        gone = cut(model, clip, "off", pairs)
        write_scores(gone, "_cells_off", f"predicted with two cells taken out, {told}", sheet, clip)
        unseen = cut(model, few, "hidden", pairs)
        what = f"predicted with two cells that go on but are not drawn, as in the author's code, {told}"
        write_scores(unseen, "_cells_hidden", what, sheet, few)
    if spec.cells > 1:
        whole = {name: found[name][: len(few.frames)] for name in ("mse", "f1")}
        write_scores(whole, "_all_cells", "predicted with all cells, on the clips of 'by_cell_off'", sheet, few)
        single = cut(model, few, "off", [(cell,) for cell in range(spec.cells)])
        for name, values in single.items():
            text = f"{SCORES[name][2]}; frames {GIVEN} to {clip.length - 1}, each cell taken out in turn"
            by_cell = values.double().mean(dim=(0, 2))
            sheet.add(f"{name}_by_cell_off", by_cell, SCORES[name][1], len(few.frames), text)


def cut(model: CellModel, clip: Clip, how: str, groups: Sequence[tuple[int, ...]]) -> Found:
    """Scores [clip, group, time] with each of these groups of cells switched off, or hidden."""

    def errors(part: Clip, rollout: Rollout) -> Found:
        return scores(part, rollout, ("mse", "f1"))

    asked = [collect(model, clip, errors, **{how: group}) for group in groups]
    return {name: torch.stack([one[name] for one in asked], dim=1) for name in asked[0]}


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
    looks = [(line["error"], line["step"]) for line in history if line.get("split") == "validation"]
    if looks:
        best, step = min(looks)
        unit = "squared error per frame"
        teacher = "error on validation clips, the true frame before each given"
        sheet.add("validation_loss", looks[-1][0], unit, len(looks), f"{teacher}; at the last step")
        sheet.add("validation_loss_best", best, unit, len(looks), f"{teacher}; lowest of all looks")
        sheet.add("validation_best_step", step, "step", len(looks), "at which that error was lowest")


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
