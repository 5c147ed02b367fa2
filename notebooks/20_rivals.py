# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   rulebook:
#     reads:
#       - vim-m5/atomic
#       - vim-m5-dreams-on/atomic
#       - vim-m4/atomic
#       - scoff/atomic
#       - rim/atomic
#       - scoff-mlp/atomic
#       - rim-mlp/atomic
#       - scoff-mlp/fixed
#       - rim-mlp/fixed
#       - scoff/deterministic
#       - gswm/atomic
#       - gswm-multi/atomic
#     writes: [tables/rivals_budgets.csv, tables/vim_table_1.csv, tables/rivals_gswm.csv]
# ---

# %% [markdown]
# # The rivals: one prediction for many futures, and what was never seen
#
# Experiment 4 of VIM {cite}`vim2022`: SCOFF {cite}`scoff2020` and RIMs {cite}`rims2019` predict the next frame of the
# walk; and its Figure 4: G-SWM {cite}`gswm2020` follows compositions of moves. The models are described in
# {doc}`../../rivals`. Two rows stand beside them that the paper does not have: the *exact* error of the best
# deterministic prediction ({doc}`00_random_walk`), and that of copying the last frame.

# %% tags=["hide-input"]
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from IPython.display import display

from rulebook.evaluation import rivals
from rulebook.evaluation.evaluate import load_model
from rulebook.evaluation.rivals_live import boxes, expected_owners, known_owners
from rulebook.evaluation.vim_watch import infer as vim_infer
from rulebook.evaluation.walks import PLAN
from rulebook.figures.curves import Curve, learning_curves, seed_curves
from rulebook.figures.heatmaps import Panel, heatmaps
from rulebook.figures.rivals import file_rows, prediction_rows
from rulebook.figures.seeds import Measure, seed_points, stacked_shares
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import SLOT_COLOURS, use_house_style
from rulebook.measures.matching import foreground_ari
from rulebook.publishing.budgets import budget
from rulebook.publishing.pages import Shelf, neat, plural, say
from rulebook.publishing.values import rounded
from rulebook.results import Results

use_house_style()
_ = torch.set_grad_enabled(False)
results = Results()
VIM5, VIM4, SCOFF, RIM = "vim-m5/atomic", "vim-m4/atomic", "scoff/atomic", "rim/atomic"
DREAMT = "vim-m5-dreams-on/atomic"
SCOFF_MLP, RIM_MLP = "scoff-mlp/atomic", "rim-mlp/atomic"
SCOFF_FIXED, RIM_FIXED, SCOFF_TORUS = "scoff-mlp/fixed", "rim-mlp/fixed", "scoff/deterministic"
GSWM, GSWM_MULTI = "gswm/atomic", "gswm-multi/atomic"
NEXT_FRAME = (SCOFF, RIM, SCOFF_MLP, RIM_MLP, SCOFF_FIXED, RIM_FIXED, SCOFF_TORUS)
shelf = Shelf(results, VIM5, VIM4, DREAMT, *NEXT_FRAME, GSWM, GSWM_MULTI)
say(shelf.missing(), shelf.made_by())


def value(entry, metric):
    """The mean over seeds."""
    return float(np.mean(list(shelf.by_seed(entry, metric).values())))


# %% [markdown]
# ## Is the race fair?
#
# Every rival learns from the same walk, sees at least as many frames as VIM does, and has at least as many weights.
# VIM, SCOFF and RIM of one seed begin with the same slots, learned from stills; G-SWM has its own way of discovering
# objects. Settings are those of the runs shown, minutes are means over seeds. VIM whose posterior has learned from
# dreams too ({doc}`11_interpretability`) has seen more than its rivals: it stands beside the race, and no claim reads
# it here.

