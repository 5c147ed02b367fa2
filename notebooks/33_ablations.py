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
#       - conv-lstm/moving-mnist
#       - gru-cat/moving-mnist
#       - rims-cat-6/moving-mnist
#       - oc-rims-ff-sbd-6/moving-mnist
#       - oc-rims-cat-6-3/moving-mnist
#       - oc-rims-sbd-3-3/moving-mnist
#       - oc-rims-sbd-6-3/moving-mnist
#       - oc-rims-sbd-6-6/moving-mnist
#       - oc-rims-bcd-3-3/moving-mnist
#       - oc-rims-bcd-6-6/moving-mnist
#       - oc-rims-bcd-6-3/moving-mnist
#       - gru-cat/moving-sprites
#       - rims-cat-6/moving-sprites
#       - oc-rims-ff-sbd-6/moving-sprites
#       - oc-rims-cat-6-3/moving-sprites
#       - oc-rims-sbd-3-3/moving-sprites
#       - oc-rims-sbd-6-6/moving-sprites
#       - oc-rims-bcd-3-3/moving-sprites
#       - oc-rims-bcd-6-3/moving-sprites
#       - oc-rims-sbd-6-3/moving-sprites
#       - oc-rims-sbd-6-3-active3/moving-mnist
#       - oc-rims-sbd-6-3-active2/moving-mnist
#       - rims-cat-10-active6/moving-mnist
#       - rims-cat-10-active4/moving-mnist
#       - rims-cat-10-active2/moving-mnist
#       - rims-cat-6-active4/moving-mnist
#       - oc-rims-bcd-6-3-plain/moving-mnist
#       - oc-rims-sbd-6-3-plain/moving-sprites
#       - oc-rims-bcd-6-3-led/moving-mnist
#       - oc-rims-sbd-6-3-led/moving-mnist
#       - oc-rims-sbd-6-6-led/moving-mnist
#       - rims-cat-6-proportion/moving-mnist
#       - rims-cat-6-active4-proportion/moving-mnist
#       - rims-cat-10-active6-proportion/moving-mnist
#       - rims-cat-10-active4-proportion/moving-mnist
#       - rims-cat-10-active2-proportion/moving-mnist
#       - oc-rims-sbd-6-3-proportion/moving-mnist
#       - oc-rims-sbd-6-3-active3-proportion/moving-mnist
#       - oc-rims-sbd-6-3-active2-proportion/moving-mnist
#     writes:
#       - tables/oc_rims_table_4_5.csv
#       - tables/oc_rims_table_4_6.csv
#       - tables/oc_rims_table_4_7.csv
#       - tables/oc_rims_table_4_8.csv
#       - tables/oc_rims_sparse.csv
#       - tables/oc_rims_slots.csv
# ---

# %% [markdown]
# # Ablations: what each part of OC-RIMs is good for
#
# Section 4.5 of the thesis {cite}`lin2022` takes OC-RIMs apart. How many cells and slots does it take? Does every cell
# need a picture of its own? Need all cells be active? Do they need each other? The models are described in
# {doc}`../../oc_rims`.

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch
from IPython.display import display

from rulebook.catalogue.oc_rims import LED_ROWS, PROPORTIONAL_ROWS
from rulebook.evaluation.evaluate import load_model
from rulebook.evaluation.oc_rims_habits import MANY, examples, habits, travelled
from rulebook.evaluation.oc_rims_watch import GIVEN
from rulebook.figures.cells import (
    CellTimes,
    attention_maps,
    cell_roles,
    cell_times,
    over_frame,
    rows_of_cells,
    slot_colour,
)
from rulebook.figures.curves import Curve, seed_curves
from rulebook.figures.seeds import Measure, seed_points
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import MUTED, SLOT_COLOURS, use_house_style
from rulebook.figures.sweep import Against, Model, Ranked, model_curves, rank_slopes, scatter
from rulebook.figures.thesis import colour_of
from rulebook.measures.tracking import cell_pictures, utilisation_shares
from rulebook.publishing.pages import Shelf, neat, plural, say
from rulebook.publishing.thesis_tables import (
    THESIS,
    OneProfile,
    against_floors,
    broken,
    described,
    enlargement,
    floor_lines,
    label,
    line,
    prediction_table,
    scale_of,
    styled,
)
from rulebook.publishing.thesis_verdicts import verdicts
from rulebook.publishing.values import rounded
from rulebook.results import Results

use_house_style()
_ = torch.set_grad_enabled(False)
results = Results()


def on(world, *variants):
    return [f"{variant}/{world}" for variant in variants]


