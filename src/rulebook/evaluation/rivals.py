"""What VIM's rivals are worth on the same test clips: SCOFF and RIM (Table 1, Figure 8), G-SWM (Figure 4).

SCOFF and RIM are asked as section 5.4 does: the true frame before it is given at every step. Names that VIM's numbers
have too mean the same thing here, on the same clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from rulebook.clips import MOVES, Clip, Rollout, concatenate
from rulebook.evaluation.sheet import Sheet
from rulebook.evaluation.walks import ERROR, PLAN, STEPS, Size
from rulebook.measures.frames import summed_error
from rulebook.measures.matching import Matching, foreground_ari, match_slots, owners, position_error
from rulebook.measures.rules import module_shares
from rulebook.measures.sharpness import edge_energy
from rulebook.measures.stability import loss_jumps
from rulebook.models.gswm import GSWM, KLS
from rulebook.models.scoff import SCOFF
from rulebook.training.config import RunConfig
from rulebook.worlds.floors import next_frame_moments
from rulebook.worlds.random_walk import RandomWalk

PREDICTED = 5
"""Frames that Table 1 counts."""
IN_USE = 0.05
"""Share of steps from which on a schema counts as used."""


def evaluate(config: RunConfig, model: SCOFF | GSWM, sheet: Sheet) -> None:
    world, size = config.world, Size.of(config.profile)
    assert isinstance(world, RandomWalk)
    sheet.add("parameters", sum(p.numel() for p in model.parameters()), "weights", 1, "of the whole model")
    clip = world.sample(size.clips, 0, length=20, split="test")
    if isinstance(model, SCOFF):
        early = clip.window(0, PREDICTED + 1)
        rollout = predict(model, early)
        prediction(world, early, rollout, sheet)
        by_frame = predicted_errors(model, clip).double().mean(dim=0)
        what = "error of predicted frames 2 to 20, the true frame before each given"
        sheet.add("error_by_frame", by_frame, ERROR, size.clips, what)
        binding(early, rollout, sheet)
        if model.spec.schemata > 1:
            schemata(early, rollout, sheet)
    else:
        watching(clip, infer(model, clip), sheet)
        composition(model, world, size, sheet)


def training(config: RunConfig, history: Sequence[Mapping[str, Any]], sheet: Sheet) -> None:
    """Instabilities of the training, from its history."""
    lines = [line for line in history if line.get("split") == "train"]
    term = "error" if lines and "error" in lines[0] else "nll"
    jumps = 0
    for stage, later in zip(config.training.stages, [*config.training.stages[1:], None], strict=True):
        end = later.begin if later else config.training.steps
        jumps += loss_jumps([float(line[term]) for line in lines if stage.begin < line["step"] <= end])
    sheet.add(
        "training_jumps",
        jumps,
        "jumps",
        len(lines),
        f"times that the training error (mean over {config.training.log_every} steps) rose above 1.25 times the median "
        "of the 10 before it and above their noise, counted within stages of equal clip length; errors above it in a "
        "row count once",
    )


# ---- SCOFF and RIM --------------------------------------------------------------------------------------------------


def predict(model: SCOFF, clip: Clip, batch: int = 32) -> Rollout:
    """Every frame but the first predicted from the true one before it, a few clips at a time."""
    parts = [clip[i : i + batch] for i in range(0, len(clip.frames), batch)]
    return concatenate([model.rollout(part.frames, given=part.length) for part in parts])


def predicted_errors(model: SCOFF, clip: Clip, batch: int = 32) -> Float[Tensor, "clip step"]:
    """The errors of ``predict`` without its pictures, which for many frames take much room."""
    parts = [clip.frames[i : i + batch] for i in range(0, len(clip.frames), batch)]
    return torch.cat([model.rollout(part, given=part.shape[1]).losses["error"] for part in parts])


def futures(world: RandomWalk, clip: Clip) -> tuple[Float[Tensor, "clip step channel height width"], Tensor]:
    """Per step: the mean over all frames that can follow, and the error that it leaves in expectation [clip, step]."""
    moments = [next_frame_moments(world, clip, t) for t in range(clip.length - 1)]
    left = torch.stack([moment.square - moment.mean.square().sum(dim=(1, 2, 3)) for moment in moments], dim=1)
    # Where one frame alone can follow, rounding is all that is left.
    left = torch.where(left < 1e-9, torch.zeros_like(left), left)
    return torch.stack([moment.mean for moment in moments], dim=1).float(), left


def prediction(world: RandomWalk, clip: Clip, rollout: Rollout, sheet: Sheet) -> None:
    """Table 1, and how near the predictions are to the mean over all futures (Figure 8)."""
    truth, guess = clip.frames[:, 1:], rollout.frames
    mean, floor = futures(world, clip)
    error = summed_error(truth, guess)
    frames = f"frames 2 to {clip.length}, the true frame before each given"
    for name, values, what in (
        ("error_5_frames", error, "of the prediction (Table 1)"),
        ("floor_5_frames", floor, "expected of the best deterministic prediction, the mean over all futures"),
        ("mean_5_frames", summed_error(truth, mean), "of the mean over all futures, on these very clips"),
        ("copy_last_5_frames", summed_error(truth, clip.frames[:, :-1]), "of the frame before as prediction"),
        ("distance_to_mean", summed_error(mean, guess), "between the prediction and the mean over all futures"),
    ):
        sheet.mean(name, values, ERROR, f"{what}; {frames}")
    if world.dynamics == "random":
        over(error, floor, "error_over_floor", f"error over the exact deterministic floor; {frames}", sheet)
    else:
        loose = futures(world.model_copy(update={"dynamics": "random"}), clip)[1]
        what = f"if every ball made a random move instead of its own; {frames}"
        sheet.mean("random_floor_5_frames", loose, ERROR, f"exact deterministic floor {what}")
        over(error, loose, "error_over_random_floor", f"error over the exact deterministic floor {what}", sheet)
    for name, other, what in (
        ("mean_frame_correlation", mean, "the mean over all futures"),
        ("true_frame_correlation", truth, "the frame that followed"),
    ):
        definition = f"Pearson, over pixels and channels of a frame, of the prediction with {what}; {frames}"
        sheet.mean(name, correlation(guess, other), "correlation", definition)
    for name, pictures, what in (
        ("sharpness", guess, "predictions"),
        ("mean_sharpness", mean, "the mean over all futures"),
    ):
        ratio = edge_energy(pictures) / edge_energy(truth)
        sheet.add(name, ratio, "ratio", len(truth), f"squared differences of neighbouring pixels, {what} over truth")


def over(error: Tensor, floor: Tensor, name: str, definition: str, sheet: Sheet) -> None:
    """The ratio of two means over clips; its standard error is that of the error."""
    sheet.mean(name, error.double().mean(dim=1) / floor.mean(), "ratio", definition)


def correlation(
    one: Float[Tensor, "clip time channel height width"], other: Float[Tensor, "clip time channel height width"]
) -> Float[Tensor, "clip time"]:
    """Pearson correlation of frames; 0 where one of them is of a single colour."""

    def centred(frames: Tensor) -> Tensor:
        flat = rearrange(frames.double(), "b t c h w -> b t (c h w)")
        return flat - flat.mean(dim=-1, keepdim=True)

    a, b = centred(one), centred(other)
    return (a * b).sum(dim=-1) / (a.norm(dim=-1) * b.norm(dim=-1)).clamp_min(1e-12)


def looking(rollout: Rollout) -> Rollout:
    """Where every file looks, at the size of frames: index i lies over frame i of the clip."""
    assert rollout.attention is not None
    side = rollout.frames.shape[-1] // rollout.attention.shape[-1]
    large = repeat(rollout.attention, "b t k h w -> b t k (h sh) (w sw)", sh=side, sw=side)
    return replace(rollout, slot_masks=large, first=0)


def binding(clip: Clip, rollout: Rollout, sheet: Sheet) -> None:
    """Do object files bind to objects? In what they paint, and in where they look."""
    what = "adjusted Rand index over pixels of balls"
    sheet.mean("foreground_ari", foreground_ari(clip, rollout), "1", f"{what}; masks of predicted frames 2 to 6")
    looked = foreground_ari(clip, looking(rollout))
    sheet.mean(
        "foreground_ari_attention", looked, "1", f"{what}; attention over frames 1 to 5, in the cells of the encoder"
    )


def schemata(clip: Clip, rollout: Rollout, sheet: Sheet) -> None:
    """Which schemata are chosen, and do they stand for moves? Files that hold a ball: those that look at most of it."""
    assert clip.moves is not None and clip.free is not None and rollout.module_probs is not None
    slot, share = owners(clip, looking(rollout))
    chosen = rollout.modules.squeeze(-1).gather(2, slot)
    probs = rollout.module_probs[..., 0, :]
    probs = probs.gather(2, repeat(slot, "b t o -> b t o m", m=probs.shape[-1]))
    holds, many = share > 0.5, probs.shape[-1]
    used = torch.bincount(chosen[holds], minlength=many)[None]
    n = int(used.sum())
    shares = module_shares(used)
    files = "files that look at most of a ball"
    sheet.add("schema_shares", shares, STEPS, n, f"share of every schema, largest first; {files}")
    sheet.add("schemata_in_use", (shares >= IN_USE).sum(), "schemata", n, f"with at least {IN_USE:.0%} of the steps")
    nats = -(probs * probs.clamp_min(1e-12).log()).sum(dim=-1)[holds]
    sheet.add("choice_entropy", nats.mean(), "nats", n, f"of the probabilities from which a schema is chosen; {files}")
    moves = clip.moves[..., 0]
    counts = schema_counts(moves, chosen, holds & clip.free & (moves >= 0), many)
    n = int(counts.sum())
    what = f"the move that follows, all four moves possible; {files}"
    sheet.add("schema_by_move", counts, "ball-steps", n, f"counts, rows: left, right, up, down; {what}")
    told = mutual_information(counts)
    sheet.add("schema_move_information", told, "nats", n, f"mutual information of the chosen schema and {what}")


def schema_counts(moves: Tensor, chosen: Tensor, where: Bool[Tensor, "clip step object"], schemata: int) -> Tensor:
    """Counts [move, schema] over the selected steps."""
    pairs = moves[where] * schemata + chosen[where]
    return torch.bincount(pairs, minlength=len(MOVES) * schemata).reshape(len(MOVES), schemata)


def mutual_information(counts: Tensor) -> float:
    """In nats, of the rows and columns of a table of counts; 0 where they are independent."""
    joint = counts.double() / counts.sum().clamp_min(1)
    apart = joint.sum(dim=1, keepdim=True) * joint.sum(dim=0, keepdim=True)
    return float((joint * (joint.clamp_min(1e-300) / apart.clamp_min(1e-300)).log())[joint > 0].sum())


# ---- G-SWM ----------------------------------------------------------------------------------------------------------


def infer(model: GSWM, clip: Clip, propagations: int | None = None, batch: int = 32) -> Rollout:
    """Inference over a whole clip, a few clips at a time."""
    parts = [clip[i : i + batch] for i in range(0, len(clip.frames), batch)]
    return concatenate([model.infer(part.frames, propagations=propagations) for part in parts])


def ball_errors(clip: Clip, rollout: Rollout, matching: Matching) -> Float[Tensor, "clip time object"]:
    """Position errors of all balls; where no box is near, or there at all, the width of the frame."""
    return position_error(clip, rollout, matching, "content").clamp(max=clip.frames.shape[-1])


def watching(clip: Clip, rollout: Rollout, sheet: Sheet) -> None:
    """What the model makes of the walk that it was trained on."""
    error = rollout.losses["error"]
    for length in (5, 10, 20):
        what = f"posterior, mean over the first {length} frames"
        sheet.mean(f"error_{length}_frames", error[:, :length], ERROR, what)
    sheet.add("error_by_frame", error.double().mean(dim=0), ERROR, len(error), "posterior error of every frame")
    for name in KLS:
        sheet.mean(name, rollout.losses[name][:, 1:10], "nats per frame", f"KL of {name[3:]}, frames 2 to 10")
    matching = match_slots(clip, rollout, "content")
    sheet.mean("no_own_slot", 1 - matching.own.double(), "share of balls", "without a box of their own in frame 1")
    off = ball_errors(clip, rollout, matching)[:, :10]
    how = "position error over 10 frames, centres of boxes, at most the frame's width"
    sheet.mean("tracking_error_all", off, "pixels", f"{how}; all balls")
    # A model that finds no ball at all must not go unjudged.
    mine = off.transpose(1, 2)[matching.own if matching.own.any() else torch.ones_like(matching.own)]
    sheet.mean("tracking_error", mine, "pixels", f"{how}; balls with a box of their own, all if none has one")
    lost(clip, off, rollout, matching, "", "on single moves", sheet)


def lost(clip: Clip, off: Tensor, rollout: Rollout, matching: Matching, suffix: str, what: str, sheet: Sheet) -> None:
    """Balls that had a box of their own and have it no more at the end of ``off``, and boxes in all."""
    length = off.shape[1]
    presence = rollout.extra["presence"][:, :length]
    here = matching.take(presence.unsqueeze(-1))[:, -1, :, 0] >= 0.5
    gone = (~here | (off[:, -1] > clip.radii))[matching.own]
    definition = f"own box in frame 1, but absent or off the ball in frame {length}; {what}"
    sheet.mean(f"lost{suffix}", gone.double(), "share of balls", definition)
    present = (presence >= 0.5).double().sum(dim=-1)
    sheet.mean(f"boxes_present{suffix}", present, "boxes per frame", f"presence 0.5 or more, {length} frames; {what}")


def composition(model: GSWM, world: RandomWalk, size: Size, sheet: Sheet) -> None:
    """Compositions of up to 5 moves that it never saw, one propagation per frame and several (Figure 4)."""
    clip = world.model_copy(update={"moves_per_step": (1, 5)}).sample(size.composed, 0, length=10, split="test")
    for count in sorted({1, model.spec.propagations, PLAN}):
        rollout = infer(model, clip, count)
        matching = match_slots(clip, rollout, "content")
        off = ball_errors(clip, rollout, matching)
        what = f"on compositions of 1 to 5 moves, {count} propagation(s), frames 2 to 10"
        sheet.mean(f"composition_tracking_{count}", off[:, 1:], "pixels", f"position error {what}")
        by_frame = off[:, 1:].double().mean(dim=(0, 2))
        name = f"composition_tracking_{count}_by_frame"
        sheet.add(name, by_frame, "pixels", len(off), f"the same {what}, by frame")
        sheet.mean(f"composition_error_{count}", rollout.losses["error"][:, 1:], ERROR, f"posterior error {what}")
        lost(clip, off, rollout, matching, f"_composition_{count}", f"compositions, {count} propagation(s)", sheet)
