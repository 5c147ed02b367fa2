"""What slots and cells do: who divides, draws, tracks and is active, and what is lost with a switch turned.

A model with cells is asked again with its switches turned (thesis 4.5.2, 4.5.6), on the same clips.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rulebook.clips import Clip, Rollout
from rulebook.evaluation.oc_rims_watch import GIVEN, SCORES, Found, collect, scores, untrained, write_scores
from rulebook.evaluation.sheet import Sheet
from rulebook.layers.rim_cells import ALL_ON
from rulebook.measures import tracking
from rulebook.models.oc_rims import OCRIMs
from rulebook.models.rims import CellModel
from rulebook.training.config import RunConfig

ONE_OBJECT = 0.8
"""Share of a cell's content from which on it counts as of one object."""
ALIKE = 0.5
"""Correlation from which on a picture without its mask counts as that of an object."""


# ---- What each cell draws (4.3, 4.4) --------------------------------------------------------------------------------


def observed(clip: Clip, rollout: Rollout) -> Found:
    """Per clip: who tracks what, how purely, and who is active; only what this model and these clips can tell."""
    found: Found = {}
    if rollout.active is not None:
        found["active"] = rollout.active
    if "input_attention" in rollout.extra:
        found["read"] = rollout.extra["input_attention"][..., :-1].sum(dim=-1)
    if "slot_attention" in rollout.extra:
        found["slot_share"] = rollout.extra["slot_attention"].amax(dim=2).mean(dim=(2, 3))
    if rollout.slot_rgb is None or rollout.slot_masks is None or clip.object_frames is None:
        return found
    tracked = tracking.tracked_objects(clip, rollout)
    alone = tracking.tracked_objects(clip, rollout, masked=False)
    for suffix, indices in (("", tracked), ("_unmasked", alone)):
        lengths = tracking.consistent_lengths(indices)
        found |= {f"mcl{suffix}": lengths.maximum, f"acl{suffix}": lengths.average}
    found["light"] = tracking.light_shares(rollout)
    found["purity"] = tracking.content_in_one_object(clip, rollout)
    found["purity_on_objects"] = tracking.content_in_one_object(clip, rollout, on_objects=True)
    showing = torch.where(found["purity"].isnan(), -1, tracked)
    alike = tracking.tracked_objects(clip, rollout, masked=False, least=ALIKE)
    for suffix, indices in (("", showing), ("_unmasked", alike)):
        # Frames in which no cell tracks anything say nothing about duplicates.
        silent = (indices < 0).all(dim=-1)
        found[f"cells_per_object{suffix}"] = torch.where(silent, torch.nan, tracking.duplicates(indices) + 1)
    found["completion"] = tracking.completion_error(clip, rollout)
    found["grey"] = tracking.completion_by_grey(clip, rollout)
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
    last = GIVEN
    early = f"frames 1 to {last}, the true frame before each given"
    for suffix, name, frames, which, when in (
        ("", "purity", slice(None), "", "frames 1 to the last"),
        ("_given", "purity", slice(last), "", early),
        ("_on_objects", "purity_on_objects", slice(None), " that lies on any object", "frames 1 to the last"),
    ):
        purity = found[name][:, frames]
        pure = torch.where(purity.isnan(), purity, (purity >= ONE_OBJECT).to(purity.dtype))
        text = f"mask x brightness of a cell{which} lies to {ONE_OBJECT} or more in one object; {when}; {light}"
        write_known(f"single_object_share{suffix}", pure, "share of cell-steps", text, sheet)
    hidden = "squared error of a cell's picture without mask on pixels of its object that another one covers, over that"
    completion = found["completion"]
    write_known("completion_ratio", completion, "ratio", f"{hidden} of black; frames 1 to the last", sheet)
    grey = hidden.replace("a cell's picture without mask", "a picture that is all grey (0.5)")
    write_known("completion_ratio_grey", found["grey"], "ratio", f"{grey} of black; frames 1 to the last", sheet)
    write_known("completion_ratio_given", completion[:, :last], "ratio", f"{hidden} of black; {early}", sheet)


def before_training(config: RunConfig, clip: Clip, sheet: Sheet) -> None:
    """The same measures of the model before its first step: among a handful of objects, a cell that has learned nothing
    stays with one of them for long by chance."""
    model = untrained(config)
    blank = Sheet()
    objects(collect(model, clip, observed), blank)
    blank.metrics.pop("completion_ratio_grey", None)  # in which no model has a part
    for name, entry in blank.metrics.items():
        text = f"{entry['definition']}; before the first step of training"
        sheet.add(f"{name}_untrained", entry["value"], entry["unit"], entry["n"], text)


# ---- Whether slots divide a frame -----------------------------------------------------------------------------------


def dividing(model: CellModel, found: Found, clip: Clip, sheet: Sheet) -> None:
    """Slots that divide a frame among them cannot be exchanged for their mean; slots that all say the same can."""
    if not isinstance(model, OCRIMs) or model.slots is None or model.spec.slots == 1:
        return
    share = found["slot_share"].double()
    text = f"of a place in the feature map that goes to the slot that takes most of it; {model.spec.slots} slots"
    sheet.mean("slot_share", share, "share", text)

    def pool(_module: object, _inputs: object, out: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        slots, maps = out
        return slots.mean(dim=1, keepdim=True).expand_as(slots), maps

    handle = model.slots.register_forward_hook(pool)
    try:
        pooled = collect(model, clip, scores)
    finally:
        handle.remove()
    what = "predicted with every slot replaced by the mean of all slots of its frame"
    write_scores(pooled, "_mean_slots", what, sheet, clip)


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
    for name, what in (
        ("read", "of each cell's input attention that is not on the null input"),
        ("light", "of all light (mask x brightness) that each cell draws"),
    ):
        if name in found:
            mean, text = found[name].double().mean(dim=(0, 1)), f"{what}; mean over all frames"
            sheet.add(f"{name}_by_cell", mean, "share", len(found[name]), text)
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
        unseen = cut(model, clip, "hidden", pairs)
        what = f"predicted with two cells that go on but are not drawn, as in the author's code, {told}"
        write_scores(unseen, "_cells_hidden", what, sheet, clip)
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
