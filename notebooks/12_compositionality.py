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
#       - vim-m4-dreams-on/atomic
#       - vim-m4/atomic
#       - vim2-m5/composed
#       - vim2-m4/composed
#       - vim2-m5-brief/composed
#       - vim2-m4-brief/composed
#       - vim2-m5-brief-swaps/composed
#       - vim2-m4-brief-swaps/composed
#       - vim2-m5-swaps-hot/composed
#       - vim2-m4-swaps-hot/composed
#       - vim2-m5-swaps-cooled/composed
#       - vim2-m4-swaps-cooled/composed
#       - vim2-m5-swaps-dreams/composed
#       - vim2-m4-swaps-dreams/composed
#     writes: [tables/vim_compositionality.csv]
# ---

# %% [markdown]
# # Compositionality: modules as steps of a plan
#
# Experiment 2 of VIM {cite}`vim2022`. A model that was trained on single moves watches balls that make up to five
# moves between two frames. Nothing is trained anew: it is only allowed to select and update eight times before it
# draws. And the other way round: a model that was trained on pairs of moves alone meets single ones. The model of
# single moves is the one whose posterior has learned from dreams too ({doc}`11_interpretability`).

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch
from IPython.display import display

from rulebook.evaluation.evaluate import load_model
from rulebook.evaluation.rivals_live import idle_errors
from rulebook.evaluation.vim import effects
from rulebook.evaluation.vim_live import in_a_row, refinement_by_distance
from rulebook.evaluation.vim_miniature import learn
from rulebook.evaluation.vim_plans import refined
from rulebook.evaluation.walks import PLAN, Size
from rulebook.figures.curves import Curve, seed_curves
from rulebook.figures.heatmaps import Panel, heatmaps
from rulebook.figures.places import displacements, many_starts, sums_and_pairs
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import INK, SLOT_COLOURS, use_house_style
from rulebook.measures.bases import MOVES_IN_STEPS, bases, sums
from rulebook.measures.matching import match_slots
from rulebook.measures.planning import moves_away, perfect_plan
from rulebook.publishing.pages import Shelf, neat, plural, say
from rulebook.publishing.values import rounded
from rulebook.publishing.vim_facts import listed, right_in_parity, whole_steps
from rulebook.results import Results

use_house_style()
_ = torch.set_grad_enabled(False)
results = Results()
M4, BOUND4, VIM2, FOUR2 = "vim-m4-dreams-on/atomic", "vim-m4/atomic", "vim2-m5/composed", "vim2-m4/composed"
HOT = {"vim2-m5-swaps-hot/composed": "5 modules", "vim2-m4-swaps-hot/composed": "4 modules"}
COOLED = {"vim2-m5-swaps-cooled/composed": "5 modules", "vim2-m4-swaps-cooled/composed": "4 modules"}
DREAMT = {"vim2-m5-swaps-dreams/composed": "5 modules", "vim2-m4-swaps-dreams/composed": "4 modules"}
ENDS = {entry: f"{name}, swaps, hot, then cooled" for entry, name in COOLED.items()}
ENDS |= {entry: f"{name}, swaps, hot, cooled, dreams" for entry, name in DREAMT.items()}
PAIRS = {
    VIM2: "5 modules",
    FOUR2: "4 modules",
    "vim2-m5-brief/composed": "5 modules, short schedule",
    "vim2-m4-brief/composed": "4 modules, short schedule",
    "vim2-m5-brief-swaps/composed": "5 modules, short schedule, swaps",
    "vim2-m4-brief-swaps/composed": "4 modules, short schedule, swaps",
    **{entry: f"{name}, swaps, hot" for entry, name in HOT.items()},
    **ENDS,
}
shelf = Shelf(results, M4, BOUND4, *PAIRS)
say(shelf.missing(), shelf.made_by())