# %% tags=["hide-input"]
budgets = pd.DataFrame([budget(run, results) for entry in shelf.entries for run in shelf.runs(entry)])
results.save_table("rivals_budgets", budgets if len(budgets) else pd.DataFrame(columns=["run"]))
if len(budgets):
    by_entry = budgets.assign(model=budgets["run"].str.rsplit("/", n=2).str[0]).groupby("model", sort=False)
    told = by_entry.first().assign(seeds=by_entry.size(), minutes=by_entry["training (minutes)"].mean().round(0))
    told["minutes before"] = by_entry["before (minutes)"].mean().round(0)
    what = ["seeds", "parameters", "frames seen", "stills seen before", "minutes", "minutes before"]
    display(told[what].style.format("{:,.0f}", na_rep="").set_uuid("budgets"))
    settings = ["steps", "learning rate", "frames × clips", "gradient clipped at"]
    display(told[settings].style.format(precision=4, na_rep="").set_uuid("settings"))

# %% [markdown]
# ## Table 1: error of the next frame
#
# Mean over the first five frames that are predicted, the true frame before each given; VIM: inference, as in the
# paper. Squared error summed over pixels and channels of a frame; $\pm$ is the standard deviation over seeds.

#
# Which five? RIM and SCOFF predict frames 2 to 6. The first five frames of VIM hold the first one, which it draws
# without having to follow anything; the column *frames 2 to 6* sets like against like.

# %% tags=["hide-input"]
PAPER = {RIM: (91.7, 5.4), SCOFF: (81.9, 1.0), VIM5: (4.2, 0.5), DREAMT: (4.2, 0.5)}
NAMES = {RIM: "RIM", SCOFF: "SCOFF", VIM5: "VIM, 5 modules", DREAMT: "the same after dreams"}
LEVELS = {"floor_5_frames": "best deterministic prediction (exact)", "copy_last_5_frames": "copy the last frame"}


def like_for_like(entry):
    """Per seed: the error of frames 2 to 6, which RIM and SCOFF predict."""
    if entry in (RIM, SCOFF):
        return list(shelf.by_seed(entry, "error_5_frames").values())
    return [float(np.mean(curve[1:6])) for curve in shelf.by_seed(entry, "error_by_frame").values()]


def row(name, values, floor, paper=None, profile="", later=()):
    """One row of Table 1."""
    mean = float(np.mean(values))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {
        "model": name,
        "error": rounded(mean) + (f" ± {rounded(deviation, 2)}" if deviation is not None else ""),
        "every seed": ", ".join(rounded(one) for one in values) if profile else "-",
        "frames 2 to 6": rounded(float(np.mean(later))) if len(later) else rounded(mean),
        "over the floor": rounded(mean / floor) if floor else "-",
        "paper": f"{paper[0]} ± {paper[1]}" if paper else "-",
        "profile": profile,
    }


def table_1():
    """The rows whose runs are there, then what any prediction can be held against."""
    floors = [entry for entry in (SCOFF, RIM) if shelf.here(entry)]
    levels = {metric: value(floors[0], metric) for metric in LEVELS} if floors else {}
    floor = levels.get("floor_5_frames")
    rows = [
        row(
            name,
            list(shelf.by_seed(entry, "error_5_frames").values()),
            floor,
            PAPER[entry],
            shelf.runs(entry)[0].profile,
            like_for_like(entry),
        )
        for entry, name in NAMES.items()
        if shelf.here(entry)
    ]
    return pd.DataFrame([*rows, *(row(LEVELS[metric], [level], floor) for metric, level in levels.items())])


table = table_1()
_ = results.save_table("vim_table_1", table if len(table) else pd.DataFrame(columns=["model"]))

# %% tags=["hide-input", "exhibit:vim-table-1"]
table.style.hide(axis="index").set_uuid("table1") if shelf.here(*NAMES) else None

# %% tags=["hide-input"]
table.style.hide(axis="index").set_uuid("part1") if len(table) and not shelf.here(*NAMES) else None