MNIST = on(
    "moving-mnist",
    *("conv-lstm", "gru-cat", "rims-cat-6", "oc-rims-ff-sbd-6", "oc-rims-cat-6-3"),
    *(f"oc-rims-{decoder}" for decoder in ("sbd-3-3", "sbd-6-3", "sbd-6-6", "bcd-3-3", "bcd-6-6", "bcd-6-3")),
)
SPRITES = on(
    "moving-sprites",
    *("gru-cat", "rims-cat-6", "oc-rims-ff-sbd-6", "oc-rims-cat-6-3"),
    *(f"oc-rims-{decoder}" for decoder in ("sbd-3-3", "sbd-6-6", "bcd-3-3", "bcd-6-3", "sbd-6-3")),
)
DENSE_OC, THREE_OC = on("moving-mnist", "oc-rims-sbd-6-3", "oc-rims-sbd-3-3")
SPARSE_OC = on("moving-mnist", "oc-rims-sbd-6-3-active3", "oc-rims-sbd-6-3-active2")
DENSE_RIMS, SPARSE = on("moving-mnist", "rims-cat-6", "rims-cat-6-active4")
TEN = on("moving-mnist", *(f"rims-cat-10-active{active}" for active in (6, 4, 2)))
OC = "oc-rims-sbd-6-3/moving-sprites"
TABLE_7, TABLE_8 = [DENSE_OC, *SPARSE_OC, THREE_OC], [*TEN, SPARSE]
digits = OneProfile(results, *dict.fromkeys([*MNIST, *TABLE_7, *TABLE_8, DENSE_RIMS]))
sprites = OneProfile(results, *SPRITES)
shelf = Shelf(results, *digits.entries, *sprites.entries)


def pair(what, among, one, other):
    """'MSE 21.1 against 21.9', where both ways are there: (entry, metric) each."""
    found = [list(among.by_seed(*way).values()) for way in (one, other)]
    return f"{what}: {' against '.join(rounded(np.mean(values)) for values in found)}" if all(found) else ""


CAT_OC = "oc-rims-cat-6-3/moving-mnist"
answers = [
    pair("six cells against three, Moving MNIST", digits, (DENSE_OC, "mse"), (THREE_OC, "mse")),
    pair("a picture per cell against one of all cells, Moving MNIST", digits, (DENSE_OC, "mse"), (CAT_OC, "mse")),
    pair("four of six RIMs active against all, Moving MNIST", digits, (SPARSE, "mse"), (DENSE_RIMS, "mse")),
    pair("cells cut off from each other against as trained, Moving Sprites", sprites,
         (OC, "mse_no_communication"), (OC, "mse")),
]  # fmt: skip
trained = [entry for entry in dict.fromkeys(shelf.entries) if shelf.here(entry)]
alone = sum(len(shelf.runs(entry)) == 1 for entry in trained)
if any(answers):
    say(
        f"What a part is worth, in MSE (less is better): {'; '.join(filter(None, answers))}.",
        f"**{alone} of the {len(trained)} models that are trained have one seed only**: small differences between"
        " them may be chance."
        if alone
        else "",
    )


def first_model(entry):
    """The first seed's settings and model."""
    return load_model(shelf.runs(entry)[0].path)


def held(rows, name):
    """The table of these rows, also kept as csv."""
    table = pd.DataFrame(rows)
    results.save_table(name, table)
    return table


# %% [markdown]
# ## Table 4.5: modules and decoders, Moving MNIST
#
# Modules: cells, slots. MSE: squared error of the ten frames that the model is not given, summed over the pixels of a
# frame and averaged over its channels; *at 64×64*: the same, enlarged to the size of the thesis's frames, the only
# column in the unit of its numbers. What can be held against the thesis is the *order* ({doc}`31_prediction`).

# %% tags=["hide-input"]
table_5 = prediction_table(digits, *MNIST)
_ = results.save_table("oc_rims_table_4_5", table_5)
say(scale_of(digits), against_floors(digits, *MNIST), broken(digits, *MNIST))

# %% tags=["remove-input", "exhibit:oc-rims-table-4-5"]
styled(table_5, "table45") if digits.here(*MNIST) else None

# %% tags=["remove-input"]
styled(table_5, "part45") if not digits.here(*MNIST) else None

# %% [markdown]
# ## Table 4.6: modules and decoders, Moving Sprites

# %% tags=["hide-input"]
table_6 = prediction_table(sprites, *SPRITES)
_ = results.save_table("oc_rims_table_4_6", table_6)
say(scale_of(sprites), against_floors(sprites, *SPRITES), broken(sprites, *SPRITES))

# %% tags=["remove-input", "exhibit:oc-rims-table-4-6"]
styled(table_6, "table46") if sprites.here(*SPRITES) else None

# %% tags=["remove-input"]
styled(table_6, "part46") if not sprites.here(*SPRITES) else None

# %% [markdown]
# Is the order the same? Models are sorted by MSE, the best on top: on the left as in the thesis, on the right as here
# (mean over seeds, at 64×64). A level line is a model that keeps its place. Colours are kinds of models.


# %% tags=["hide-input"]
def ranked(title, among, entries):
    """The thesis's error and ours, of the entries that are there."""
    values = {}
    for entry in filter(among.here, entries):
        ours = float(np.mean(list(among.by_seed(entry, "mse").values()))) * enlargement(among, entry)
        kind = entry.split("-3-")[0].split("-6")[0]
        values[Model(label(entry), kind, colour=colour_of(entry))] = (THESIS[entry]["mse"], ours)
    return Ranked(title, values)