# %% [markdown]
# ## Following compositions never seen
#
# Position error of the balls, frame by frame, on clips with 1 to 5 moves between two frames. *Halting* is ours: every
# slot keeps the iteration after which the rendered frame fits the observed one best. It looks at no truth, only at
# the frame that the model watches anyway. (Beside G-SWM: {doc}`../../rivals`.)

# %% tags=["hide-input"]
WAYS = {"1": "1 iteration", "8": f"{PLAN} iterations", "halting": f"{PLAN} iterations, halting"}
if shelf.here(M4):
    curves = [
        Curve(label, shelf.by_seed(M4, f"composition_tracking_{way}_by_frame"), colour)
        for (way, label), colour in zip(WAYS.items(), ("#8a929b", SLOT_COLOURS[0], SLOT_COLOURS[2]), strict=True)
    ]
    frames = len(next(iter(curves[0].by_seed.values())))
    figure = seed_curves(curves, range(2, frames + 2), xlabel="frame", ylabel="position error (pixels)")
    means = {way: np.mean(list(shelf.by_seed(M4, f"composition_tracking_{way}").values())) for way in WAYS}
    say(
        "The lower, the better a model that only ever saw single moves follows several at once.",
        *(f"{label}: {shelf.spoken(M4, f'composition_tracking_{way}')} pixels." for way, label in WAYS.items()),
        f"{PLAN} iterations leave {means['8'] / means['1']:.2f} of the error of one,",
        f"with halting {means['halting'] / means['1']:.2f}.",
    )
    leaps = load_model(shelf.runs(M4)[0].path)[0].world.model_copy(update={"moves_per_step": (1, 5)})
    clips = leaps.sample(Size.of(shelf.runs(M4)[0].profile).composed, 0, length=10, split="test")
    late = np.mean(idle_errors(clips)["always one frame behind"])
    say(
        f"Who shows every frame one frame late is {rounded(late)} pixels off on such clips: a single iteration leaves"
        f" {means['1'] / late:.2f} of that."
    )
    if shelf.here(BOUND4):
        one, plan = (shelf.spoken(BOUND4, f"composition_tracking_{way}") for way in ("1", "8"))
        say(f"By the bound alone, without dreams: {one} pixels with one iteration, {plan} with {PLAN}.")

# %% [markdown]
# ## A plan, step by step
#
# Between two frames, after each of eight iterations: how far are the balls from where they should be (Figure 5,
# left)? The mean over all balls, every seed.

# %% tags=["hide-input", "exhibit:vim-figure-5"]
if shelf.here(M4):
    curve = Curve("all balls", shelf.by_seed(M4, "composition_error_by_iteration"), SLOT_COLOURS[0])
    figure = seed_curves([curve], range(PLAN + 1), xlabel="iteration", ylabel="position error (pixels)")
    say(
        "A line that falls step by step is a plan at work; where it turns up again, balls step past their targets.",
        f"After one iteration: {shelf.spoken(M4, 'composition_error_first')} pixels;",
        f"after the iteration that is best on average: {shelf.spoken(M4, 'composition_error_best')};",
        f"at every ball's own best iteration: {shelf.spoken(M4, 'composition_error_best_per_ball')}.",
    )

# %% [markdown]
# Why it does not stay down: there is no module for *staying*. A ball that has arrived must move on, and comes back
# one iteration later. Split by how many moves away the target is at least (a ball that went left and right again is 0
# moves away), this shows: a ball an even number of moves away can be right after even iterations only, the others
# after odd ones. The dotted black line is the mean of a perfect planner on the same balls: at each iteration, the move
# of one step that leads nearest to the target.