# %% tags=["hide-input"]
if shelf.here(SCOFF) or shelf.here(RIM):
    here = next(entry for entry in (SCOFF, RIM) if shelf.here(entry))
    floor, copied = value(here, "floor_5_frames"), value(here, "copy_last_5_frames")
    groups = shelf.groups("error_5_frames", NAMES)
    levels = {"best deterministic prediction": floor, "copy the last frame": copied}
    figure = seed_points([Measure("squared error per frame", groups, levels, log=True)], width=5.6)
    say(
        *(
            f"{NAMES[one]}: {shelf.spoken(one, 'error_over_floor')} times the floor."
            for one in (SCOFF, RIM)
            if shelf.here(one)
        ),
        f"On average, no prediction that is a function of the past can come below {rounded(floor)} here; the paper's"
        f" SCOFF and RIM lie at {PAPER[SCOFF][0]} and {PAPER[RIM][0]}.",
    )
    if shelf.here(VIM5, SCOFF):
        say(
            f"SCOFF's error is **{rounded(value(SCOFF, 'error_5_frames') / value(VIM5, 'error_5_frames'))}** times"
            f" VIM's (in the paper {rounded(PAPER[SCOFF][0] / PAPER[VIM5][0])} times); over frames 2 to 6, like"
            f" against like, {rounded(value(SCOFF, 'error_5_frames') / float(np.mean(like_for_like(VIM5))))} times.",
            "Mind what is compared: VIM looks at the very frame that it reconstructs, through one choice per slot and"
            " a Gaussian; SCOFF and RIM do not see it.",
        )

# %% [markdown]
# ## Figure 8: what SCOFF predicts
#
# One test clip, not chosen, from the weights of the first seed. Every column is one step: the frame that is given, the
# one that followed, SCOFF's prediction, and the exact mean over all frames that could have followed. Below: what every
# object file adds to the prediction, and where it looked in the given frame.

# %% tags=["hide-input", "exhibit:vim-figure-8"]
if shelf.here(SCOFF):
    run = shelf.runs(SCOFF)[0]
    config, model = load_model(run.path)
    clips = config.world.sample(32, seed=5, length=7, split="test")
    rollout, (mean, _) = rivals.predict(model, clips), rivals.futures(config.world, clips)
    rows = prediction_rows(clips.frames[0], rollout.frames[0], mean[0])
    rows += file_rows(clips.frames[0], rollout.slot_rgb[0], rollout.slot_masks[0], rollout.attention[0])
    figure = film_strip(rows, heads=[f"{t} → {t + 1}" for t in range(1, clips.length)])

# %% tags=["hide-input"]
if shelf.here(SCOFF):
    say(
        "Correlation of the prediction with the mean over all futures:"
        f" **{shelf.spoken(SCOFF, 'mean_frame_correlation')}**; with the frame that followed:"
        f" {shelf.spoken(SCOFF, 'true_frame_correlation')}.",
        "Sharpness (squared differences of neighbouring pixels, truth = 1):"
        f" {shelf.spoken(SCOFF, 'sharpness')}; of the exact mean: {rounded(value(SCOFF, 'mean_sharpness'))}.",
    )

# %% [markdown]
# Do files bind to balls? The adjusted Rand index of masks against balls tells, but masks of *predictions* are held
# against where balls really went, which no file can know. So claim V17 reads where files *look*, in the frame that is
# given. Beside both: files that bind perfectly and know all odds exactly, and true masks in cells of the encoder's
# size.

# %% tags=["hide-input"]
if shelf.here(SCOFF):
    side = clips.frames.shape[-1] // rollout.attention.shape[-1]
    painted = foreground_ari(clips, replace(rollout, slot_masks=expected_owners(config.world, clips)))
    looked = foreground_ari(clips, replace(rollout, slot_masks=known_owners(clips, side), first=0))
    say(
        f"Foreground ARI of what files paint: {shelf.spoken(SCOFF, 'foreground_ari')}; of perfect ones, on the clips"
        f" above: {rounded(float(painted.mean()))}.",
        f"Of where files look: **{shelf.spoken(SCOFF, 'foreground_ari_attention')}**; of true masks in such cells:"
        f" {rounded(float(looked.mean()))}.",
    )

# %% [markdown]
# Of the same clips, the steps that were predicted best, typically and worst:

# %% tags=["hide-input"]
if shelf.here(SCOFF):
    order = rollout.losses["error"].flatten().argsort()
    middle = len(order) // 2
    chosen = torch.cat([order[:3], order[middle : middle + 3], order[-3:]])
    clip_of, step_of = chosen // rollout.frames.shape[1], chosen % rollout.frames.shape[1]
    figure = film_strip(
        [
            Row("given", clips.frames[clip_of, step_of]),
            Row("what followed", clips.frames[clip_of, step_of + 1]),
            Row("prediction", rollout.frames[clip_of, step_of]),
            Row("mean over all futures", mean[clip_of, step_of]),
        ],
        title="three best, three typical, three worst",
    )

# %% [markdown]
# ## How near to the mean?
#
# In expectation, the error of a prediction that is a function of the past is the floor plus its squared distance to
# the mean over all futures. That distance can be measured, for RIM too.

# %% tags=["hide-input"]
PREDICTORS = {RIM: "RIM", SCOFF: "SCOFF"}
MEASURES = {
    "error_over_floor": ("error over the floor", {"floor": 1.0}, False),
    "distance_to_mean": ("squared distance to the mean", {}, True),
    "mean_frame_correlation": ("correlation with the mean", {}, False),
}
measures = [
    Measure(label, shelf.groups(metric, PREDICTORS), levels, zero=zero)
    for metric, (label, levels, zero) in MEASURES.items()
]
if shelf.here(SCOFF) or shelf.here(RIM):
    figure = seed_points(measures)

# %% [markdown]
# ### A part that was missing
#
# A file is updated by a GRU that begins as slot attention's own. Behind that GRU slot attention has a residual MLP;
# SCOFF has none, and Appendix B names none. But the eye that finds and draws files was trained on slots that went
# through it: shown one frame again and again, a file without it fades within a few steps. The runs above are without
# it. The same models with the MLP (and with gradients tamed as VIM's are, {doc}`../../differences`):

# %% tags=["hide-input"]
WITH_MLP = {RIM: "RIM", RIM_MLP: "RIM, MLP", SCOFF: "SCOFF", SCOFF_MLP: "SCOFF, MLP"}
if shelf.here(SCOFF_MLP) or shelf.here(RIM_MLP):
    here_too = {entry: name for entry, name in WITH_MLP.items() if shelf.here(entry)}
    figure = seed_points(
        [
            Measure(label, shelf.groups(metric, here_too), levels, zero=zero)
            for metric, (label, levels, zero) in MEASURES.items()
        ],
        width=3.4,
    )
    say(
        *(
            f"{name}: {shelf.spoken(entry, 'error_5_frames')} per frame,"
            f" correlation {shelf.spoken(entry, 'mean_frame_correlation')}."
            for entry, name in here_too.items()
        )
    )

# %% [markdown]
# And along a clip, every true frame given in turn: does it last beyond the five frames that the table counts?

# %% tags=["hide-input"]
if shelf.here(SCOFF) or shelf.here(RIM):
    curves = [
        Curve(name, shelf.by_seed(entry, "error_by_frame"), colour)
        for (entry, name), colour in zip(PREDICTORS.items(), SLOT_COLOURS, strict=False)
        if shelf.here(entry)
    ]
    frames = len(next(iter(curves[0].by_seed.values())))
    trained = max(stage["frames"] for stage in shelf.runs(here)[0].config["training"]["stages"])
    figure = seed_curves(
        curves,
        range(2, frames + 2),
        xlabel="predicted frame",
        ylabel="squared error per frame",
        levels={"best deterministic prediction": floor, "copy the last frame": copied},
        marks={f" longest in training: {trained} frames": trained},
    )

# %% [markdown]
# ## Is it the argument of the paper?
#
# The paper says why SCOFF and RIM fail: what follows is not a function of what was. If that is the reason, the same
# models must succeed as soon as it *is* a function. So here is the same walk with chance taken away: every colour has
# its direction, and turns back at the border. What was seen then tells what follows, and the floor is zero. The scale:
# what the best deterministic prediction would still get wrong if these very balls moved at random.