panels = [ranked("Moving MNIST", digits, MNIST), ranked("Moving Sprites", sprites, SPRITES)]
panels = [panel for panel in panels if len(panel.values) > 1]
if panels:
    figure = rank_slopes(panels)

# %% [markdown]
# The thesis reads these orders off the two tables: decoders that draw every cell on its own beat the concatenation of
# all cells; six cells beat three, though there are but two or three objects; six slots are no better than three.

# %% tags=["hide-input"]
styled(verdicts(shelf, "O7", "O8", "O9"), "orders")

# %% [markdown]
# It reads two more, which no claim of ours judges: slots are ahead of feature maps on Moving MNIST (4.5.3), and of the
# decoders that draw every cell SBD is better in most cases, but not with six cells and three slots (4.5.4).

# %% tags=["hide-input"]


def two_ways(world, among, one, other):
    """'Moving MNIST: 19.6 (thesis 81.2) against 21.1 (76.7), one seed', where both are there."""
    if not among.here(one, other):
        return ""
    ours = [float(np.mean(list(among.by_seed(entry, "mse").values()))) for entry in (one, other)]
    told = [
        f"{rounded(value)} (thesis {THESIS[entry]['mse']:g})" for value, entry in zip(ours, (one, other), strict=True)
    ]
    seeds = min(len(among.runs(entry)) for entry in (one, other))
    return f"{world} {' against '.join(told)}{', one seed' if seeds == 1 else f', {seeds} seeds or more'}"


WORLDS = (("Moving MNIST", digits, "moving-mnist"), ("Moving Sprites", sprites, "moving-sprites"))
for what, one, other in (
    ("Feature maps against slots, MSE with SBD", "oc-rims-ff-sbd-6", "oc-rims-sbd-6-3"),
    ("SBD against BCD, MSE with six cells and three slots", "oc-rims-sbd-6-3", "oc-rims-bcd-6-3"),
):
    told = [two_ways(name, among, f"{one}/{world}", f"{other}/{world}") for name, among, world in WORLDS]
    if any(told):
        say(f"{what}: {'; '.join(filter(None, told))}.")
say("Where slots are all alike (next section), the first of these says little of slots that divide a frame.")

# %% [markdown]
# The same, seed by seed. Models differ in their decoder or in the number of their modules. With the decoder one thing
# more changes, in profile `laptop`: rows with BCD, SBD and feature maps draw 4 of a clip's frames per training step,
# CAT draws 8, and so do RIMs, a GRU and ConvLSTM. Between OC-RIMs and RIMs there is one more: cells of OC-RIMs begin
# with values and with GRU weights for them that are three times as large each, so with inputs nine times as loud
# ({doc}`31_prediction`).

# %% tags=["hide-input"]
for world, among, entries in (("Moving MNIST", digits, MNIST), ("Moving Sprites", sprites, SPRITES)):
    in_order = sorted(entries, key=lambda entry: MNIST.index(entry.replace("sprites", "mnist")))
    there = {
        entry: label(entry).removeprefix("OC-RIMs ") for entry in filter(among.here, in_order) if "oc-rims" in entry
    }
    if len(there) > 1:
        measures = [
            Measure(f"MSE, {world}", among.groups("mse", there), zero=False),
            Measure(f"F1, {world}", among.groups("f1", there), zero=False),
        ]
        figure = seed_points(measures, width=3.6, tilt=True)

# %% [markdown]
# ## Do the slots differ at all, and does it help?
#
# Slots are meant to divide a frame among them, so that a cell can read one object. Whether they do can be tried: every
# slot is replaced by the mean of all slots of its frame, and nothing else is changed. If the error stays as it is,
# cells read one description of the whole frame, and nothing depends on how the slots divide it. *Largest share*: how
# much of a place the slot takes that takes most of it; slots that are all alike take 1 / slots each. Where Adam leads
# before Muon, and slots begin with louder draws, slots differ; which of the two does it is open, and so is why Muon
# merges them in some models and not in others ({doc}`../../lessons`). Runs that broke in training are left out of the
# counts: where all is lost, no exchange changes anything.

# %% tags=["hide-input"]
OTHERWISE = Shelf(
    results,
    *("oc-rims-bcd-6-3-plain/moving-mnist", "oc-rims-sbd-6-3-plain/moving-sprites"),
    *(f"{row.variant}/{row.world}" for row in LED_ROWS),
)
WORLD_NAMES = {"moving-mnist": "Moving MNIST", "moving-sprites": "Moving Sprites"}


def optimiser(run):
    training = run.config["training"]
    return "Adam, then Muon" if training.get("lead") else training.get("optimiser", "adam").title()


rows = []
for among in (digits, sprites, OTHERWISE):
    for run in [run for entry in among.entries for run in among.runs(entry)]:
        if "slot_share" not in run.metrics:
            continue
        own, pooled = (run.metrics[name]["value"] for name in ("mse", "mse_mean_slots"))
        rows.append(
            {
                "world": WORLD_NAMES[run.world],
                "model": label(f"{run.variant}/{run.world}"),
                "optimiser": optimiser(run),
                "seed": run.seed,
                "MSE": own,
                "all slots their mean": pooled,
                "more by (%)": 100 * (pooled / own - 1),
                "largest share": run.metrics["slot_share"]["value"],
                "1 / slots": 1 / run.config["model"]["slots"],
                "broke": "yes" if run.metrics["loss_jump"]["value"] else "",
            }
        )
