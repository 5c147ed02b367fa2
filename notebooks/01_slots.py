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
#     reads: [slot-ae/atomic]
#     writes: [tables/slots.csv]
# ---

# %% [markdown]
# # Seeing objects: the slot autoencoder
#
# Before anything can be said about rules, the objects that follow them must be found. A slot autoencoder looks at still
# frames of the random walk, splits each into four slots, and paints the frame again from them
# ({doc}`../../slot_attention`). Nobody tells it what a ball is. It is also the first training stage of every VIM of
# the same seed {cite}`vim2022`.

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from rulebook.figures.curves import learning_curves
from rulebook.figures.strips import film_strip, slot_rows
from rulebook.figures.style import use_house_style
from rulebook.publishing.pages import say
from rulebook.publishing.values import rounded
from rulebook.results import Results

use_house_style()
results = Results()
ENTRY = "slot-ae/atomic"
profile = results.best_profile(ENTRY)
runs = [run for run in results.of(ENTRY, profile) if run.finished]
if not runs:
    display(Markdown(f"**No trained run of `{ENTRY}` is here yet**, so this page is empty: `rulebook runs` says more."))

# %% [markdown]
# ## Does it find the balls?
#
# Every seed, on test clips. The error is summed over pixels and channels of a frame; an empty black frame would score
# far above it. *Separate* counts the frames, among those without overlap, in which every ball has a slot of its own.
# Slot attention starts from random slots. Where two balls fall into one slot the frame cannot be drawn well, which is
# seen without knowing the truth: *best of 4 starts* keeps, for every frame, the start that draws it best.

# %% tags=["hide-input"]
NAMES = {
    "error": "error per frame",
    "error_4_starts": "error, best of 4 starts",
    "separate_slots": "separate (share of frames)",
    "separate_slots_4_starts": "separate, best of 4 starts",
    "separate_slots_walk": "separate, overlaps included",
    "foreground_ari": "foreground ARI",
}
metrics = results.metrics(ENTRY, profile)
table = metrics[metrics["metric"].isin(NAMES)].pivot(index="seed", columns="metric", values="value")
table = table.rename(columns=NAMES).astype(float).reindex(columns=list(NAMES.values()))
results.save_table("slots", table.reset_index())
table.round(3)

# %% [markdown]
# ## How it learns
#
# The error on validation clips over training, one line per seed: the same few still frames at every look, each from one
# start.

# %% tags=["hide-input"]
history = results.histories(ENTRY, profile)
if len(history):
    figure = learning_curves(history, "error", label="squared error per frame")
    seen = history[history["split"] == "validation"]
    told, unsteady = [], []
    for run in runs:
        line = seen[seen["seed"] == run.seed].set_index("step")["error"]
        half = line[line.index <= run.config["training"]["steps"] / 2].iloc[-1]
        least, last = line.min(), line.iloc[-1]
        told.append(
            f"seed {run.seed}: {rounded(half)} at half of the training, at the end {rounded(last)},"
            f" the least {rounded(least)} (step {line.idxmin()})"
        )
        if last > 1.25 * least:
            frames = run.config["training"].get("validation_clips", 64)
            unsteady.append(
                f"Seed {run.seed} ends {rounded(last - least)} above its least, which over {frames} frames is as much"
                f" as {rounded(frames * (last - least))} on a single one; on test frames, of which there are more, its"
                f" error is {rounded(run.metrics['error']['value'])}."
            )
    say(
        f"Error per frame, {'; '.join(told)}.",
        *unsteady,
        "That a few frames decide, whose balls share a slot at one look and not at another, is our guess."
        if unsteady
        else "",
        "The learning rate falls in the same time; what its decay brings was not told apart from that of more steps.",
    )

# %% [markdown]
# ## What the slots hold
#
# Live from the weights: the first frames of a test clip, painted again, and what each slot adds to the picture. The
# model sees every frame on its own, so a ball may change its slot from one frame to the next. A slot keeps its colour.

# %% tags=["hide-input"]
if runs:
    from rulebook.evaluation.evaluate import load_model

    config, model = load_model(runs[0].path)
    clip = config.world.sample(1, seed=1, length=10, split="test")
    rollout = model.rollout(clip.frames, given=clip.length)
    figure = film_strip(slot_rows(clip.frames[0], rollout.slot_rgb[0], rollout.slot_masks[0], rollout.frames[0]))

# %% [markdown]
# ## Best, typical, worst
#
# The test frames with the least, the median and the largest error, over 64 clips that were not looked at before.

# %% tags=["hide-input"]
if runs:
    clip = config.world.sample(64, seed=2, length=1, split="test")
    rollout = model.rollout(clip.frames, given=1)
    order = rollout.losses["error"][:, 0].argsort()
    chosen = [*order[:3].tolist(), *order[30:33].tolist(), *order[-3:].tolist()]
    picked = slot_rows(
        clip.frames[chosen, 0], rollout.slot_rgb[chosen, 0], rollout.slot_masks[chosen, 0], rollout.frames[chosen, 0]
    )
    figure = film_strip(picked, title="three best, three typical, three worst")

# %% [markdown]
# ## What it cost

# %% tags=["hide-input"]
cost = results.frame()
cost = cost[cost["run"].isin([run.name for run in runs])].set_index("run")
minutes = {"training (minutes)": "training_seconds", "of one core (CPU minutes)": "cpu_seconds"}
for name, column in minutes.items():
    cost[name] = (cost[column].astype(float) / 60).round(1)
cost[[*minutes, "device"]]

# %% [markdown]
# Remake this page: `rulebook notebooks 01_slots --force`; train its runs from scratch: `make train`.