# %% tags=["hide-input"]
FIXED = {SCOFF_FIXED: "SCOFF", RIM_FIXED: "RIM"}
if any(shelf.here(entry) for entry in FIXED):
    fixed = next(entry for entry in FIXED if shelf.here(entry))
    loose = value(fixed, "random_floor_5_frames")
    pairs = {RIM: "RIM,\nrandom", RIM_FIXED: "RIM,\nfixed", SCOFF: "SCOFF,\nrandom", SCOFF_FIXED: "SCOFF,\nfixed"}
    levels = {"floor, random moves": loose, "a tenth of it": loose / 10}
    figure = seed_points(
        [Measure("squared error per frame", shelf.groups("error_5_frames", pairs), levels, log=True)], width=5.4
    )
    say(
        *(
            f"{name}, fixed directions: {shelf.spoken(entry, 'error_5_frames')} per frame, that is"
            f" **{shelf.spoken(entry, 'error_over_random_floor')}** of the floor of random moves"
            + ("." if not shelf.here(twin) else f"; random moves: {shelf.spoken(twin, 'error_5_frames')}.")
            for (entry, name), twin in zip(FIXED.items(), (SCOFF, RIM), strict=True)
            if shelf.here(entry)
        ),
    )

# %% tags=["hide-input"]
if shelf.here(SCOFF_FIXED):
    config, model = load_model(shelf.runs(SCOFF_FIXED)[0].path)
    fixed_clip = config.world.sample(1, seed=5, length=7, split="test")
    fixed_rollout = rivals.predict(model, fixed_clip)
    fixed_mean, _ = rivals.futures(config.world, fixed_clip)
    rows = prediction_rows(fixed_clip.frames[0], fixed_rollout.frames[0], fixed_mean[0])
    figure = film_strip(rows, title="SCOFF where every colour has its direction")

# %% [markdown]
# ### Why not on a torus?
#
# A torus needs no rule for the border: balls that leave on one side come in on the other. But on the way they are seen
# in two parts, at opposite edges, and one object file has to draw both. SCOFF without the MLP, trained on a torus by
# the schedule of the random walk; test steps by how many of the three balls are in two parts, before or after the step.

# %% tags=["hide-input"]
if shelf.here(SCOFF_TORUS):
    config, model = load_model(shelf.runs(SCOFF_TORUS)[0].path)
    clip = config.world.sample(192, 0, length=6, split="test")
    errors = rivals.predicted_errors(model, clip)
    ends = config.world.size - 1 - clip.radii[:, None, :, None]
    parted = ((clip.positions < clip.radii[:, None, :, None]) | (clip.positions > ends)).any(dim=-1)
    counts = (parted[:, 1:] | parted[:, :-1]).sum(dim=-1)
    _, left = rivals.futures(config.world.model_copy(update={"dynamics": "random"}), clip)
    rows = [
        {
            "balls in two parts": str(count),
            "steps": int(found.sum()),
            "error per frame": float(errors[found].mean()),
            "over the floor of random moves": float(errors[found].mean() / left[found].mean()),
        }
        for count, found in [*((count, counts == count) for count in range(4)), ("any", counts >= 0)]
    ]
    display(neat(pd.DataFrame(rows), "parted", 2))
    say("More of the error comes from drawing balls in two parts than from following rules.")

# %% [markdown]
# ## Does SCOFF use its schemata?
#
# Five schemata, four moves. On the random walk no schema *can* stand for a move, since the move is not known when the
# schema is chosen; with fixed directions it could, for each file knows its colour. Rows are the moves that followed,
# columns schemata; only files that look at most of a ball count, and only steps on which all four moves were possible.

# %% tags=["hide-input"]
WORLDS = {SCOFF: "random", SCOFF_FIXED: "fixed"}
for entry, world in WORLDS.items():
    found = shelf.by_seed(entry, "schema_by_move")
    if found:
        figure = heatmaps([Panel(f"{world}, seed {seed}", np.array(counts)) for seed, counts in found.items()])