slots_table = held(rows, "oc_rims_slots")
if rows:
    display(neat(slots_table, "slots", 2))
    for (world, by), part in slots_table[slots_table["broke"] == ""].groupby(["world", "optimiser"], sort=False):
        idle = int((part["more by (%)"] < 5).sum())
        say(
            f"{world}, {by}: in {idle} of {len(part)} {plural('run', len(part))} the slots can be exchanged for their"
            " mean at less than 5 % more error."
        )
say(
    "Where they can, the model is in truth a RIM that reads one vector: what the tables say there of the number of"
    " slots is said of a wider or narrower way to that vector, not of objects."
)

# %% [markdown]
# Moving MNIST is where both kinds can be compared: the same model and seeds, trained by Muon alone (slots alike) and
# with Adam leading for the first quarter of the steps (slots differ). Also drawn: the share of cell-steps in which a
# cell draws one object, which slots are meant to raise.

# %% tags=["hide-input"]
ALIKE, APART = "oc-rims-bcd-6-3/moving-mnist", "oc-rims-bcd-6-3-led/moving-mnist"
both = Shelf(results, ALIKE, APART)
if both.here(ALIKE, APART):
    kinds = {ALIKE: "slots alike", APART: "slots differ"}
    drawn = {"mse": "MSE", "mse_mean_slots": "MSE, mean slots", "single_object_share": "cells with one object"}
    figure = seed_points(
        [Measure(name, both.groups(metric, kinds), zero=metric != "mse") for metric, name in drawn.items()], width=3.0
    )
    say(
        f"MSE with slots that differ: **{both.spoken(APART, 'mse')}**; with slots that are alike:"
        f" {both.spoken(ALIKE, 'mse')}.",
        f"Longest run of a cell with one object: {both.spoken(APART, 'mcl')} against {both.spoken(ALIKE, 'mcl')}.",
        "No gain from slots that divide the frame shows here."
        if np.mean(list(both.by_seed(APART, "mse").values())) >= np.mean(list(both.by_seed(ALIKE, "mse").values()))
        else "On average, slots that divide the frame are ahead here.",
        "Mind that these trainings differ in their first thousand steps and in how slots begin, and so in more than"
        " what became of slots.",
    )

# %% [markdown]
# ## Tables 4.7 and 4.8: how many cells are active?
#
# RIMs were made to activate only the cells that the input concerns {cite}`rims2019`. In the thesis that always hurts,
# and activating all cells of a model that was trained with a few is worst of all; it could be, the thesis says, that
# cells which were rarely active were rarely trained. First column of modules: active / all cells. The row of 6 / 6
# RIMs is that of Table 4.2: O14 and O15 hold 4 / 6 against it, and the rows with ten cells too, since the thesis has
# no dense model with ten.

# %% tags=["hide-input", "exhibit:oc-rims-table-4-7"]
# The last row of Table 4.8 is no model of its own: 4 / 6 in training, 6 / 6 in the test.
DENSE_TEST = {"mse": 191.26, "ssim": 0.7175}
SUFFIX = "_dense_test"


def tested_dense(entry, thesis):
    """A row for a model that is trained sparse and tested with all of its cells."""
    trained = described(entry)["modules"].partition(",")[0]
    every = trained.split()[-1]
    row = line(digits, entry, suffix=SUFFIX, thesis=thesis)
    return row | {"modules": f"{trained} → {every} / {every}"}


def counted(entry):
    """A row whose cells are counted as these tables do, '6 / 6' where all are active."""
    row = line(digits, entry)
    cells, comma, slots = row["modules"].partition(",")
    return row | {"modules": (cells if "/" in cells else f"{cells} / {cells}") + comma + slots}


table_7 = held([*map(counted, TABLE_7), *floor_lines(digits, *TABLE_7)], "oc_rims_table_4_7")
rows = [counted(entry) for entry in (*TABLE_8, DENSE_RIMS)]
rows[-1:-1] = [tested_dense(SPARSE, DENSE_TEST)]
table_8 = held([*rows, *floor_lines(digits, *TABLE_8, DENSE_RIMS)], "oc_rims_table_4_8")
styled(table_7, "table47") if digits.here(*TABLE_7) else None

# %% tags=["remove-input"]
styled(table_7, "part47") if not digits.here(*TABLE_7) else None

# %% tags=["remove-input", "exhibit:oc-rims-table-4-8"]
styled(table_8, "table48") if digits.here(*TABLE_8, DENSE_RIMS) else None

# %% tags=["remove-input"]
styled(table_8, "part48") if not digits.here(*TABLE_8, DENSE_RIMS) else None