# %% tags=["hide-input"]
if shelf.here(M4):
    config, model = load_model(shelf.runs(M4)[0].path)
    pair = config.world.model_copy(update={"moves_per_step": (1, 5)}).sample(96, 11, length=2, split="test")
    rollout, centres = refined(model, pair)
    matching = match_slots(pair, rollout, "content")
    errors = (matching.take(centres) - pair.positions[:, 1:2]).norm(dim=-1)
    parts = refinement_by_distance(errors, pair, config.world.step)
    away = moves_away(pair.positions[:, 1] - pair.positions[:, 0], config.world.step)
    balls = {n: int((away == n).sum()) for n in parts}
    curves = [
        Curve(
            f"{n} {plural('move', n)} away ({balls[n]} balls)",
            {0: line.tolist()},
            SLOT_COLOURS[n % len(SLOT_COLOURS)],
            dashed=n % 2 == 1,
        )
        for n, line in parts.items()
    ]
    perfect = perfect_plan(pair.positions[:, 1] - pair.positions[:, 0], config.world.step, PLAN).mean(dim=(1, 2))
    curves.append(Curve("all, perfect plan", {0: perfect.tolist()}, INK, dotted=True))
    figure = seed_curves(curves, range(PLAN + 1), xlabel="iteration", ylabel="position error (pixels)", size=(7.6, 3.8))
    _ = figure.axes[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    figure.tight_layout()
    late = {n: right_in_parity(line.tolist(), n) for n, line in parts.items()}
    right = [n for n, error in late.items() if error <= config.world.step / 4]
    short = [n for n in late if n not in right]
    many = sum(balls[n] for n in short)
    ours = errors.mean(dim=(0, 2))
    say(
        f"Seed {shelf.runs(M4)[0].seed}, {errors.shape[0] * errors.shape[2]} balls; dashed: odd distances.",
        f"Balls {listed([str(n) for n in right])} moves away are right after iterations of their parity: from the one"
        f" on that could bring them there, their error is {rounded(max(late[n] for n in right), 2)} pixels or less on"
        " average."
        if right
        else "At no distance are balls right after the iterations of their parity.",
        f"Those {listed([str(n) for n in short])} moves away ({many} of {sum(balls.values())}) stay"
        f" {listed([rounded(late[n], 2) for n in short])} pixels short on average: here the plan fails."
        if short
        else "",
        f"Over the last iterations a ball's error swings by {shelf.spoken(M4, 'composition_oscillation')} pixels",
        f"per iteration (a move is {config.world.step:g} long). The best of all fixed iterations leaves",
        f"{float(ours[1:].min() / ours[1]):.2f} of the error of the first; for a perfect planner on these balls it is",
        f"{float(perfect[1:].min() / perfect[1]):.2f}, and no plan without a module for staying can do better.",
        "So a plan is judged at the best even iteration for balls an even number of moves away, and the best odd one",
        f"for the others: **{shelf.spoken(M4, 'composition_error_best_in_parity')}** pixels on the test clips,",
        f"against {shelf.spoken(M4, 'composition_error_first')} after the first iteration. A perfect plan leaves none.",
    )

# %% [markdown]
# The frame rendered after every iteration (Figure 5, right): from the frame before, in the first column, to the
# target, in the last. Three pairs of frames, taken in order, not chosen.

# %% tags=["hide-input", "exhibit:vim-figure-5"]
if shelf.here(M4):
    rows = []
    for i in range(3):
        moves = pair.moves[i, 0]
        frames = torch.cat([pair.frames[i, :1], rollout.iterates[i, 0], pair.frames[i, 1:]])
        counts = ", ".join(str(int((ball >= 0).sum())) for ball in moves)
        rows.append(Row(f"{counts} moves made", frames))
    figure = film_strip(rows, size=0.9, heads=["before", *map(str, range(1, PLAN + 1)), "target"])
    say(
        "From left to right every ball should come closer to its place in the last column, one move per column,",
        "then step to and fro around it.",
    )

# %% [markdown]
# ## Single moves from pairs
#
# VIM-2 has five modules and two iterations, and was trained on pairs of moves alone: it never saw a single one.
# Tested on single moves with one iteration, do its modules turn out to be the moves that the pairs were made of
# (Figure 6)?

# %% tags=["hide-input", "exhibit:vim-figure-6"]
if shelf.here(VIM2):
    counts = shelf.by_seed(VIM2, "atomic_rule_module_interior")
    figure = heatmaps([Panel(f"VIM-2, seed {seed}", np.array(matrix)) for seed, matrix in counts.items()])
    say(
        "A dark diagonal means: each single move has a module of its own, though none was ever shown.",
        f"Share of ball-steps on it: **{shelf.spoken(VIM2, 'atomic_rule_accuracy_interior')}**.",
    )

# %% [markdown]
# ### Can single moves be told from pairs at all?
#
# All that VIM-2 ever sees is where a ball is after two moves: two steps straight on, one step diagonally, or back where
# it was. Which sets of displacements lead to all of these places, and perhaps to others, in two steps? They can be
# counted: all sets of so many displacements of at most two steps per axis.

# %% tags=["hide-input"]
four, five = bases(4), bases(5)
diagonals = frozenset({(1, 1), (1, -1), (-1, 1), (-1, -1), (0, 0)})
say(
    f"With four modules there is **{len(four)}** such set: {'the four moves' if four == [MOVES_IN_STEPS] else four}.",
    f"With five there are **{len(five)}**; {sum(basis >= MOVES_IN_STEPS for basis in five)} of them are the four moves"
    " and anything as the fifth, the others are not.",
    "The most regular of the others: the four *diagonals* and standing still"
    if diagonals in five
    else "The diagonals are not among them",
    "(left-up, then left-down, is two to the left; left-up and nothing is one step diagonally).",
    "Four modules that fit the pairs would have to be the moves, if every module does the same whatever ran before it.",
    "Five modules can follow every pair of moves without any of them being a move. What then speaks for the moves",
    f"is likelihood alone: diagonals and rest also lead to {len(sums(diagonals) - sums(MOVES_IN_STEPS))} places where",
    "no ball ever is.",
)

# %% [markdown]
# What the modules have become: where one application takes a ball that stands free. Circles mark the four moves.

# %% tags=["hide-input"]
panels, names = {}, []
for entry, name in PAIRS.items():
    for run in shelf.runs(entry):
        config, model = load_model(run.path)
        panels[f"{name}\nseed {run.seed}"] = [dots.numpy() for dots in effects(model, config.world)]
        names.append(range(config.model.modules))


def fitted(run):
    """Whether slots are where their balls are, to within half a step on average."""
    return run.metrics["tracking_error"]["value"] <= run.config["world"].get("step", 4.0) / 2


def became(run, name):
    """What the modules of a run have become, in a sentence."""
    who = f"VIM-2 with {name} (seed {run.seed})"
    made = f"{run.metrics['moves_made']['value']:.0f} of the four moves"
    if not fitted(run):
        off, error = (rounded(run.metrics[metric]["value"]) for metric in ("tracking_error", "error_10_frames"))
        who += (
            f", which has not fitted its world (slots {off} pixels off their balls, error over 10 frames {error} per"
            " frame)"
        )
    found = whole_steps(run.metrics["module_displacements"]["value"])
    if found >= MOVES_IN_STEPS:
        return f"{who}: the four moves, to the nearest step."
    if found == diagonals:
        return f"{who}: the four diagonals and rest, to the nearest step: the other solution, not the moves."
    if found in set(bases(len(found))):
        return f"{who}: another of the sets counted above, {made}."
    return f"{who}: {made}, and, rounded to whole steps, none of the sets counted above."


told = [(run, name) for entry, name in PAIRS.items() for run in shelf.runs(entry) if "moves_made" in run.metrics]
if panels:
    figure = displacements(panels, step=config.world.step, names=names)
    say(*(became(run, name) for run, name in told if "swaps" not in name))
    with_four = [run for run, _ in told if run.config["model"]["modules"] == len(MOVES_IN_STEPS) and fitted(run)]
    say(
        ""
        if with_four
        else "Whether four modules single out the moves is not answered: no run of them has fitted yet.",
        "A single seed shows what can happen, not how often." if len(told) - len(with_four) < 3 else "",
    )

# %% [markdown]
# ### Does a second module do what it does alone?
#
# The count takes for granted that two modules in a row take a ball where the sum of their single displacements would.
# But nothing is drawn between two iterations: a slot may carry the first choice along as a mark that no picture shows,
# and the second module may heed it. Hollow: the sum of what each module does alone; full: where the two in a row take a
# ball, for every ordered pair of modules; colours: the module that goes first. Long lines: the second module's
# effect depends on the first. For comparison, the model that was trained on single moves. Runs that have not fitted
# their world are left out.


# %% tags=["hide-input"]
def in_rows(runs):
    """Every run's pairs of modules beside the sums of the two."""
    rows = {}
    for name, run in runs:
        config, model = load_model(run.path)
        rows[f"{name}\nseed {run.seed}"] = in_a_row(model, config.world)
    return rows


def drawn(rows):
    return sums_and_pairs(
        {name: (row.summed.numpy(), row.together.numpy()) for name, row in rows.items()}, step=config.world.step
    )


def told_apart(rows):
    """How far pairs are from sums, run by run."""
    return (
        "How far two modules in a row end from the sum of the two, median over balls and over pairs, and for the pair"
        " with the largest difference, in pixels (a move is 4): "
        + "; ".join(
            f"{name.replace(chr(10), ', ')}: {rounded(row.off.median().item())} and {rounded(row.off.max().item())}"
            for name, row in rows.items()
        )
        + f". From {min(row.balls for row in rows.values())} or more balls each."
    )


alone = [("single moves, 4 modules", run) for run in shelf.runs(M4)[:1]]
rows_of = in_rows(alone + [(name, run) for run, name in told if "swaps" not in name and fitted(run)])
if rows_of:
    figure = drawn(rows_of)
    say(
        told_apart(rows_of),
        "Where the lines are long, pairs of moves have become words of two letters that mean little alone, and the"
        f" count above does not bind: four modules make {len(MOVES_IN_STEPS) ** 2} such words for the"
        f" {len(sums(MOVES_IN_STEPS))} places that pairs lead to, so even they could follow every pair without any of"
        " them being a move. What VIM-2 lacks, so far as these runs show, is a reason for a module to mean the same in"
        " both iterations."
        if any(row.off.median() > config.world.step / 2 for name, row in rows_of.items() if "single" not in name)
        else "",
    )

# %% [markdown]
# ### A reason to mean the same, and a way there
#
# Two changes of the training, none of the model. *Swaps*: of the choices inferred for two transitions in a row, every
# order must draw the last frame (moves commute, also across frames); that leaves no room for words.
# `models/vim_swaps.py` says how. *Hot first*: in the first part of the training choices have a temperature of 3.
#
# Why both? VIM-2 in miniature shows it (`evaluation/vim_miniature.py`): a table of where each ordered pair of modules
# takes a ball, free choices for each of the nine places where pairs lead, and an error that levels off where balls no
# longer overlap. Each dot is a module of one of many starts: half of what it does twice in a row. Circles mark the
# four moves.


# %% tags=["hide-input"]
def cold(done):
    """Temperature of the choices, by the share of the training that is done."""
    return 1.0


def cooling(done):
    return 3.0 if done < 0.5 else 1.0


with torch.enable_grad():
    small = {
        (m, way): learn(m, heat, swaps)
        for m in (4, 5)
        for way, (heat, swaps) in {
            "as VIM-2": (cold, False),
            "swaps": (cold, True),
            "hot first": (cooling, False),
            "both": (cooling, True),
        }.items()
    }
for m in (4, 5):
    figure = many_starts(
        {
            f"{m} modules, {way}\nfour moves: {100 * found.share:.0f} %": found.single.numpy()
            for (modules, way), found in small.items()
            if modules == m
        }
    )
say(
    f"From {len(small[4, 'both'].off)} starts each; medians of them. As VIM-2 is, five modules draw every pair rightly"
    f" ({small[5, 'as VIM-2'].error.median():.2g} nats per ball) and mean nothing alone: pairs end",
    f"{small[5, 'as VIM-2'].off.median():.1f} moves from the sum of the two. With swaps they add up better",
    f"({small[5, 'swaps'].off.median():.1f}), but most starts stop where displacements make up for each other and",
    f"nothing near is better. With both, pairs are sums ({small[5, 'both'].off.median():.2g}). We read the heat so:",
    "mixtures of all modules have to reach the longest pairs, so modules go to the corners, and these are the moves.",
)

# %% [markdown]
# The models themselves, trained so: the sum of what two modules do alone (hollow) and where the two in a row take a
# ball (full), as above. Runs with swaps alone, then hot ones (the first part of a training), cooled ones (all of it),
# and those that dream after it, of one module at a time: single moves of their own, which no clip of pairs shows.

# %% tags=["hide-input"]
with_swaps = in_rows((name, run) for run, name in told if "swaps" in name)
if with_swaps:
    figure = drawn(with_swaps)
    say(told_apart(with_swaps), *(became(run, name) for run, name in told if "swaps" in name))

# %% tags=["hide-input"]
if any(map(shelf.here, ENDS)):
    counts = {
        f"{name}\nseed {seed}": np.array(matrix)
        for entry, name in ENDS.items()
        for seed, matrix in shelf.by_seed(entry, "atomic_rule_module_interior").items()
    }
    figure = heatmaps([Panel(title, matrix) for title, matrix in counts.items()])
say(
    *(
        f"VIM-2 with {name}: share of ball-steps of single moves, never seen, whose slot picks"
        f" the module of that move: **{shelf.spoken(entry, 'atomic_rule_accuracy_interior')}** (asked: 0.9);"
        f" {shelf.spoken(entry, 'moves_made')} of the four moves made."
        for entry, name in ENDS.items()
        if shelf.here(entry)
    )
)

# %% [markdown]
# ### What was tried on pairs
#
# Every run on pairs that is here: what was changed, and what came of it.

# %% tags=["hide-input"]
TRIED = {
    "tracking_error": "position error (pixels)",
    "error_10_frames": "error per frame, 10 frames",
    "atomic_rule_accuracy_interior": "rule accuracy on single moves",
    "moves_made": "single moves made (of 4)",
}
rows = [
    {"trained with": name, "seed": run.seed}
    | {label: run.metrics[metric]["value"] for metric, label in TRIED.items() if metric in run.metrics}
    for run, name in told
]
if rows:
    display(neat(pd.DataFrame(rows), "pairs", 2))
    cooled = [entry for entry in COOLED if len(shelf.runs(entry)) < 3]
    say(
        "Next in line: three seeds each of hot, then cooled with "
        + " and ".join(COOLED[entry] for entry in cooled)
        + "."
        if cooled
        else ""
    )

# %% [markdown]
# ## All numbers

# %% tags=["hide-input"]
COLUMNS = {
    "composition_tracking_1": "position error, 1 iteration (pixels)",
    "composition_tracking_8": "8 iterations",
    "composition_tracking_halting": "8, halting",
    "composition_error_first": "between two frames, after 1",
    "composition_error_best": "after the best",
    "composition_error_best_in_parity": "after the best of its parity",
    "composition_oscillation": "swing per iteration",
    "atomic_rule_accuracy_interior": "rule accuracy on single moves",
    "moves_made": "single moves that a module makes (of 4)",
}
rows = [
    {"model": run.variant, "seed": run.seed, "profile": run.profile}
    | {label: run.metrics[metric]["value"] for metric, label in COLUMNS.items() if metric in run.metrics}
    for entry in (M4, *PAIRS)
    for run in shelf.runs(entry)
]
table = pd.DataFrame(rows, columns=["model", "seed", "profile", *COLUMNS.values()])
results.save_table("vim_compositionality", table)
measured = table[table["model"] == M4.split("/")[0]].dropna(axis="columns", how="all")
neat(measured.drop(columns="model"), "all", 2) if len(measured) else None

# %% [markdown]
# Remake this page: `rulebook notebooks 12_compositionality --force`; its runs: `make train`.