# %% tags=["hide-input"]
shares = {f"{world} walk": shelf.by_seed(entry, "schema_shares") for entry, world in WORLDS.items()}
if any(shares.values()):
    figure = stacked_shares({world: seeds for world, seeds in shares.items() if seeds})
    say(
        *(
            f"On the {world} walk, {shelf.spoken(entry, 'schemata_in_use')} schemata are in use (5 % of the steps or"
            f" more); the chosen schema tells {shelf.spoken(entry, 'schema_move_information')} of the"
            f" {rounded(float(np.log(4)))} nats that name a move; entropy of the choice:"
            f" {shelf.spoken(entry, 'choice_entropy')} nats."
            for entry, world in WORLDS.items()
            if shelf.by_seed(entry, "schema_shares")
        )
    )

# %% [markdown]
# ## Does training stay on course?
#
# The thesis reports that its object-centric SCOFF broke down in training, every time {cite}`lin2022`. A *jump* is a
# training error (mean over the steps between two lines of the history) more than a quarter above the median of the ten
# before it. All seeds are shown, and none was left out or repeated.

# %% tags=["hide-input"]
RIVALS = (*NEXT_FRAME, GSWM, GSWM_MULTI)
jumps = {entry: shelf.by_seed(entry, "training_jumps") for entry in RIVALS}
jumps = {entry: seeds for entry, seeds in jumps.items() if seeds}
if jumps:
    runs = sum(len(seeds) for seeds in jumps.values())
    total = sum(sum(seeds.values()) for seeds in jumps.values())
    say(
        f"{total} {plural('jump', total)} in {runs} {plural('run', runs)}:",
        "; ".join(
            f"`{entry}` " + ", ".join(f"{count} (seed {seed})" for seed, count in seeds.items())
            for entry, seeds in jumps.items()
        )
        + ".",
    )

# %% tags=["hide-input"]
for entry in (SCOFF, SCOFF_FIXED):
    history = results.histories(entry, shelf.runs(entry)[0].profile) if shelf.here(entry) else pd.DataFrame()
    if len(history):
        at = {"floor": value(entry, "floor_5_frames")} if entry == SCOFF else {"floor, random moves": loose}
        figure = learning_curves(history, "error", label=f"training error, {entry}", levels=at, split="train")

# %% [markdown]
# ## Figure 4: following compositions never seen
#
# All models were trained on single moves. Now balls make 1 to 5 moves between two frames, and the models are allowed
# to look several times: VIM selects and updates eight times, G-SWM propagates eight times. *Multi-step* G-SWM was
# also trained with several propagations between two frames. First: do the rivals follow what they were trained on?

# %% tags=["hide-input"]
TRACKING = {
    "tracking_error": "position error (pixels), own box",
    "tracking_error_all": "position error (pixels), all balls",
    "no_own_slot": "balls without own box",
    "lost": "balls lost after 10 frames",
    "boxes_present": "boxes per frame",
    "error_5_frames": "error per frame",
    "composition_tracking_1": "compositions, 1 step (pixels)",
    "composition_tracking_8": "compositions, 8 steps (pixels)",
    "lost_composition_1": "lost, 1 step",
    "lost_composition_8": "lost, 8 steps",
}
rows = [
    {"model": run.variant, "seed": run.seed, "profile": run.profile}
    | {label: run.metrics[metric]["value"] for metric, label in TRACKING.items() if metric in run.metrics}
    for entry in (VIM4, GSWM, GSWM_MULTI)
    for run in shelf.runs(entry)
]
tracking = pd.DataFrame(rows, columns=["model", "seed", "profile", *TRACKING.values()])
results.save_table("rivals_gswm", tracking)
neat(tracking, "tracking", 2) if len(tracking) else None

# %% [markdown]
# What G-SWM sees: every box in the colour of its place in the list, so that a box that keeps its colour has followed
# its ball. Above one move between two frames, as in training; below up to five, which it never saw.

