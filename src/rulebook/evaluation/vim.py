"""What a VIM is worth: are the rules found, composed and transferred (sections 5.1 to 5.3)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rulebook.clips import MOVE_VECTORS, MOVES, Clip, Rollout, concatenate
from rulebook.evaluation.sheet import Sheet
from rulebook.evaluation.vim_plans import composition
from rulebook.evaluation.vim_watch import STARTS, first_slots, infer
from rulebook.evaluation.walks import ERROR, STEPS, Size
from rulebook.measures import rules
from rulebook.measures.matching import Losses, Matching, match_slots, position_error, slot_centres
from rulebook.measures.moves import displacement_moves, move_distribution, straight_paths
from rulebook.measures.sharpness import edge_energy
from rulebook.models.vim import VIM
from rulebook.seeds import generator
from rulebook.training.config import RunConfig
from rulebook.worlds.random_walk import RandomWalk

NEAR = (4.0, 8.0)
"""Distances in pixels that tell balls on top of each other from balls side by side, and those from the rest."""
NEAR_MOVE = 0.3
"""Distance in steps within which a displacement counts as a move."""
FOUND = 0.95
"""Rule accuracy from which on a model counts as having found the rules."""


def evaluate(config: RunConfig, model: VIM, sheet: Sheet) -> None:
    world, size = config.world, Size.of(config.profile)
    assert isinstance(world, RandomWalk)
    sheet.add("parameters", sum(p.numel() for p in model.parameters()), "weights", 1, "of the whole model")
    clip = world.sample(size.clips, 0, length=20, split="test")
    rollout = infer(model, clip)
    matching = match_slots(clip, rollout, "content")
    reconstruction(clip, rollout, sheet)
    tracking(model, clip, rollout, sheet)
    if world.moves_per_step == (1, 1):
        discovery(clip, rollout, matching, sheet)
        holding(clip, rollout, matching, sheet)
        searching(model, clip, sheet)
        assignment = rules.hungarian(rules.rule_module_counts(clip, rollout, matching, clip.free))
        repetition(model, world, clip, assignment, sheet)
        transfer(model, world, size, sheet)
        composition(model, world, size, sheet)
        calibration(model, world, size, sheet)
    else:
        atomic(model, world, size, sheet)
        meanings(model, world, size, sheet)


def reconstruction(clip: Clip, rollout: Rollout, sheet: Sheet) -> None:
    """Errors and KL terms of inference, over 5, 10 and 20 frames, and per frame."""
    error = rollout.losses["error"]
    for length in (5, 10, 20):
        sheet.mean(
            f"error_{length}_frames", error[:, :length], ERROR, f"posterior, mean over the first {length} frames"
        )
    for name, what in (("gaussian_kl", "Gaussian updates"), ("module_kl", "module choices")):
        sheet.mean(
            name, rollout.losses[name][:, 1:10], "nats per frame", f"KL of the {what}, all slots, frames 2 to 10"
        )
    bound = error[:, 1:10] / 2 + rollout.losses["gaussian_kl"][:, 1:10] + rollout.losses["module_kl"][:, 1:10]
    sheet.mean("negative_elbo", bound, "nats per frame", "error / 2 plus both KL terms, frames 2 to 10")
    total = error[:, :10] + rollout.losses["gaussian_kl"][:, :10] + rollout.losses["module_kl"][:, :10]
    sheet.mean("error_plus_kl", total, "error + nats per frame", "error plus both KL terms over 10 frames (Figure 3)")
    sheet.add("error_by_frame", error.double().mean(dim=0), ERROR, len(error), "posterior error of every frame")
    sharp = edge_energy(rollout.frames[:, 1:10]) / edge_energy(clip.frames[:, 1:10])
    what = "squared differences of neighbouring pixels, posterior's frames 2 to 10 over true ones"
    sheet.add("reconstruction_sharpness", sharp, "ratio", len(error), what)


def tracking(model: VIM, clip: Clip, rollout: Rollout, sheet: Sheet) -> None:
    """Position error of matched balls, with both ways of finding a slot's centre."""
    once = match_slots(clip, infer(model, clip.window(0, 1), starts=1), "content")
    one = "balls without a slot of their own in frame 1, from a single start of discovery"
    sheet.mean("no_own_slot_1_start", (~once.own).double(), "share of balls", one)
    for by, suffix in (("content", ""), ("mask", "_by_mask")):
        matching = match_slots(clip, rollout, by)  # type: ignore[arg-type]
        error = position_error(clip, rollout, matching, by)[:, :10]  # type: ignore[arg-type]
        how = "mask x brightness" if by == "content" else "mask-weighted centre, as in the paper"
        own = matching.own.double()
        sheet.mean(f"no_own_slot{suffix}", 1 - own, "share of balls", f"without a slot of their own in frame 1; {how}")
        sheet.mean(f"tracking_error_all{suffix}", error, "pixels", f"position error over 10 frames, all balls; {how}")
        if matching.own.any():
            mine = error.transpose(1, 2)[matching.own]
            name = f"tracking_error{suffix}"
            sheet.mean(name, mine, "pixels", f"position error over 10 frames, balls with a slot of their own; {how}")


