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
#     reads: [oc-scoff-bcd/moving-mnist, oc-rims-bcd-6-3/moving-mnist]
#     writes: [tables/oc_scoff.csv, tables/oc_scoff_runs.csv]
# ---

# %% [markdown]
# # Object-centric SCOFF: does it break in training?
#
# Section 4.6 of the thesis {cite}`lin2022` puts the cells of SCOFF {cite}`scoff2020` into OC-RIMs: object files that
# share all weights and choose, at every step, one of a few recurrent cells (*schemata*). All ten of its runs failed in
# training, and even before that their error was far above that of RIM cells; the thesis suspects the sampling of the
# choice. Here are all runs of such a model, none left out or repeated, beside the runs of the model with RIM cells (of
# whose seed 0 an earlier run fell back to the mean frame after 2500 steps and was not kept: {doc}`../../lessons`), with
# the same slots, decoder, number of cells, data and optimiser. One thing more differs: files begin every clip as
# noise, since files that share all weights and begin alike would stay alike, where RIM cells begin as zeros.

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import display

from rulebook.catalogue.oc_rims_recipes import PAPER_CLIPS
from rulebook.evaluation.evaluate import load_model
from rulebook.evaluation.oc_rims import FACTOR, WINDOW, rises
from rulebook.evaluation.oc_rims_habits import choices, examples
from rulebook.evaluation.oc_rims_watch import GIVEN
from rulebook.figures.seeds import Measure, seed_points
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import use_house_style
from rulebook.figures.sweep import Model, model_curves
from rulebook.figures.thesis import colour_of
from rulebook.publishing.pages import plural, say
from rulebook.publishing.thesis_tables import OneProfile, compared, prediction_table, styled
from rulebook.publishing.thesis_verdicts import verdicts
from rulebook.publishing.values import rounded
from rulebook.results import Results

use_house_style()
_ = torch.set_grad_enabled(False)
results = Results()
SCOFF, CELLS = "oc-scoff-bcd/moving-mnist", "oc-rims-bcd-6-3/moving-mnist"
NAMES = {SCOFF: "object-centric SCOFF", CELLS: "RIM cells"}
shelf = OneProfile(results, SCOFF, CELLS)
there = list(filter(shelf.here, NAMES))
both = len(there) == len(NAMES)


def jumped(entry):
    """'0 of 3 runs', of those in which the loss jumps and stays up."""
    jumps = shelf.by_seed(entry, "loss_jump")
    off = sum(bool(run.broken) for run in results.of(entry, shelf.profile))
    return f"{int(sum(jumps.values())) + off} of {len(jumps) + off} {plural('run', len(jumps) + off)}"


if not shelf.here(SCOFF):
    say(
        "**Not answered yet: object-centric SCOFF has no trained run here.**",
        f"With RIM cells the loss jumps for good in {jumped(CELLS)}, and MSE is {shelf.spoken(CELLS, 'mse')}: that is"
        " what SCOFF will be held against."
        if shelf.here(CELLS)
        else "",
    )
elif both:
    say(
        f"Its loss jumps and stays up in **{jumped(SCOFF)}**, with RIM cells in {jumped(CELLS)}; MSE:"
        f" {compared(shelf, 'mse', SCOFF, CELLS)}."
    )

# %% tags=["hide-input"]
table = prediction_table(shelf, SCOFF, CELLS)
_ = results.save_table("oc_scoff", table)


def over_steps(split, column, ylabel, **look):
    """Every seed of both models, as far as its history tells."""
    curves = {}
    for entry in there:
        for run in shelf.runs(entry):
            lines = run.history[run.history["split"] == split]
            if column in lines:
                known = lines[["step", column]].dropna()
                curves[Model(run.name, NAMES[entry], colour=colour_of(entry))] = (
                    known["step"].to_list(),
                    known[column].to_list(),
                )
    return model_curves(curves, ylabel=ylabel, **look) if curves else None


def on_test(metric):
    """Floors of the test clips, to hold the curves against."""
    known = [value for entry in there for value in shelf.by_seed(entry, f"{metric}_copy_last").values()]
    return {"copy of frame 9 (test clips)": known[0]} if known else {}