# %% tags=["hide-input"]
def by_activation(entries):
    """Name -> seed -> MSE, tests with all cells right beside the models they are made on."""
    groups = {}
    for entry in filter(digits.here, entries):
        name = counted(entry)["modules"].partition(",")[0]
        groups[name] = digits.by_seed(entry, "mse")
        if digits.by_seed(entry, f"mse{SUFFIX}"):
            groups[f"{name} → {name.split()[-1]} / {name.split()[-1]}"] = digits.by_seed(entry, f"mse{SUFFIX}")
    return groups


def levels(entries):
    """What takes no learning, on the same clips."""
    names = {"mse_mean_frame": "the mean frame", "mse_copy_last": "copy of frame 9"}
    known = {
        name: list(digits.by_seed(entry, metric).values())
        for metric, name in names.items()
        for entry in list(filter(digits.here, entries))[:1]
    }
    return {name: values[0] for name, values in known.items() if values}


families = {
    "OC-RIMs SBD, MSE by active / all cells": [DENSE_OC, *SPARSE_OC],
    "RIMs CAT, MSE by active / all cells": [DENSE_RIMS, SPARSE, *TEN],
}
measures = [
    Measure(title, by_activation(entries), levels(entries))
    for title, entries in families.items()
    if len(list(filter(digits.here, entries))) > 1
]
if measures:
    figure = seed_points(measures, width=3.4, tilt=True)
    collapsed = broken(digits, *TABLE_7, *TABLE_8)
    say(
        against_floors(digits, *TABLE_7, *TABLE_8),
        collapsed,
        "The verdicts below count them like all others." if collapsed else "",
    )

# %% tags=["hide-input"]
styled(verdicts(shelf, "O14", "O15"), "sparse")

# %% [markdown]
# ### Why do such trainings break?
#
# All rows train by Muon, which gives every matrix a full step, however small its gradient. So the weights of a cell
# that is active in one step of a hundred wander as far as those of a cell that does the work, and when it is chosen
# again, what it has become may break the model. That can be tried: in rows *in proportion* groups with smaller
# gradients take smaller steps (`training.in_proportion`), and nothing else is changed. They were made after rows of
# these tables had broken; tables and claims go on reading the rows that all train alike. All but the busiest groups
# learn more slowly so, which might keep a model whole too: the catalogue has dense rows in proportion beside them.

# %% tags=["hide-input"]
IN_PROPORTION = {
    f"{row.variant.removesuffix('-proportion')}/{row.world}": f"{row.variant}/{row.world}" for row in PROPORTIONAL_ROWS
}
DENSE = [entry for entry in IN_PROPORTION if "active" not in entry]
steps = Shelf(results, *IN_PROPORTION, *IN_PROPORTION.values())
tried = {entry: twin for entry, twin in IN_PROPORTION.items() if steps.here(entry, twin)}


def training_error(entry):
    """Steps and errors of the first seed."""
    lines = steps.runs(entry)[0].history
    lines = lines[lines["split"] == "train"]
    return lines["step"].to_list(), lines["error"].to_list()


if tried:
    kinds = dict.fromkeys(tried, "as in the tables") | dict.fromkeys(tried.values(), "in proportion")
    groups = {name: label(entry) for entry, twin in tried.items() for name in (entry, twin)}
    figure = model_curves(
        {Model(name, kind, groups[name]): training_error(name) for name, kind in kinds.items()},
        ylabel="training error per frame",
        log=True,
    )
    say(
        *(
            f"{label(entry)}: MSE {steps.spoken(entry, 'mse')}, in proportion {steps.spoken(twin, 'mse')}."
            for entry, twin in tried.items()
        ),
        broken(steps, *tried, *tried.values()),
        "**No dense row in proportion is trained yet.**" if not any(entry in tried for entry in DENSE) else "",
    )

# %% [markdown]
# And the weights themselves: how far the recurrent weights of every cell have come from where training began (in units
# of how large they were there), against how often the cell is active. Of pairs of which weights were kept.

# %% tags=["hide-input"]
if tried:
    points = {kind: {} for kind in kinds.values()}
    for name, kind in kinds.items():
        run = steps.runs(name)[0]
        if not run.has_weights:
            continue
        config, model = load_model(run.path)
        cells = zip(habits(model, config.world).active.tolist(), travelled(config, model).tolist(), strict=True)
        points[kind] |= {Model(f"{name}, cell {k}", groups[name]): place for k, place in enumerate(cells)}
    figure = scatter(
        [
            Against("share of steps in which it is active", "way from the start", found, kind)
            for kind, found in points.items()
        ]
    )
    top = max(axis.get_ylim()[1] for axis in figure.axes)
    for axis in figure.axes:
        axis.set_ylim(0, top)

# %% [markdown]
# ## Figure 4.8: which cell attends to which slot
#
# One test clip: of a few dozen, the first one that shows as many objects as any; no model had a say. Above: the frame
# that is looked at, in grey where it is given, in red where it is the model's own prediction. Below: how every cell
# shares its attention out over the three slots and the null input. Slots start afresh in every frame, so the number of
# a slot is no name: slot 1 of one frame need not be slot 1 of the next.