def discovery(clip: Clip, rollout: Rollout, matching: Matching, sheet: Sheet) -> None:
    """The rule x module matrix and what it says (Figures 2 and 3)."""
    inside = rules.rule_module_counts(clip, rollout, matching, clip.free)
    everywhere = rules.rule_module_counts(clip, rollout, matching)
    best = rules.hungarian(inside)
    n_inside, n_all = int(inside.sum()), int(everywhere.sum())
    definition = "the slot of a ball picks the module matched to its move"
    accuracy = rules.rule_accuracy(inside, best)
    sheet.add("rule_accuracy_interior", accuracy, STEPS, n_inside, f"{definition}; all four moves possible")
    sheet.add("rule_accuracy_all", rules.rule_accuracy(everywhere, best), STEPS, n_all, f"{definition}; all steps")
    sheet.add("rule_module_interior", inside, "ball-steps", n_inside, "counts, rows: left, right, up, down")
    sheet.add("rule_module_all", everywhere, "ball-steps", n_all, "counts, rows: left, right, up, down; all steps")
    sheet.add("module_of_rule", [best.get(i, -1) for i in range(len(MOVES))], "module", 4, "Hungarian assignment")
    shares = rules.module_shares(everywhere)
    sheet.add("module_shares", shares, STEPS, n_all, "share of every module, largest first")
    sheet.add("least_used_share", shares[-1], STEPS, n_all, "on the least used module")
    sheet.add("three_least_used_share", shares[-3:].sum(), STEPS, n_all, "on the three least used modules together")
    sheet.add("superfluous_share", shares[len(MOVES) :].sum(), STEPS, n_all, "beyond the four most used modules")
    if inside.shape[1] == 2:
        sheet.add(
            "whole_moves_share",
            rules.two_moves_each(inside),
            STEPS,
            n_inside,
            "steps explained by giving each of the two modules two whole moves",
        )


def holding(clip: Clip, rollout: Rollout, matching: Matching, sheet: Sheet) -> None:
    """How long slots hold on to their balls, and where they lose them."""
    assert clip.free is not None
    best = rules.hungarian(rules.rule_module_counts(clip, rollout, matching, clip.free))
    early = clip.free.clone()
    early[:, 9:] = False
    counts = rules.rule_module_counts(clip, rollout, matching, early)
    what = "the slot of a ball picks the module matched to its move; all four moves possible"
    accuracy = rules.rule_accuracy(counts, best)
    sheet.add("rule_accuracy_10_frames", accuracy, STEPS, int(counts.sum()), f"{what}; the first 10 frames")
    by_step = rules.accuracy_by_step(clip, rollout, matching, best, clip.free)
    sheet.add("rule_accuracy_by_step", by_step, STEPS, int(clip.free.sum()), f"{what}; one value per step")
    losses = Losses.of(clip, position_error(clip, rollout, matching, "content"))
    at_risk, lost = losses.by_distance(NEAR)
    what = "on which a slot's centre leaves its ball; the nearest other ball at less than 4, 4 to 8, 8 pixels or more"
    sheet.add("lost_by_distance", lost / at_risk.clamp_min(1), STEPS, int(at_risk.sum()), what)
    at_risk, lost = losses.by_colour((1.5, 2.5), NEAR[-1])
    what = (
        f"on which a slot's centre leaves its ball; another ball nearer than {NEAR[-1]:g} pixels, whose colour differs "
        f"in one, two or three of red, green and blue"
    )
    sheet.add("lost_by_colour", lost / at_risk.clamp_min(1), STEPS, int(at_risk.sum()), what)