# %% tags=["hide-input"]
if shelf.here(GSWM):
    config, model = load_model(shelf.runs(GSWM)[0].path)
    strips = []
    for moves, several in (((1, 1), (1,)), ((1, 5), (1, PLAN))):
        clip = config.world.model_copy(update={"moves_per_step": moves}).sample(1, 0, length=9, split="test")
        for count in several:
            seen = rivals.infer(model, clip, count)
            strips.append(
                Row(
                    f"{'one move' if moves == (1, 1) else '1 to 5 moves'}, {count} step{'s' if count > 1 else ''}",
                    clip.frames[0],
                    boxes=boxes(seen)[0],
                )
            )
            strips.append(Row("as drawn", seen.frames[0]))
    figure = film_strip(strips, size=0.9)
    say(f"Seed {shelf.runs(GSWM)[0].seed}; the first test clips, not chosen.")

# %% tags=["hide-input"]
own = str(shelf.runs(GSWM_MULTI)[0].config["model"]["propagations"]) if shelf.here(GSWM_MULTI) else ""
WAYS = [
    (VIM4, "1", "VIM, 1 iteration", SLOT_COLOURS[0], True),
    (VIM4, "8", f"VIM, {PLAN} iterations", SLOT_COLOURS[0], False),
    (VIM4, "halting", f"VIM, {PLAN} iterations, halting", SLOT_COLOURS[2], False),
    (GSWM, "1", "G-SWM, 1 propagation", SLOT_COLOURS[5], True),
    (GSWM, "8", f"G-SWM, {PLAN} propagations", SLOT_COLOURS[5], False),
    (GSWM_MULTI, own, f"multi-step G-SWM, {own} propagations", SLOT_COLOURS[3], True),
    (GSWM_MULTI, "8", f"multi-step G-SWM, {PLAN} propagations", SLOT_COLOURS[3], False),
]


def figure_4():
    """Position error by frame, every way of every model that is there."""
    curves = [
        Curve(label, shelf.by_seed(entry, f"composition_tracking_{way}_by_frame"), colour, dashed)
        for entry, way, label, colour, dashed in WAYS
        if shelf.here(entry)
    ]
    frames = len(next(iter(curves[0].by_seed.values())))
    figure = seed_curves(
        curves, range(2, frames + 2), xlabel="frame", ylabel="position error (pixels)", size=(6.4, 4.2)
    )
    _ = figure.axes[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return figure


# %% tags=["hide-input", "exhibit:vim-figure-4"]
if shelf.here(VIM4, GSWM, GSWM_MULTI):
    figure = figure_4()

# %% tags=["hide-input"]
if not shelf.here(VIM4, GSWM, GSWM_MULTI) and any(shelf.here(entry) for entry in (VIM4, GSWM, GSWM_MULTI)):
    figure = figure_4()
say(
    *(
        f"{label}: {shelf.spoken(entry, f'composition_tracking_{way}')} pixels."
        for entry, way, label, _, _ in WAYS
        if shelf.here(entry)
    )
)

# %% [markdown]
# One clip, not chosen (Figure 4, right): what the models say they see.

# %% tags=["hide-input"]
rows = []
for entry, way, label, colour, _ in WAYS:
    if not shelf.here(entry):
        continue
    config, model = load_model(shelf.runs(entry)[0].path)
    leaping = config.world.model_copy(update={"moves_per_step": (1, 5)}).sample(1, seed=5, length=8, split="test")
    rows = rows or [Row("truth", leaping.frames[0])]
    if entry == VIM4:
        options = {"iterations": 1} if way == "1" else {"iterations": PLAN, "halting": way == "halting"}
        seen = vim_infer(model, leaping, **options)
    else:
        seen = rivals.infer(model, leaping, int(way))
    rows.append(Row(label, seen.frames[0], border=colour))
if rows:
    figure = film_strip(rows)

# %% [markdown]
# Remake this page: `rulebook notebooks 20_rivals --force`; train its runs from scratch: `make train`.