# %% tags=["hide-input", "exhibit:oc-rims-figure-4-8"]
if shelf.here(OC):
    config, model = first_model(OC)
    clip = examples(config.world)
    rollout = model.rollout(clip.frames, given=GIVEN)
    seen = torch.cat([clip.frames[0, :GIVEN], rollout.frames[0, GIVEN - 1 : -1]])
    moments = list(range(0, len(seen), 3))
    slots = config.model.slots
    figure = attention_maps(
        seen[moments],
        rollout.extra["input_attention"][0, moments],
        [f"frame {t}" for t in moments],
        given=[t < GIVEN for t in moments],
        inputs=[*(f"slot {s + 1}" for s in range(slots)), "null"],
    )

# %% tags=["hide-input"]
if shelf.here(OC):
    many = habits(model, config.world)
    say(
        f"Over {MANY} test clips, a cell gives {rounded(100 * many.favourite, 2)} % of its attention to the slot"
        f" that it wants most and {rounded(100 * many.null, 2)} % to the null input. There are"
        f" {config.model.cells.cells} cells for {slots} slots: since each cell's attention adds up to one, several"
        " cells can read the same slot."
    )

# %% [markdown]
# ### Who reads, and who draws?
#
# A cell can learn of the frame in two ways: by reading slots, or by listening to cells that have read them. Every point
# is a cell of one run of a model with six cells and three slots, all of them active: how much of its attention does not
# go to the null input, and how much of all light is drawn under its mask (means over the test clips). If every cell
# read its object and drew it, points would rise to the right. The larger a point, the more the error grows when that
# cell is taken out.

# %% tags=["hide-input"]
READERS = {"Moving MNIST": (digits, MNIST), "Moving Sprites": (sprites, SPRITES)}
ROLES = (("read", ""), ("light", ""), ("mse", "_off"))
NEEDS = {"mse_all_cells", *(f"{what}_by_cell{end}" for what, end in ROLES)}
panels, roles = {}, []
for world, (among, entries) in READERS.items():
    for entry in [entry for entry in filter(among.here, entries) if entry.split("/")[0].endswith("-6-3")]:
        for run in [run for run in among.runs(entry) if run.metrics.keys() >= NEEDS]:
            read, drawn, off = (np.array(run.metrics[f"{what}_by_cell{end}"]["value"]) for what, end in ROLES)
            cost = off / run.metrics["mse_all_cells"]["value"] - 1
            name = f"{label(entry).removeprefix('OC-RIMs ')}, seed {run.seed}"
            panels.setdefault(world, {})[name] = (read, drawn, cost)
            reader, dearest = int(read.argmax()), int(cost.argmax())
            roles.append(
                {
                    "drawn by the top reader": drawn[reader],
                    "drawn by the dearest": drawn[dearest],
                    "read by the top drawer": read[int(drawn.argmax())],
                }
            )
if panels:
    figure = cell_roles(panels, xlabel="share of attention on the slots", ylabel="share of the light")
    kept = pd.DataFrame(roles)
    say(
        f"In {int((kept['drawn by the top reader'] < 0.1).sum())} of {len(kept)} runs the cell that reads most draws"
        f" less than a tenth of the light ({100 * kept['drawn by the top reader'].mean():.0f} % on average; even shares"
        " would be 17 %), and the cell that draws most gives"
        f" {100 * kept['read by the top drawer'].mean():.0f} % of its attention to the slots.",
        f"In {int((kept['drawn by the dearest'] < 0.1).sum())} of them the cell that costs most when it is taken out is"
        " one that hardly draws.",
        "So cells divide the work, but not only by objects: one or two read for all, and others draw what they hear."
        if (kept["drawn by the top reader"] < 0.1).mean() > 0.5
        else "",
    )

# %% [markdown]
# ## Figure 4.11: where each slot looks
#
# The same clip. Every colour is a slot: how much of each place of the feature map it won (places lie where the encoder
# sees them).

# %% tags=["hide-input", "exhibit:oc-rims-figure-4-11"]
if shelf.here(OC):
    won, eye = rollout.extra["slot_attention"][0, moments], config.model.vision
    rows = [Row("frame looked at", seen[moments], given=sum(t < GIVEN for t in moments))]
    for s in range(slots):
        looks = over_frame(seen[moments], won[:, s], eye.kernels, eye.strides, slot_colour(s))
        rows.append(Row(f"slot {s + 1}", looks, border=slot_colour(s)))
    figure = film_strip(rows, size=0.95, heads=[f"frame {t}" for t in moments])

# %% [markdown]
# ## Figure 4.9: who is active
#
# RIMs of which four in six cells are active at a time. (The thesis does not print how many its model has; its text
# speaks of two activated cells.) Black: the cell is active when it predicts this frame. The red line: from here on the
# model is fed its own predictions. Two test clips; in the thesis the pattern stands still after two steps.

# %% tags=["hide-input", "exhibit:oc-rims-figure-4-9"]
if shelf.here(SPARSE):
    config, model = first_model(SPARSE)
    clip = examples(config.world, 2)
    sparse = model.rollout(clip.frames, given=GIVEN)
    panels = [CellTimes(f"clip {i + 1}", sparse.active[i]) for i in range(2)]
    figure = cell_times(panels, given=GIVEN - 1, label="active", binary=True)