def searching(model: VIM, clip: Clip, sheet: Sheet) -> None:
    """The same modules, chosen by drawing every way the frame could have come about: what the posterior leaves."""
    rollout = infer(model, clip, search=True)
    matching = match_slots(clip, rollout, "content")
    counts = rules.rule_module_counts(clip, rollout, matching, clip.free)
    everywhere = rules.rule_module_counts(clip, rollout, matching)
    best, n, n_all = rules.hungarian(counts), int(counts.sum()), int(everywhere.sum())
    how = "modules chosen by drawing all of them, no posterior and no truth"
    picks = "the slot of a ball picks the module matched to its move"
    what = f"{picks}; all four moves possible; {how}"
    accuracy = rules.rule_accuracy(counts, best)
    sheet.add("rule_accuracy_search", accuracy, STEPS, n, what)
    total = rules.rule_accuracy(everywhere, best)
    sheet.add("rule_accuracy_search_all", total, STEPS, n_all, f"{picks}; all steps; {how}")
    found = f"one module for every rule: rule accuracy of at least {FOUND}; all four moves possible; {how}"
    sheet.add("rules_found", accuracy >= FOUND, "0 or 1", n, found)
    rows = f"counts, rows: left, right, up, down; {how}"
    sheet.add("rule_module_search_interior", counts, "ball-steps", n, rows)
    sheet.add("rule_module_search_all", everywhere, "ball-steps", n_all, f"{rows}; all steps")
    by_step = rules.accuracy_by_step(clip, rollout, matching, best, clip.free)
    sheet.add("rule_accuracy_search_by_step", by_step, STEPS, n, f"{what}; one value per step")
    spare = rules.module_shares(everywhere)[len(MOVES) :].sum()
    sheet.add("superfluous_share_search", spare, STEPS, n_all, f"beyond the four most used modules; {how}")
    error = rollout.losses["error"]
    for length in (5, 10, 20):
        sheet.mean(f"error_{length}_frames_search", error[:, :length], ERROR, f"first {length} frames; {how}")
    placed = position_error(clip, rollout, matching, "content")[:, :10].transpose(1, 2)[matching.own]
    if len(placed):
        sheet.mean("tracking_error_search", placed, "pixels", f"over 10 frames, balls with a slot of their own; {how}")


def repetition(model: VIM, world: RandomWalk, clip: Clip, assignment: dict[int, int], sheet: Sheet) -> None:
    """One module again and again moves any ball in one direction, until the border (Figure 2, right)."""
    low, high = world.range_of(world.radius[1])
    steps = 6
    matching = first_slots(model, clip)
    hits, cases = 0.0, 0
    assert clip.positions is not None
    for move, module in assignment.items():
        forced = torch.full((len(clip.frames), steps, model.spec.perception.slots, 1), module)
        rollout = model.force(clip.frames[:, :1], forced, STARTS)
        _, inside = straight_paths(clip.positions[:, 0], move, steps, world.step, low, high)
        made = displacement_moves(matching.take(slot_centres(rollout, "content")), world.step)
        counted = inside & matching.own[:, None]
        hits += float(((made == move) & counted).sum())
        cases += int(counted.sum())
    sheet.add(
        "repeat_accuracy",
        hits / max(cases, 1),
        "share of repetitions",
        cases,
        "a module repeated up to 6 times moves the ball one step in its direction, until the border",
    )


def transfer(model: VIM, world: RandomWalk, size: Size, sheet: Sheet) -> None:
    """Choices inferred from unseen objects drive known balls at the same places (Figure 7)."""
    target = RandomWalk.ood_attributes(border=world.border).sample(size.clips, 0, length=10, split="test")
    known = known_balls(world, target)
    watched = infer(model, target)
    theirs, ours = match_slots(target, watched, "content"), first_slots(model, known)
    driven = model.force(known.frames[:, :1], transferred_choices(watched, theirs, ours), STARTS)
    made = displacement_moves(ours.take(slot_centres(driven, "content")), world.step)
    assert target.moves is not None and target.free is not None
    same = made == target.moves[..., 0]
    usable = (theirs.own & ours.own)[:, None].expand_as(same)
    definition = "the known ball makes the move of the unseen object that drives it, 9 steps"
    for name, where in (("", usable), ("_interior", usable & target.free)):
        share = same[where].double().mean()
        what = definition + (", all four moves possible" if name else ", border included")
        sheet.add(f"transfer_accuracy{name}", share, "share of steps", int(where.sum()), what)
    sheet.mean("transfer_matched", theirs.own, "share of objects", "unseen objects that get a slot of their own")


def known_balls(world: RandomWalk, target: Clip) -> Clip:
    """Balls as the model knows them, at the places of the target's objects."""
    ours = world.sample(len(target.frames), 1, length=target.length, split="test")
    return world.draw(replace(ours, positions=target.positions, moves=target.moves, free=target.free))


def transferred_choices(watched: Rollout, theirs: Matching, ours: Matching) -> Tensor:
    """The modules that the target's slots chose, handed to the slots of the known balls."""
    assert watched.modules is not None
    chosen = theirs.take(watched.modules)
    index = ours.slot[:, None, :, None].expand_as(chosen)
    return torch.zeros_like(watched.modules).scatter(2, index, chosen)


