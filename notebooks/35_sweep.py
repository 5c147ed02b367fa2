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
#       - sweep-c3-s2-d32-v100/moving-mnist
#       - sweep-c3-s3-d64-v200/moving-mnist
#       - sweep-c3-s6-d128-v400/moving-mnist
#       - sweep-c6-s2-d64-v400/moving-mnist
#       - sweep-c6-s3-d128-v100/moving-mnist
#       - sweep-c6-s6-d32-v200/moving-mnist
#       - sweep-c9-s2-d128-v200/moving-mnist
#       - sweep-c9-s3-d32-v400/moving-mnist
#       - sweep-c9-s6-d64-v100/moving-mnist
#       - oc-rims-bcd-6-3/moving-mnist
#     writes: [tables/oc_rims_sweep.csv, tables/oc_rims_sweep_effects.csv]
# ---

# %% [markdown]
# # The sweep: which size matters?
#
# Appendix B of the thesis {cite}`lin2022` varies four sizes of OC-RIMs on Moving MNIST: the number of cells, the number
# of slots, the size of a slot, and the size of the values that cells read from them. It does not print its grid. Ours
# has three values of each in nine models, so chosen that any two values of any two sizes meet exactly once (an
# *orthogonal array*): the mean over the three models with six cells, say, has every other size once at each value, so
# the effect of one size is not that of another. What it cannot tell is whether two sizes help only together. One seed
# each, BCD decoder; all are trained alike.

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from rulebook.claims.oc_rims import SWEEP
from rulebook.figures.style import use_house_style
from rulebook.figures.sweep import Against, Effect, Model, crossed, effects, model_curves, scatter
from rulebook.measures.sweeps import level_means, rank_correlation, variance_share
from rulebook.publishing.pages import say
from rulebook.publishing.thesis_tables import OneProfile, floor_lines, styled, verdicts
from rulebook.publishing.values import rounded
from rulebook.results import Results

use_house_style()
results = Results()
SEEDS = "oc-rims-bcd-6-3/moving-mnist"
shelf = OneProfile(results, *SWEEP, SEEDS)
entries = list(filter(shelf.here, SWEEP))
complete = len(entries) == len(SWEEP)
partial = bool(entries) and not complete
MODELS = {
    entry: Model(entry.partition("/")[0], f"{sizes['cells']:g} cells", f"{sizes['slots']:g} slots")
    for entry, sizes in SWEEP.items()
}
say(shelf.missing(*SWEEP), shelf.made_by(*SWEEP), shelf.left_out())


def value(entry, metric):
    """The mean over seeds."""
    return float(np.mean(list(shelf.by_seed(entry, metric).values())))


# %% tags=["hide-input"]
COLUMNS = {"mse": "MSE", "ssim": "SSIM", "f1": "F1", "training_loss": "training error", "parameters": "parameters"}
rows = [SWEEP[entry] | {told: value(entry, metric) for metric, told in COLUMNS.items()} for entry in entries]
table = pd.DataFrame(rows, columns=[*next(iter(SWEEP.values())), *COLUMNS.values()])
_ = results.save_table("oc_rims_sweep", table)
shown = table.sort_values("MSE").astype(dict.fromkeys([*next(iter(SWEEP.values())), "parameters"], int))
styled(shown, "sweep") if len(table) else None

# %% tags=["hide-input"]
floors = pd.DataFrame(floor_lines(shelf, *entries))
if len(floors):
    say(
        "What takes no learning scores on the same clips: "
        + "; ".join(
            f"{row['model'].removeprefix('floor: ')}: MSE {row['MSE']}, F1 {row['F1']}"
            for row in floors.to_dict("records")
        )
        + "."
    )


# %% [markdown]
# ## Figures B.1 to B.4: over the training
#
# A line per model; colours are numbers of cells. B.1 is the training error, the true frame before each given. In the
# others the model goes on alone from frame 9, on clips of the validation split that are looked at while it is trained
# (the thesis draws test clips; here they are for the end).


# %% tags=["hide-input"]
def curves(split, column, ylabel, **look):
    """Every model, as far as its history tells."""
    lines = {}
    for entry in entries:
        history = shelf.runs(entry)[0].history
        chosen = history[history["split"] == split]
        if column in chosen:
            known = chosen[["step", column]].dropna()
            lines[MODELS[entry]] = known["step"].to_list(), known[column].to_list()
    return model_curves(lines, ylabel=ylabel, **look) if lines else None


def figure_b1():
    return curves("train", "error", "training error per frame", log=True)


def figure_b2():
    return curves("validation", "mse", "MSE, frames 10 to 19")


def figure_b3():
    return curves("validation", "f1", "F1, frames 10 to 19", zero=True)


def figure_b4():
    return curves("validation", "ssim", "SSIM, frames 10 to 19")


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-1"]
if complete:
    figure = figure_b1()

# %% tags=["hide-input", "exhibit:oc-rims-figure-b-2"]
if complete:
    figure = figure_b2()

# %% tags=["hide-input", "exhibit:oc-rims-figure-b-3"]
if complete:
    figure = figure_b3()