# %% tags=["hide-input"]
if shelf.here(SPARSE):
    many = habits(model, config.world)
    active = many.active.tolist()
    shares = ", ".join(f"{100 * share:.0f} %" for share in active)
    never = [str(k + 1) for k, share in enumerate(active) if share == 0]
    seldom = [str(k + 1) for k, share in enumerate(active) if 0 < share < 0.1]
    changing = 100 * float(np.mean(list(shelf.by_seed(SPARSE, "activation_change_share").values())))
    say(
        f"The set of active cells changes on **{changing:.2g} %** of the steps after the second.",
        f"Over {MANY} test clips (seed {shelf.runs(SPARSE)[0].seed}) the cells are active in {shares} of the"
        f" steps; {many.sets} different {'sets occur' if many.sets > 1 else 'set occurs'}.",
        f"Never active, whatever the clip shows: {plural('cell', len(never))} {' and '.join(never)}." if never else "",
        f"On fewer than a tenth of the steps: {plural('cell', len(seldom))} {' and '.join(seldom)}." if seldom else "",
    )

# %% [markdown]
# ## Figure 4.10: on whom the picture hangs
#
# The same clips: the share of each cell in the *utilisation* of a predicted frame, the sum of |d all pixels / d state|
# over its state (thesis 4.3). Orange dots: the cell is active.

# %% tags=["hide-input", "exhibit:oc-rims-figure-4-10"]
if shelf.here(SPARSE):
    use = utilisation_shares(model.utilisation(sparse.states))
    panels = [CellTimes(f"clip {i + 1}", use[i], sparse.active[i]) for i in range(2)]
    figure = cell_times(panels, given=GIVEN - 1, label="share", top=float(use.max()))

# %% [markdown]
# If inactive cells mattered as much as active ones, the utilisation that falls on active cells would be the share of
# cells that are active (*if even*). All sparse models:

# %% tags=["hide-input"]
rows = []
for entry in (SPARSE, *TEN, *SPARSE_OC):
    for run in digits.runs(entry):
        cells = run.config["model"]["cells"]
        rows.append(
            {
                "model": label(entry),
                "seed": run.seed,
                "steps with another set": run.metrics["activation_change_share"]["value"],
                "utilisation on active cells": run.metrics["active_utilisation"]["value"],
                "if even": cells["active"] / cells["cells"],
                "MSE, all active in the test / as trained": run.metrics[f"mse{SUFFIX}"]["value"]
                / run.metrics["mse"]["value"],
                "profile": run.profile,
            }
        )
sparse_table = held(rows or {"model": []}, "oc_rims_sparse")
styled(sparse_table, "habits") if rows else None

# %% tags=["hide-input"]
if rows:
    whole = [
        (label(entry), 100 * run.metrics["activation_change_share"]["value"])
        for entry in (*TEN, *SPARSE_OC)
        for run in digits.runs(entry)
        if not run.metrics["loss_jump"]["value"]
    ]
    gone = sum(bool(run.metrics["loss_jump"]["value"]) for entry in (*TEN, *SPARSE_OC) for run in digits.runs(entry))
    say(
        f"O16 reads the model of the figures, {label(SPARSE)}, alone.",
        "Of the others that trained whole, the set changes on"
        f" {'; '.join(f'{share:.2g} % of the steps ({name})' for name, share in whole)}."
        if whole
        else "",
        f"The other {gone} broke in training." if gone else "",
    )
styled(verdicts(shelf, "O16", "O17"), "active")

# %% [markdown]
# ## Figure 4.12: cells that do not hear each other
#
# Objects of Moving Sprites cover each other but do not act on each other, so a cell that follows one object should not
# need the others. Communication is switched off in the test, from the first frame on. Grey borders: the true frame
# before is given; red: the model is on its own. Below: the picture of every cell under its mask, in the colour of the
# cell.

# %% tags=["hide-input", "exhibit:oc-rims-figure-4-12"]
SHOWN = list(range(0, 19, 2))
"""Predicted frames that are shown: rollout index i is about frame i + 1."""


def strip(clip, whole, whole_name, turned, turned_name, cells):
    """Truth, the model as it was trained, the model with a switch turned, and the pictures of its cells."""
    known = sum(i + 1 < GIVEN for i in SHOWN)
    rows = [
        Row("truth", clip.frames[0, 1:][SHOWN]),
        Row(whole_name, whole.frames[0, SHOWN], given=known),
        Row(turned_name, turned.frames[0, SHOWN], given=known),
        *rows_of_cells(cell_pictures(turned)[0, SHOWN], cells),
    ]
    return film_strip(rows, heads=[f"frame {i + 1}" for i in SHOWN], size=0.68)


if shelf.here(OC):
    config, model = first_model(OC)
    clip = examples(config.world)
    whole = model.rollout(clip.frames, given=GIVEN)
    silent = model.rollout(clip.frames, given=GIVEN, communicate=False)
    everyone = list(range(config.model.cells.cells))
    figure = strip(clip, whole, "as trained", silent, "no communication", everyone)

