"""Does VIM plan? Selection, again and again between two frames, towards moves that it never saw (section 5.2)."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.sheet import Sheet
from rulebook.evaluation.vim_watch import STARTS, infer
from rulebook.evaluation.walks import ERROR, PLAN, Size
from rulebook.measures.matching import match_slots, position_error, slot_centres
from rulebook.measures.planning import best_in_parity, moves_away
from rulebook.models.vim import VIM
from rulebook.worlds.random_walk import RandomWalk


def composition(model: VIM, world: RandomWalk, size: Size, sheet: Sheet) -> None:
    """The atomic model follows compositions of up to 5 moves that it never saw (Figures 4 and 5)."""
    composed = world.model_copy(update={"moves_per_step": (1, 5)})
    clip = composed.sample(size.composed, 0, length=10, split="test")
    plans: dict[str, tuple[str, dict[str, Any]]] = {
        "1": ("1 iteration", {"iterations": 1}),
        "8": (f"{PLAN} iterations", {"iterations": PLAN}),
        "halting": (f"{PLAN} iterations with halting", {"iterations": PLAN, "halting": True}),
    }
    for name, (how, options) in plans.items():
        rollout = infer(model, clip, **options)
        matching = match_slots(clip, rollout, "content")
        error = position_error(clip, rollout, matching, "content")[:, 1:]
        what = f"on compositions of 1 to 5 moves, {how}, frames 2 to 10"
        sheet.mean(f"composition_tracking_{name}", error, "pixels", f"position error {what}")
        by_frame = error.double().mean(dim=(0, 2))
        sheet.add(f"composition_tracking_{name}_by_frame", by_frame, "pixels", len(error), f"the same {what}, by frame")
        sheet.mean(f"composition_error_{name}", rollout.losses["error"][:, 1:], ERROR, f"posterior error {what}")
    refinement(model, composed.sample(size.clips, 1, length=2, split="test"), world.step, sheet)


def refined(model: VIM, pair: Clip) -> tuple[Rollout, Tensor]:
    """Inference with 8 iterations between two frames, and the slots' centres after 0 to 8 of them."""
    rollout = model.infer(pair.frames, iterations=PLAN, draw_iterations=True, starts=STARTS)
    assert rollout.iterates is not None
    visited = Rollout(
        frames=rollout.iterates[:, 0],
        slot_rgb=rollout.extra["iterate_rgb"][:, 0],
        slot_masks=rollout.extra["iterate_masks"][:, 0],
    )
    centres = torch.cat([slot_centres(rollout, "content")[:, :1], slot_centres(visited, "content")], dim=1)
    return rollout, centres


def refinement(model: VIM, pair: Clip, step: float, sheet: Sheet) -> None:
    """Position error after every iteration between two frames (Figure 5)."""
    rollout, centres = refined(model, pair)
    assert pair.positions is not None
    matched = match_slots(pair, rollout, "content").take(centres)
    error = (matched - pair.positions[:, 1:2]).norm(dim=-1).double()
    mean, n = error.mean(dim=(0, 2)), error[:, 0].numel()
    sheet.add("composition_error_by_iteration", mean, "pixels", n, "position error after 0 to 8 iterations, frame 2")
    sheet.add("composition_error_first", mean[1], "pixels", n, "position error after the first iteration")
    sheet.add("composition_error_best", mean[1:].min(), "pixels", n, "after the iteration that is best on average")
    oracle = error[:, 1:].amin(dim=1).mean()
    sheet.add("composition_error_best_per_ball", oracle, "pixels", n, "after the best of 8 iterations of every ball")
    swing = (error[:, -4:].diff(dim=1).abs()).mean()
    parity(error, pair, step, sheet)
    sheet.add("composition_oscillation", swing, "pixels", n, "mean change of a ball's error, last iterations")


def parity(error: Float[Tensor, "clip iteration ball"], pair: Clip, step: float, sheet: Sheet) -> None:
    """Position error where a plan without a move for staying can be right: see ``measures.planning``."""
    assert pair.positions is not None
    away = moves_away(pair.positions[:, 1] - pair.positions[:, 0], step)
    best = best_in_parity(error.transpose(1, 2).flatten(0, 1), away.flatten())
    what = (
        "after the best even iteration of balls an even number of moves away, and the best odd one of the others; "
        "balls of both kinds"
    )
    sheet.mean("composition_error_best_in_parity", best, "pixels", what)