def calibration(model: VIM, world: RandomWalk, size: Size, sheet: Sheet) -> None:
    """Do the moves that the generator samples follow the true distribution? (section 5: multi-modality)"""
    clip = world.sample(size.clips, 2, length=10, split="test")
    noise = generator(0, "calibration")
    parts = [clip[i : i + 32] for i in range(0, size.clips, 32)]
    rollout = concatenate([model.rollout(part.frames, given=1, noise=noise, starts=STARTS) for part in parts])
    matching = match_slots(clip, rollout, "content")
    centres = matching.take(slot_centres(rollout, "content"))
    made = displacement_moves(centres, world.step)
    low, high = world.range_of(world.radius[1])
    here = centres[:, :-1]
    inside = ((here >= low + world.step) & (here <= high - world.step)).all(dim=-1) & matching.own[:, None]
    counts = move_distribution(made, inside)
    uniform = np.array([0.25] * len(MOVES) + [0.0])
    n = int(counts.sum())
    if n == 0:
        return  # no ball has a slot of its own
    tv = rules.total_variation(counts.numpy(), uniform)
    sheet.add("sampled_moves_tv", tv, "total variation", n, "sampled moves against uniform, all four moves possible")
    interval = bootstrap_tv(made, inside, uniform)
    sheet.add("sampled_moves_tv_interval", interval, "total variation", n, "95 % interval, bootstrap over clips")
    sheet.add("sampled_moves", counts, "ball-steps", n, "left, right, up, down, no move; all four moves possible")
    ratio = edge_energy(rollout.frames[:, 1:]) / edge_energy(clip.frames[:, 1:])
    sheet.add("sample_sharpness", ratio, "ratio", n, "squared differences of neighbouring pixels, samples over truth")


def bootstrap_tv(made: Tensor, inside: Tensor, truth: np.ndarray, rounds: int = 500) -> list[float]:
    """95 % interval of the total variation, over resampled clips."""
    per_clip = np.stack([move_distribution(m[None], w[None]).numpy() for m, w in zip(made, inside, strict=True)])
    per_clip = per_clip[per_clip.sum(axis=1) > 0]
    draws = np.random.default_rng(0).integers(len(per_clip), size=(rounds, len(per_clip)))
    values = [rules.total_variation(per_clip[draw].sum(axis=0), truth) for draw in draws]
    return [float(value) for value in np.quantile(values, [0.025, 0.975])]


def atomic(model: VIM, world: RandomWalk, size: Size, sheet: Sheet) -> None:
    """A model trained on compositions alone meets single moves (Figure 6)."""
    clip = world.model_copy(update={"moves_per_step": (1, 1)}).sample(size.clips, 0, length=20, split="test")
    for count in (1, model.spec.iterations):
        rollout = infer(model, clip, iterations=count)
        matching = match_slots(clip, rollout, "content")
        counts = sum(
            (rules.rule_module_counts(clip, rollout, matching, clip.free, i) for i in range(count)),
            start=torch.zeros(len(MOVES), model.spec.modules, dtype=torch.long),
        )
        name = "atomic_rule" if count == 1 else f"atomic_{count}_iterations_rule"
        definition = f"on atomic moves never seen, all four moves possible, {count} iteration(s) per frame"
        n = int(counts.sum())
        accuracy = rules.rule_accuracy(counts, rules.hungarian(counts))
        sheet.add(f"{name}_accuracy_interior", accuracy, STEPS, n, f"module matched to the true move; {definition}")
        sheet.add(
            f"{name}_module_interior", counts, "ball-steps", n, f"counts, rows: left, right, up, down; {definition}"
        )


def effects(model: VIM, world: RandomWalk, clips: int = 32, seed: int = 11) -> list[Float[Tensor, "ball 2"]]:
    """Per module: how far one application of it takes every ball that could make any single move, in pixels."""
    single = world.model_copy(update={"moves_per_step": (1, 1)})
    clip = single.sample(clips, seed, length=2, split="test")
    matching = first_slots(model, clip)
    found = []
    for module in range(model.spec.modules):
        forced = torch.full((clips, 1, model.spec.perception.slots, 1), module)
        rollout = model.force(clip.frames[:, :1], forced, STARTS)
        centres = matching.take(slot_centres(rollout, "content"))
        assert clip.free is not None
        found.append((centres[:, 1] - centres[:, 0])[matching.own & clip.free[:, 0]])
    return found


def meanings(model: VIM, world: RandomWalk, size: Size, sheet: Sheet) -> None:
    """Where every module, applied once, takes a ball: what it has come to mean, whatever chooses it."""
    found = effects(model, world, size.clips, 1)
    n = len(found[0])
    if n == 0:
        return
    steps = torch.stack([moved.median(dim=0).values for moved in found]) / world.step
    what = "of a ball that could make any single move, one module applied once"
    sheet.add("module_displacements", steps, "steps (x, y)", n, f"median displacement {what}, by module")
    away = torch.cdist(torch.tensor(MOVE_VECTORS), steps).min(dim=1).values
    near = f"true moves to within {NEAR_MOVE} steps of which some module takes a ball"
    sheet.add("moves_made", (away <= NEAR_MOVE).sum(), "moves of 4", n, near)
