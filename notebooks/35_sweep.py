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
# each, BCD decoder; all are trained alike, for 2,000 steps, half of those of the other pages. Their weights are not
# kept in the checkout, their numbers are.

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import display
from scipy import stats

from rulebook.claims.oc_rims import SWEEP
from rulebook.figures.style import use_house_style
from rulebook.figures.sweep import Against, Effect, Model, crossed, effects, model_curves, scatter
from rulebook.measures.sweeps import level_means, rank_correlation, variance_share
from rulebook.publishing.pages import say
from rulebook.publishing.thesis_tables import OneProfile, floor_lines, styled
from rulebook.publishing.thesis_verdicts import verdicts
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
SIZES = list(next(iter(SWEEP.values())))


def value(entry, metric):
    """The mean over seeds."""
    return float(np.mean(list(shelf.by_seed(entry, metric).values())))


def levels_of(setting):
    return {entry: SWEEP[entry][setting] for entry in entries}


def shares_of(metric):
    """Each size's share of the variance between the models."""
    found = {entry: value(entry, metric) for entry in entries}
    return {setting: variance_share(found, levels_of(setting)) for setting in SIZES}


def by_chance(share):
    """How often the largest of four shares would be as large if models differed by chance alone (normal, alike).

    Each size then has 2 of 8 degrees of freedom: the shares are uniform on the simplex, and no two exceed a half.
    """
    return sum((-1) ** k * [4, 6, 4][k] * max(0.0, 1 - (k + 1) * share) ** 3 for k in range(3))


if complete:
    first = {metric: max(shares_of(metric).items(), key=lambda pair: pair[1]) for metric in ("mse", "f1")}
    luck = {metric: f"{100 * by_chance(share):.0f} %" for metric, (_, share) in first.items()}
    say(
        f"Most of the variance of MSE between the {len(entries)} models goes with"
        f" **{first['mse'][0]} ({100 * first['mse'][1]:.0f} %)**, most of that of F1 with"
        f" **{first['f1'][0]} ({100 * first['f1'][1]:.0f} %)**. But every model has one seed: if they differed by"
        f" chance alone, the largest share would be as large in {luck['mse']} and {luck['f1']} of such sweeps."
    )

# %% tags=["hide-input"]
COLUMNS = {"mse": "MSE", "ssim": "SSIM", "f1": "F1", "training_loss": "training error", "parameters": "parameters"}
rows = [SWEEP[entry] | {told: value(entry, metric) for metric, told in COLUMNS.items()} for entry in entries]
table = pd.DataFrame(rows, columns=[*SIZES, *COLUMNS.values()])
_ = results.save_table("oc_rims_sweep", table)
shown = table.sort_values("MSE").astype(dict.fromkeys([*SIZES, "parameters"], int))
shown = shown.map(lambda cell: rounded(cell) if isinstance(cell, float) else str(cell))
shown.insert(0, "model", "OC-RIMs, BCD")
floors = pd.DataFrame(floor_lines(shelf, *entries)).reindex(columns=shown.columns)
if len(table):
    display(styled(pd.concat([shown, floors]).fillna("-"), "sweep"))

# %% [markdown]
# ## Figures B.1 to B.4: over the training
#
# A line per model; colours are numbers of cells, markers numbers of slots. B.1 is the training error, the true frame
# before each given. In the others the model goes on alone from frame 9, on clips of the validation split that are
# looked at while it is trained (the thesis draws test clips; here they are for the end).


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-1"]
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

# %% tags=["remove-input"]
if partial:
    for draw in (figure_b1, figure_b2, figure_b3, figure_b4):
        figure = draw()

# %% [markdown]
# ## Figures B.5, B.6, B.8: do the metrics agree?
#
# A point per model, on test clips: F1 and SSIM against MSE, and MSE against the training error of the last twentieth
# of the steps. Above each: Spearman's rank correlation with its 95 % interval, which is wide for so few models.


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-5", "exhibit:oc-rims-figure-b-6"]
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


if complete:
    figure = figure_b56()

# %% tags=["hide-input", "exhibit:oc-rims-figure-b-8"]
if complete:
    figure = figure_b8()

# %% tags=["remove-input"]
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


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-7"]
def figure_b7():
    errors = {entry: value(entry, "mse") for entry in entries}
    panels = []
    for setting in SIZES:
        levels = levels_of(setting)
        share = f": {100 * variance_share(errors, levels):.0f} % of the variance" if complete else ""
        points = {MODELS[entry]: (levels[entry], errors[entry]) for entry in entries}
        panels.append(Effect(f"{setting}{share}", setting, points, level_means(errors, levels)))
    return effects(panels, ylabel="MSE, frames 10 to 19")


if complete:
    figure = figure_b7()

# %% [markdown]
# More cells, larger slots and larger values are also more weights, cells most of all: every cell has its own. More
# slots are not.