# %% tags=["hide-input"]
if shelf.here(OC):
    ways = [
        Curve("as trained", shelf.by_seed(OC, "mse_by_frame"), SLOT_COLOURS[0]),
        Curve("no communication", shelf.by_seed(OC, "mse_no_communication_by_frame"), SLOT_COLOURS[5]),
        Curve("copy of frame 9", shelf.by_seed(OC, "mse_copy_last_by_frame"), MUTED, dashed=True),
        Curve("black", shelf.by_seed(OC, "mse_black_by_frame"), "#444444", dashed=True),
    ]
    figure = seed_curves(ways, range(GIVEN, 20), xlabel="predicted frame", ylabel="MSE per frame and channel")
    silent_error, whole_error, black = (
        float(np.mean(list(shelf.by_seed(OC, metric).values())))
        for metric in ("mse_no_communication", "mse", "mse_black")
    )
    heard_at_first = [
        float(np.mean([curve[0] for curve in shelf.by_seed(OC, metric).values()]))
        for metric in ("f1_no_communication_by_frame", "f1_by_frame")
    ]
    silent_frames, black_frames = (
        np.mean(list(shelf.by_seed(OC, metric).values()), axis=0)
        for metric in ("mse_no_communication_by_frame", "mse_black_by_frame")
    )
    worse = [
        frame for frame in range(GIVEN, 20) if (silent_frames[frame - GIVEN :] > black_frames[frame - GIVEN :]).all()
    ]
    say(
        f"MSE without communication: {shelf.spoken(OC, 'mse_no_communication')}; as trained: {shelf.spoken(OC, 'mse')};"
        f" predicting black: {shelf.spoken(OC, 'mse_black')}.",
        f"The first predicted frame still stands: F1 {rounded(heard_at_first[0])} against {rounded(heard_at_first[1])}."
        " The thesis sees no reasonable prediction at all."
        if heard_at_first[0] > 0.5 * heard_at_first[1]
        else "",
        f"From frame {worse[0]} on, black would be nearer." if worse else "",
        "Over all frames the error does not double, which is what O18 asks; nor would that of black, which is only"
        f" {rounded(black / whole_error, 2)} times as wrong as the model."
        if silent_error < 2 * whole_error and black < 2 * whole_error
        else "",
    )

# %% [markdown]
# ## Figure 4.13: two cells switched off
#
# Cells 2 and 4 are taken out: they win no input, say nothing and are not drawn.

# %% tags=["hide-input", "exhibit:oc-rims-figure-4-13"]
if shelf.here(OC):
    OFF = (1, 3)
    fewer = model.rollout(clip.frames, given=GIVEN, off=OFF)
    figure = strip(clip, whole, "all cells", fewer, "without 2 and 4", [k for k in everyone if k not in OFF])

# %% [markdown]
# One clip and one pair is an anecdote. Every cell taken out in turn, over the first test clips; the dashed line is the
# model with all of its cells.

# %% tags=["hide-input"]
if shelf.here(OC):
    measures = []
    for metric, name in (("mse", "MSE"), ("f1", "F1")):
        without = shelf.by_seed(OC, f"{metric}_by_cell_off")
        cells = range(len(next(iter(without.values()))))
        # Cells have no order that seeds share: each seed's own, the dearest first (F1 falls where the error grows).
        ranked = {seed: sorted(values, reverse=metric == "mse") for seed, values in without.items()}
        groups = {str(k + 1): {seed: values[k] for seed, values in ranked.items()} for k in cells}
        level = float(np.mean(list(shelf.by_seed(OC, f"{metric}_all_cells").values())))
        measures.append(Measure(f"{name} without this cell", groups, {"all cells": level}))
    figure = seed_points(measures, width=4.0, xlabel="cell taken out, the dearest of each seed first")
    say(
        f"Two cells out (mean over three pairs): MSE {shelf.spoken(OC, 'mse_cells_off')}, F1"
        f" {shelf.spoken(OC, 'f1_cells_off')}; all cells: MSE {shelf.spoken(OC, 'mse')}, F1 {shelf.spoken(OC, 'f1')}.",
        "If the two go on but are merely not drawn, as in the author's code: MSE"
        f" {shelf.spoken(OC, 'mse_cells_hidden')}, F1 {shelf.spoken(OC, 'f1_cells_hidden')}.",
    )

# %% [markdown]
# The rule of O19 measures error and the F1 of bright pixels. Whether an object is lost or merely changes its colour
# they do not tell apart.

# %% tags=["hide-input"]
styled(verdicts(shelf, "O18", "O19"), "independence")

# %% [markdown]
# ## The runs of this page

# %% tags=["hide-input"]
for of_world in (digits, sprites):
    say(of_world.missing(), of_world.made_by(), of_world.left_out())

# %% [markdown]
# Remake this page: `rulebook notebooks 33_ablations --force`; `make train` trains those of its runs that are missing.
# To train one that is here once more, name another folder: `rulebook train oc-rims-sbd-6-3/moving-sprites/laptop/s0
# --root data/again`.