# %% tags=["hide-input", "exhibit:oc-rims-figure-b-4"]
if complete:
    figure = figure_b4()

# %% tags=["hide-input"]
if partial:
    for draw in (figure_b1, figure_b2, figure_b3, figure_b4):
        figure = draw()

# %% [markdown]
# ## Figures B.5, B.6, B.8: do the metrics agree?
#
# A point per model, on test clips: F1 and SSIM against MSE, and MSE against the training error of the last twentieth
# of the steps. Above each: Spearman's rank correlation with its 95 % interval, which is wide for so few models.


# %% tags=["hide-input"]
def against(x, y, xlabel, ylabel):
    """One metric against another, and how well their ranks agree."""
    pairs = {entry: (value(entry, x), value(entry, y)) for entry in entries}
    note = ""
    if len(pairs) > 3:
        found, low, high = rank_correlation(*(list(side) for side in zip(*pairs.values(), strict=True)))
        note = (
            f"rank correlation {found:.2f} ({low:.2f} to {high:.2f})" if found == found else "no order: all are equal"
        )
    return Against(xlabel, ylabel, {MODELS[entry]: pair for entry, pair in pairs.items()}, note)


def figure_b56():
    return scatter([against("mse", "f1", "MSE", "F1"), against("mse", "ssim", "MSE", "SSIM")])


def figure_b8():
    return scatter([against("training_loss", "mse", "training error per frame", "MSE")])


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-5", "exhibit:oc-rims-figure-b-6"]
if complete:
    figure = figure_b56()

# %% tags=["hide-input", "exhibit:oc-rims-figure-b-8"]
if complete:
    figure = figure_b8()

# %% tags=["hide-input"]
if partial:
    for draw in (figure_b56, figure_b8):
        figure = draw()

# %% tags=["hide-input"]
styled(verdicts(shelf, "O21"), "agreement")

# %% [markdown]
# ## Figure B.7: what each size does
#
# All axes have one scale: the steeper the black line (the mean of three models), the more the size matters. In the
# title, its share of the variance between the models; the shares of all four add up to 100 %.


# %% tags=["hide-input"]
def levels_of(setting):
    return {entry: SWEEP[entry][setting] for entry in entries}


def figure_b7():
    errors = {entry: value(entry, "mse") for entry in entries}
    panels = []
    for setting in next(iter(SWEEP.values())):
        levels = levels_of(setting)
        share = f": {100 * variance_share(errors, levels):.0f} % of the variance" if complete else ""
        points = {MODELS[entry]: (levels[entry], errors[entry]) for entry in entries}
        panels.append(Effect(f"{setting}{share}", setting, points, level_means(errors, levels)))
    return effects(panels, ylabel="MSE, frames 10 to 19")


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-7"]
if complete:
    figure = figure_b7()

# %% [markdown]
# ## Figure B.9: cells and slots
#
# Every pair of numbers was trained once. Down: more cells; to the right: more slots; the darker, the lower the error.


# %% tags=["hide-input"]
def figure_b9():
    values = {(SWEEP[entry]["cells"], SWEEP[entry]["slots"]): value(entry, "mse") for entry in entries}
    return crossed(values, rows="cells", columns="slots", label="MSE, frames 10 to 19")


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-9"]
if complete:
    figure = figure_b9()

# %% tags=["hide-input"]
if partial:
    for draw in (figure_b7, figure_b9):
        figure = draw()

# %% [markdown]
# How much of this is chance? Nine models of one seed say nothing of it. The model of the thesis's main table, whose
# sizes are those in the middle of the sweep, was trained with several seeds: what they differ by is a scale.

# %% tags=["hide-input"]
again = list(shelf.by_seed(SEEDS, "mse").values())
if entries and len(again) > 1:
    errors = [value(entry, "mse") for entry in entries]
    steps = [f"{shelf.runs(entry)[0].config['training']['steps']:,}" for entry in (entries[0], SEEDS)]
    say(
        f"Between the models of the sweep ({steps[0]} steps), MSE differs by up to"
        f" {rounded(max(errors) - min(errors))}; between {len(again)} seeds of `{SEEDS}` ({steps[1]} steps), by"
        f" {rounded(max(again) - min(again))} ({rounded(min(again))} to {rounded(max(again))})."
    )

# %% tags=["hide-input"]
rows = []
if complete:
    for metric, told in (("mse", "MSE"), ("f1", "F1"), ("ssim", "SSIM"), ("training_loss", "training error")):
        found = {entry: value(entry, metric) for entry in entries}
        shares = {setting: variance_share(found, levels_of(setting)) for setting in next(iter(SWEEP.values()))}
        rows.append({"share of the variance of": told} | shares)
shares = pd.DataFrame(rows or {"share of the variance of": []})
_ = results.save_table("oc_rims_sweep_effects", shares)
styled(shares, "shares") if rows else None

# %% tags=["hide-input"]
styled(verdicts(shelf, "O22"), "sizes")

# %% [markdown]
# Remake this page: `rulebook notebooks 35_sweep --force`; train its runs from scratch: `make train`.