# %% tags=["hide-input"]
if complete:
    weights = {entry: value(entry, "parameters") for entry in entries}
    means = level_means(weights, levels_of("cells"))
    found, low, high = rank_correlation(list(weights.values()), [value(entry, "mse") for entry in entries])
    say(
        "Weights, mean of three models: "
        + ", ".join(f"{weight / 1e6:.2f} M with {cells:g} cells" for cells, weight in means.items())
        + f" (all models: {min(weights.values()) / 1e6:.2f} M to {max(weights.values()) / 1e6:.2f} M).",
        f"Rank correlation of weights and MSE: {found:.2f} ({low:.2f} to {high:.2f}). What cells do as cells and what",
        "they do as weights, this sweep cannot tell apart.",
    )

# %% [markdown]
# ## Figure B.9: cells and slots
#
# Every pair of numbers was trained once. Down: more cells; to the right: more slots; the darker, the lower the error.
# Squares differ in the size of slots and of values too, so a single step from one to the next shows no effect of its
# own.


# %% tags=["hide-input", "exhibit:oc-rims-figure-b-9"]
def figure_b9():
    values = {(SWEEP[entry]["cells"], SWEEP[entry]["slots"]): value(entry, "mse") for entry in entries}
    return crossed(values, rows="cells", columns="slots", label="MSE, frames 10 to 19")


if complete:
    figure = figure_b9()

# %% tags=["hide-input"]
if complete and all(shelf.by_seed(entry, "mse_mean_slots") for entry in entries):
    more = {entry: value(entry, "mse_mean_slots") / value(entry, "mse") - 1 for entry in entries}
    idle = [entry for entry, share in more.items() if share < 0.05]
    say(
        f"Read what is said of slots with care: in {len(idle)} of these {len(entries)} models every slot can be"
        " replaced by the mean of all of its frame at less than 5 % more error. What that means: *Ablations*, *Do the"
        " slots differ at all*."
    )

# %% tags=["remove-input"]
if partial:
    for draw in (figure_b7, figure_b9):
        figure = draw()

# %% [markdown]
# ## How much of this is chance?
#
# Nine models of one seed say nothing of it. The model of the thesis's main table, whose sizes are those in the middle
# of the sweep, was trained with several seeds: their standard deviation is a scale for that of the sweep.

# %% tags=["hide-input"]
again = list(shelf.by_seed(SEEDS, "mse").values())
if entries and len(again) > 1:
    errors = [value(entry, "mse") for entry in entries]
    wide, narrow = float(np.std(errors, ddof=1)), float(np.std(again, ddof=1))
    luck = float(stats.f.sf((wide / narrow) ** 2, len(errors) - 1, len(again) - 1))
    steps = [f"{shelf.runs(entry)[0].config['training']['steps']:,}" for entry in (entries[0], SEEDS)]
    say(
        f"Standard deviation of MSE between the {len(errors)} models of the sweep ({steps[0]} steps): {rounded(wide)};"
        f" between {len(again)} seeds of `{SEEDS}` ({steps[1]} steps): {rounded(narrow)}. By chance alone the first"
        f" would be so much larger in {100 * luck:.0f} % of such comparisons (F test): **the models differ"
        f" {'by more than seeds do' if luck < 0.05 else 'no more than seeds might'}**."
    )

# %% [markdown]
# And do the metrics agree on which size matters? Each row adds up to 100 %; by chance alone, each size has a quarter on
# average. Last column: how often the largest share of a sweep would be as large if its models differed by chance alone.

# %% tags=["hide-input"]
rows = []
if complete:
    for metric, told in (("mse", "MSE"), ("f1", "F1"), ("ssim", "SSIM"), ("training_loss", "training error")):
        rows.append({"share of the variance of": told} | shares_of(metric))
shares = pd.DataFrame(rows or {"share of the variance of": []})
_ = results.save_table("oc_rims_sweep_effects", shares)
if rows:
    first = {row["share of the variance of"]: max(SIZES, key=row.get) for row in rows}
    same = [told for told, setting in first.items() if setting == first["MSE"]]
    say(
        f"Most of the variance of MSE goes with {first['MSE']}, of F1 with {first['F1']}:",
        "the two agree." if first["MSE"] == first["F1"] else "they do not agree on which size matters.",
        f"With MSE go {' and '.join(same[1:])}." if len(same) > 1 else "",
    )
if rows:
    largest = [by_chance(max(row[setting] for setting in SIZES)) for row in rows]
    display(styled(shares.assign(**{"largest share by chance": largest}), "shares"))

# %% tags=["hide-input"]
styled(verdicts(shelf, "O22"), "sizes")

# %% [markdown]
# ## The runs of this page

# %% tags=["hide-input"]
say(shelf.missing(*SWEEP), shelf.made_by(*SWEEP), shelf.left_out())

# %% [markdown]
# Remake this page: `rulebook notebooks 35_sweep --force`; `make train` trains those of its runs that are missing. To
# train one that is here once more, name another folder: `rulebook train sweep-c3-s2-d32-v100/moving-mnist/laptop/s0
# --root data/again`.