def figure_14():
    return over_steps("train", "error", "training error per frame", log=True)


def figure_15():
    return over_steps("validation", "mse", "MSE, frames 10 to 19", levels=on_test("mse"), zero=True)


def figure_16():
    return over_steps("validation", "f1", "F1, frames 10 to 19", levels=on_test("f1"), zero=True)


styled(table, "scoff")

# %% [markdown]
# ## Figure 4.14: training loss
#
# Squared error per frame, the true frame before each given; every point is the mean of the steps between two lines of
# the history. The axis is logarithmic, so that a jump is seen at any height.

# %% tags=["remove-input", "exhibit:oc-rims-figure-4-14"]
if both:
    figure = figure_14()

# %% tags=["remove-input"]
if there and not both:
    figure = figure_14()
    say(f"{' and '.join(NAMES[entry] for entry in there)} alone: no run of the other model is here yet.")

# %% [markdown]
# ## Does it jump, and stay up?
#
# A *loss jump* lasts: the median loss of a number of log lines is more than a quarter above that of as many lines
# before them, so a spike that is over at once is none. The largest such ratio in the whole training of every run, and
# the line above which it counts:

# %% tags=["hide-input"]
steepest = {
    NAMES[entry]: {
        run.seed: max(rises(run.history.loc[run.history["split"] == "train", "error"].to_list()), default=float("nan"))
        for run in shelf.runs(entry)
    }
    for entry in there
}
NEARLY = 1.1


def passing(entry, run):
    """The steepest rise of a loss within ten log lines, where it would count if it stayed."""
    lines = run.history[run.history["split"] == "train"].reset_index(drop=True)
    rise = lines["error"] / lines["error"].rolling(WINDOW, min_periods=1).min()
    top = int(rise.idxmax())
    if rise[top] < FACTOR or run.metrics["loss_jump"]["value"]:
        return ""
    foot = int(lines["error"][max(0, top - WINDOW + 1) : top + 1].idxmin())
    return (
        f"{NAMES[entry]}, seed {run.seed}: between steps {lines['step'][foot]} and {lines['step'][top]} the loss rises"
        f" to {rise[top]:.2f} times what it was, and comes back; that is not counted."
    )


seen = max(
    (
        run.config["training"]["steps"] * run.config["training"]["stages"][0]["batch"]
        for entry in there
        for run in shelf.runs(entry)
    ),
    default=0,
)
if steepest:
    figure = seed_points([Measure("largest lasting rise of the loss", steepest, {"counts": FACTOR})], width=4.6)
    say(
        *(
            f"{NAMES[entry]}: {jumped(entry)} with a lasting jump (medians of {WINDOW} log lines, factor {FACTOR})."
            for entry in there
            if shelf.by_seed(entry, "loss_jump")
        )
    )
    say(*(passing(entry, run) for entry in there for run in shelf.runs(entry)))
    nearly = [
        f"{NAMES[entry]}, seed {seed}: {rounded(rise)}"
        for entry in there
        for seed, rise in shelf.by_seed(entry, "loss_rise_short").items()
        if rise > NEARLY
    ]
    say(
        "Over half as many lines, which also sees rises that the model comes back from, the largest ratios are"
        f" {'; '.join(nearly)} (runs above {NEARLY} named).",
        "A short training cannot speak against failures that come late: the thesis's 400 epochs on Moving MNIST have"
        f" {400 * PAPER_CLIPS['moving-mnist']:,} clips, these runs {seen:,}.",
    ) if nearly else None

# %% [markdown]
# ## Figures 4.15 and 4.16: error and F1 over the training
#
# Frames 0 to 9 are given, the model goes on alone to frame 19. The thesis draws test clips; here they are clips of the
# validation split, looked at while the model is trained, since test clips are for the end. The dotted line is what
# copying frame 9 scores on the test clips.

# %% tags=["remove-input", "exhibit:oc-rims-figure-4-15"]
if both:
    figure = figure_15()

# %% tags=["remove-input", "exhibit:oc-rims-figure-4-16"]
if both:
    figure = figure_16()

# %% tags=["remove-input"]
if there and not both:
    figures = [figure_15(), figure_16()]

# %% [markdown]
# ## What comes out
#
# The test clips, after the last step:

# %% tags=["hide-input"]
if there:
    entries = {entry: NAMES[entry] for entry in there}
    measures = [
        Measure("MSE, frames 10 to 19", shelf.groups("mse", entries), on_test("mse")),
        Measure("F1, frames 10 to 19", shelf.groups("f1", entries), on_test("f1")),
    ]
    figure = seed_points(measures, width=3.8)

# %% tags=["hide-input"]
models = [(entry, run, *load_model(run.path)) for entry in there for run in shelf.runs(entry)]
if models:
    clip = examples(models[0][2].world)
    shown = list(range(0, 19, 2))
    rows = [Row("truth", clip.frames[0, 1:][shown])]
    for entry, run, _, model in models:
        frames = model.rollout(clip.frames, given=GIVEN).frames[0, shown]
        rows.append(Row(f"{NAMES[entry]}, seed {run.seed}", frames, given=sum(i + 1 < GIVEN for i in shown)))
    figure = film_strip(rows, heads=[f"frame {i + 1}" for i in shown], size=0.66)
    say("One test clip, not chosen by any model, all runs. Grey: the true frame before is given; red: on its own.")

# %% [markdown]
# ## Is it the choice?
#
# If sampling a schema is what breaks the training, the choice must matter: several schemata in use, and chosen with
# some doubt. Over test clips, per run: how often each schema was applied (the most used first), and the probability
# of the one that was chosen.

# %% tags=["hide-input"]
SPARE = 0.02
"""Growth of the error up to which a file that is left out is called spare."""
rows = []
for entry, run, config, model in models:
    if entry != SCOFF:
        continue
    use = choices(model, config.world)
    rows.append(
        {"run": run.name}
        | {f"schema {i + 1}": share for i, share in enumerate(use.shares)}
        | {"probability of the chosen one": use.probability}
        | {"loss jump": "yes" if run.metrics["loss_jump"]["value"] else "no", "MSE": run.metrics["mse"]["value"]}
    )
table = pd.DataFrame(rows or {"run": []})
_ = results.save_table("oc_scoff_runs", table)
if rows:
    display(styled(table, "choices"))
    alone = [row["run"] for row in rows if row["schema 1"] > 0.9]
    alike = [
        f"seed {run.seed}: utilisation {rounded(min(run.metrics['utilisation_by_cell']['value']))} to"
        f" {rounded(max(run.metrics['utilisation_by_cell']['value']))}, MSE without any one of them"
        f" {rounded(min(run.metrics['mse_by_cell_off']['value']))} to"
        f" {rounded(max(run.metrics['mse_by_cell_off']['value']))} (with all:"
        f" {rounded(run.metrics['mse_all_cells']['value'])})"
        for entry, run, *_ in models
        if entry == SCOFF and "mse_by_cell_off" in run.metrics
    ]
    costs = [
        max(run.metrics["mse_by_cell_off"]["value"]) / run.metrics["mse_all_cells"]["value"] - 1
        for entry, run, *_ in models
        if entry == SCOFF and "mse_by_cell_off" in run.metrics
    ]
    say(
        f"In {len(alone)} of {len(rows)} {plural('run', len(rows))} one schema makes more than nine tenths of all"
        " steps: such a run says nothing on the sampling of a choice."
        if alone
        else "",
        "And what the files are worth one by one, on a few test clips:",
        "; ".join(alike) + ".",
        "Any one of them can be left out at hardly any cost: they are spare copies of each other."
        if all(dear < SPARE for dear in costs)
        else "",
    )

# %% [markdown]
# ## The verdict
#
# The rule asks for a jump in every run, *and* for a final error above that of RIM cells.

# %% tags=["hide-input"]
styled(verdicts(shelf, "O20"), "verdict")

# %% [markdown]
# ## The runs of this page

# %% tags=["hide-input"]
say(shelf.missing(), shelf.made_by(), shelf.left_out())

# %% [markdown]
# Remake this page: `rulebook notebooks 34_oc_scoff --force`; `make train` trains those of its runs that are missing. To
# train one that is here once more, name another folder: `rulebook train oc-rims-bcd-6-3/moving-mnist/laptop/s0 --root
# data/again`.
