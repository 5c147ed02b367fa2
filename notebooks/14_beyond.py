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
#       - vim-m4/torus
#       - vim-m4-brief/atomic
#       - vim-m4-brief/redraw
#       - vim-m4-brief/stay
#       - vim-m4-brief/torus
#       - vim-m4-brief-own-slots/torus
#       - vim-m4-brief/lattice
#       - vim-m4-brief-plain-kl/atomic
#       - vim-m4-brief-tau0.5/atomic
#       - vim-m4-brief-tau2/atomic
#       - vim-m4-brief-from-scratch/atomic
#       - slot-ae/atomic
#     writes: [tables/vim_identifiability.csv, tables/vim_sensitivity.csv, tables/vim_crowd.csv]
# ---

# %% [markdown]
# # Beyond the paper: when are rules found?
#
# Five questions that the paper {cite}`vim2022` leaves open. When can rules be identified at all? Are the learned
# futures the right ones? What does the training need? What is a sample worth? Does it work with more balls? (A sixth,
# whether a model can learn to see from its own dreams, is answered in {doc}`11_interpretability`.)

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch

from rulebook.clips import MOVES
from rulebook.evaluation.evaluate import load_model
from rulebook.evaluation.vim import FOUND
from rulebook.evaluation.vim_live import (
    AT_A_WALL,
    around_the_edge,
    crowd,
    futures,
    places,
    sampled_at_walls,
    sharpness_parts,
    watch,
    world_futures,
)
from rulebook.figures.curves import Curve, lines_of_seeds, seed_curves
from rulebook.figures.heatmaps import Panel, heatmaps, module_order
from rulebook.figures.places import Choices, choice_maps
from rulebook.figures.seeds import Measure, move_bars, seed_points
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import MUTED, SLOT_COLOURS, use_house_style
from rulebook.measures.rules import hungarian, rule_accuracy
from rulebook.publishing.pages import Shelf, neat, say, spoken
from rulebook.publishing.values import rounded
from rulebook.publishing.vim_facts import as_far_as_seeds, at_the_edge, beside_the_border, border_accuracy, listed
from rulebook.results import Results
from rulebook.training.config import Training

use_house_style()
_ = torch.set_grad_enabled(False)
results = Results()
M4 = "vim-m4-dreams-on/atomic"
BRIEF = "vim-m4-brief/atomic"
TORUS, OWN = "vim-m4-brief/torus", "vim-m4-brief-own-slots/torus"
WORLDS = {
    BRIEF: "reflect",
    "vim-m4-brief/redraw": "redraw",
    "vim-m4-brief/stay": "stay",
    TORUS: "torus",
    OWN: "torus, own slots",
    "vim-m4-brief/lattice": "reflect, lattice",
}
FULL = {"vim-m4/atomic": "reflect, full schedule", "vim-m4/torus": "torus, full schedule"}
SCRATCH = "vim-m4-brief-from-scratch/atomic"
TRAININGS = {
    BRIEF: "as shipped",
    "vim-m4-brief-plain-kl/atomic": "no KL warm-up",
    "vim-m4-brief-tau0.5/atomic": "temperature 0.5",
    "vim-m4-brief-tau2/atomic": "temperature 2",
    SCRATCH: "no slot stage",
}
shelf = Shelf(results, *dict.fromkeys([M4, *FULL, *WORLDS, *TRAININGS]))
say(shelf.missing(), shelf.made_by())

# %% [markdown]
# ## When are rules identifiable?
#
# Where a move cannot happen, the module of that move has nothing to explain there, and no data keep it from meaning
# something else. So the border rule of the world may decide. It may turn an impossible move into its opposite
# (*reflect*), draw again among the possible ones (*redraw*), drop it (*stay*), or have no border (*torus*). And since
# a module is a function of the slot, position included, start positions may matter: on a *lattice* whole columns never
# meet. On the torus balls begin away from the edge, since a ball that is seen in two parts has its centre where it is
# not, and slots are matched to balls by centres in the first frame.

# %% tags=["hide-input"]
for entry, name in ((M4, "after dreams"), ("vim-m4/atomic", "by the bound alone")):
    at_border = {run.seed: border_accuracy(run.metrics, "_search") for run in shelf.runs(entry)}
    at_border = {seed: share for seed, share in at_border.items() if share is not None}
    if at_border:
        inside = shelf.by_seed(entry, "rule_accuracy_search")
        say(
            {
                "higher": "On the full schedule, with *reflect*, modules mean the same moves at the border",
                "about the same": "On the full schedule, with *reflect*, modules mean the same moves at the border",
                "lower": "On the full schedule, with *reflect*, modules mean less at the border than inside",
                "mixed": "On the full schedule, with *reflect*, seeds differ in what modules mean at the border",
            }[beside_the_border(inside, at_border)]
            + f" ({name}): of the steps on which some move is impossible, the module of the true move, found by search,"
            f" explains {spoken(list(at_border.values()))}; of the others, {spoken(list(inside.values()))}."
        )

# %% [markdown]
# Five worlds (the torus twice: *own slots* are told of below), and more seeds than time has allowed so far, so the
# schedule is a shorter one, the same for all. What is asked here is what modules mean, not whether slots hold on to
# their balls; so modules are chosen by *search*: all of them are drawn, and those count that draw the next frame best
# ({doc}`../../vim_code`). No truth and no posterior takes part.

# %% tags=["hide-input"]
there = {entry: name for entry, name in WORLDS.items() if shelf.here(entry)}
if there:
    measures = [
        Measure("rule accuracy, all four moves possible", shelf.groups("rule_accuracy_search", there), share=True),
        Measure("rule accuracy, all steps", shelf.groups("rule_accuracy_search_all", there), share=True),
    ]
    figure = seed_points(measures, width=4.2, tilt=True)
    say(
        "Left: where every move may happen. Right: border included. Where the right is lower, the border hides rules.",
        *(
            f"{name}: {spoken(list(shelf.by_seed(entry, 'rule_accuracy_search').values()))} inside,"
            f" {spoken(list(shelf.by_seed(entry, 'rule_accuracy_search_all').values()))} in all."
            for entry, name in there.items()
        ),
    )

# %% [markdown]
# The matrices behind it, every seed of every world: steps with all four moves possible above, the others below, both
# in the same order of modules; the torus has no others.

# %% tags=["hide-input"]
ACROSS = 4
walked = [(name, run) for entry, name in there.items() for run in shelf.runs(entry)]
free = {run.path: np.array(run.metrics["rule_module_search_interior"]["value"]) for _, run in walked}
shut = {run.path: np.array(run.metrics["rule_module_search_all"]["value"]) - free[run.path] for _, run in walked}
bordered = [(name, run) for name, run in walked if shut[run.path].sum()]
borderless = [(name, run) for name, run in walked if not shut[run.path].sum()]
for group in (bordered, borderless):
    for first in range(0, len(group), ACROSS):
        panels = [
            Panel(f"{name}\nseed {run.seed}: {where}", counts[run.path][:, module_order(free[run.path])])
            for where, counts in (("inside", free), ("at the border", shut))
            for name, run in group[first : first + ACROSS]
            if counts[run.path].sum()
        ]
        own = [f"m{i + 1}" for i in range(panels[0].counts.shape[1])]
        figure = heatmaps(panels, across=len(group[first : first + ACROSS]), columns=own, cell=0.55)

# %% tags=["hide-input"]
FALLS = 0.05
"""Share of ball-steps by which accuracy may be lower at the border and still count as the same modules."""
beside = {
    (name, run.seed): (run.metrics["rule_accuracy_search"]["value"], border_accuracy(run.metrics, "_search"))
    for name, run in walked
}
beside = {key: (inside, border) for key, (inside, border) in beside.items() if border is not None}
if beside:
    falls = {key: inside - border for key, (inside, border) in beside.items()}
    (name, seed), most = max(falls.items(), key=lambda item: item[1])
    say(
        "A diagonal above and none below would mean: learned where it can be learned, arbitrary elsewhere.",
        "Of the steps at the border, the modules that were matched inside explain "
        + ", ".join(f"{border:.3f} ({name}, seed {seed})" for (name, seed), (_, border) in beside.items())
        + ".",
        f"Farthest below its inside: {name}, seed {seed}, by {most:.3f}.",
        "So in none of these worlds does a module that is free at the border come to mean something else there, though"
        " nothing in the data forbids it. It can: in a prototype on a grid of six by six places, trained on clips of"
        " four frames, it did. What keeps it from happening here was not looked for; longer clips, in which a ball must"
        " leave the border by the modules it came with, are one difference."
        if most <= FALLS
        else f"A fall of more than {FALLS} means that modules took another meaning there.",
    )

# %% [markdown]
# And where. Every dot is a ball before its move; the columns are the true moves; the colour is the module that was
# chosen. Outside the dotted square one move, at least, is impossible. Every seed.

# %% tags=["hide-input"]
maps = []
for name, run in walked:
    config, model = load_model(run.path)
    seen = watch(model, config.world, 96, length=12, search=True)
    spots = places(seen)
    low, high = config.world.range_of(config.world.radius[1])
    step = config.world.step
    maps.append(
        Choices(
            f"{name}\nseed {run.seed}",
            spots.positions.numpy(),
            spots.moves.numpy(),
            spots.modules.numpy(),
            module_order(np.array(run.metrics["rule_module_search_interior"]["value"])),
            None if config.world.border == "torus" else (low + step, high - step),
        )
    )
if maps:
    figure = choice_maps(maps, size=config.world.size)
    say(
        "A map in one colour is a move with one module. Other colours along one edge would mean that the module of a",
        "move that is impossible there took over.",
    )

# %% [markdown]
# ### On a torus, what is hard?
#
# Without a border every move is always possible, but a ball may leave on one side and come back on the other, and on
# its way there it is seen in two parts. The slot stage that the other variants share has seen neither: its stills are
# those of the world with a border. *Own slots* are those of a slot stage on stills of the torus, where balls lie across
# the edge too; all else is the same. The full schedule begins with these as well. Here every ball-step is sorted by
# what the ball has been through.

# %% tags=["hide-input"]
EYES = {TORUS: "shared slots", OWN: "own slots", "vim-m4/torus": "own slots, full schedule"}
stages, films = {}, []
for entry, eyes in EYES.items():
    for run in shelf.runs(entry):
        config, model = load_model(run.path)
        seen = watch(model, config.world, 96, length=12, search=True)
        matched = hungarian(seen.counts())
        for stage, counts in around_the_edge(seen, config.world).items():
            stages.setdefault(stage, {}).setdefault(eyes, {})[run.seed] = rule_accuracy(counts, matched)
        if run.seed == shelf.runs(entry)[0].seed:
            films = films or [Row("truth", seen.clip.frames[0])]
            films.append(Row(eyes, seen.rollout.frames[0], given=1))
if stages:
    first, *_, last = stages
    measures = [
        Measure(stage, by_eyes, {"found": FOUND} if stage == last else {}, share=True)
        for stage, by_eyes in stages.items()
    ]
    figure = seed_points(measures, width=2.4, tilt=True)
    say(
        "Rule accuracy, searched.",
        *(
            f"{stage.capitalize()}: "
            + "; ".join(f"{eyes}, {spoken(list(by_seed.values()))}" for eyes, by_seed in by_eyes.items())
            + "."
            for stage, by_eyes in stages.items()
        ),
        at_the_edge(
            *({eyes: list(by_seed.values()) for eyes, by_seed in stages[stage].items()} for stage in (first, last)),
            FOUND,
        ),
    )
    crossed = {eyes: float(np.mean(list(by_seed.values()))) for eyes, by_seed in stages[last].items()}
    if {"shared slots", "own slots"} <= crossed.keys():
        gain = crossed["own slots"] - crossed["shared slots"]
        say(
            f"On the other side, slots that have met balls in two parts bring {gain:+.2f}.",
            "So it is not the slot stage that is lacking. Whether modules cannot learn to carry a ball across, or were"
            " not trained for long enough, this does not tell."
            if crossed["own slots"] < FOUND and gain < 0.1
            else "",
        )

# %% tags=["hide-input"]
if films:
    figure = film_strip(films, size=0.8)
    say("The first test clip, first seeds: the truth, and what the modules make of it that draw each frame best.")

# %% [markdown]
# ### In numbers
#
# All seeds, and what the posterior makes of the same weights; last, what was trained on the full schedule.

# %% tags=["hide-input"]
KINDS = {
    "rule_accuracy_search": "searched, interior",
    "rule_accuracy_search_all": "searched, all steps",
    "rule_accuracy_interior": "posterior, interior",
    "rule_accuracy_all": "posterior, all steps",
    "error_10_frames": "error per frame, 10 frames",
}
rows = [
    {
        "world": name,
        "seed": run.seed,
        "profile": run.profile,
        **{label: run.metrics[metric]["value"] for metric, label in KINDS.items()},
    }
    for entry, name in (WORLDS | FULL).items()
    for run in shelf.runs(entry)
    if KINDS.keys() <= run.metrics.keys()
]
identifiability = pd.DataFrame(rows, columns=["world", "seed", "profile", *KINDS.values()])
results.save_table("vim_identifiability", identifiability)
neat(identifiability, "worlds")

# %% [markdown]
# ## Is the learned future the right one?
#
# From one frame, the model makes up the next nine. Away from the border each of the four moves should come up in a
# quarter of the steps. Bars: shares with 95 % intervals, every seed.

# %% tags=["hide-input"]
drawn = shelf.by_seed(M4, "sampled_moves")
if drawn:
    bars = {f"seed {seed}": counts for seed, counts in drawn.items()}
    figure = move_bars(bars, [*MOVES, "no move"], truth=[0.25] * len(MOVES) + [0])
    ends = shelf.by_seed(M4, "sampled_moves_tv_interval")
    say(
        "Bars that stand alike and reach the dashed line: the model knows how likely each move is.",
        f"Total variation from the truth: **{shelf.spoken(M4, 'sampled_moves_tv')}**;",
        "95 % intervals per seed: " + "; ".join(f"{low:.3f} to {high:.3f}" for low, high in ends.values()) + ".",
    )

# %% [markdown]
# And at the border? Where one move is impossible, the world turns it into its opposite: a ball should go away from
# that wall in half of the steps, along it in the other half, and never into it. Whether a ball is at a wall is read
# off the model's own picture; balls in corners, and those for which half a pixel would make a difference, are left out.

# %% tags=["hide-input"]
walls = {}
for run in shelf.runs(M4):
    config, model = load_model(run.path)
    made = sampled_at_walls(model, config.world, 96) if config.world.border == "reflect" else None
    walls |= {run.seed: made} if made else {}
if walls:
    bars = {f"seed {seed}": made.counts for seed, made in walls.items()}
    figure = move_bars(bars, list(AT_A_WALL), truth=[*AT_A_WALL.values()])
    shares = np.array([np.array(made.counts) / sum(made.counts) for made in walls.values()])
    say(
        f"At a wall, total variation from the truth: {spoken([made.off for made in walls.values()])}; 95 % intervals"
        " per seed: " + "; ".join("{:.3f} to {:.3f}".format(*made.interval) for made in walls.values()) + ".",
        f"({min(sum(made.counts) for made in walls.values())} or more steps per seed.)",
        f"Away from the wall: {spoken(shares[:, 0].tolist())}; into it: {spoken(shares[:, 2].tolist())}.",
        "No claim reads these.",
    )

# %% [markdown]
# ## What is a sample worth?
#
# A single sample of a random walk is wrong almost surely. If samples are diverse and sharp, the best of many comes
# closer to what happened. Left to right: more samples of the same clips. How close can it come? *The world itself*
# draws further walks from the same first states, and is held against the same clips. A dotted line marks what copying
# the first frame scores.

# %% tags=["hide-input"]
SAMPLES, LENGTH = 32, 6
ahead = {}
for run in shelf.runs(M4):
    config, model = load_model(run.path)
    ahead[run.seed] = futures(model, config.world, 16, SAMPLES, LENGTH)
if ahead:
    steps = [1, 2, 4, 8, 16, 32]
    some = next(iter(ahead.values())).clip.frames
    still = float((some[:, 1:] - some[:, :1]).square().sum(dim=(-3, -2, -1)).mean())
    curve = Curve(
        "VIM, best of n", {seed: [told.best_of(n) for n in steps] for seed, told in ahead.items()}, SLOT_COLOURS[0]
    )
    itself = world_futures(config.world, next(iter(ahead.values())).clip, 10 * SAMPLES)
    world_curve = Curve("the world itself", {0: [itself.best_of(n) for n in steps]}, MUTED)
    figure = seed_curves(
        [curve, world_curve],
        steps,
        xlabel=f"samples n ({LENGTH - 1} predicted frames)",
        ylabel="error of the best (per frame)",
        levels={"first frame, copied": still},
    )
    figure.axes[0].set_xscale("log", base=2)
    figure.axes[0].set_xticks(steps, [str(n) for n in steps])
    first, last = (np.mean([line[place] for line in curve.by_seed.values()]) for place in (0, -1))
    truth = world_curve.by_seed[0]
    say(
        f"From 1 to {SAMPLES} samples the error of the best falls from {rounded(first)} to {rounded(last)}, to"
        f" {last / first:.2f} of its value; for walks of the world itself from {rounded(truth[0])} to"
        f" {rounded(truth[-1])}, to {truth[-1] / truth[0]:.2f}.",
        f"So {SAMPLES} samples do not come close to what happened, nor would those of the world."
        if truth[-1] > truth[0] / 2
        else "",
        f"VIM's best lies {100 * abs(last / truth[-1] - 1):.0f} % {'above' if last > truth[-1] else 'below'} the"
        f" world's ({len(itself.clip.frames)} clips).",
    )

# %% [markdown]
# And how sharp? A single sample is as sharp whether or not others are drawn beside it; the mean of n is not. Left to
# right, more samples again, then frame by frame.

# %% tags=["hide-input"]
if ahead:
    single = {seed: [told.sharpness_of_means(1)] * len(steps) for seed, told in ahead.items()}
    means = {seed: [told.sharpness_of_means(n) for n in steps] for seed, told in ahead.items()}
    figure = seed_curves(
        [Curve("a single sample", single, SLOT_COLOURS[0]), Curve("the mean of n", means, SLOT_COLOURS[1])],
        steps,
        xlabel=f"samples n ({LENGTH - 1} predicted frames)",
        ylabel="sharpness (1: as the true frames)",
        levels={"true frames": 1.0},
    )
    figure.axes[0].set_xscale("log", base=2)
    figure.axes[0].set_xticks(steps, [str(n) for n in steps])
    kept = [line[-1] / single[seed][0] for seed, line in means.items()]
    say(f"The mean of {SAMPLES} keeps {spoken(kept)} of the sharpness of a single one.")

# %% tags=["hide-input"]
if ahead:
    curves = [
        Curve("single samples", {seed: told.sharpness for seed, told in ahead.items()}, SLOT_COLOURS[0]),
        Curve(f"mean of {SAMPLES} samples", {seed: told.blurred for seed, told in ahead.items()}, SLOT_COLOURS[1]),
    ]
    figure = seed_curves(
        curves,
        range(2, LENGTH + 1),
        xlabel="frame",
        ylabel="sharpness (1: as the true frames)",
        levels={"true frames": 1.0},
    )
    figure.axes[0].set_xticks(range(2, LENGTH + 1))
    say(
        "Single samples near 1 are as sharp as true frames;",
        "their mean is what a model that must name *one* future would draw.",
        f"Sharpness of samples on the test clips: {shelf.spoken(M4, 'sample_sharpness')};",
        f"of what the posterior draws of frames that it sees: {shelf.spoken(M4, 'reconstruction_sharpness')}.",
        "Drawing a future costs no sharpness beyond that."
        if np.mean(list(shelf.by_seed(M4, "sample_sharpness").values()))
        >= np.mean(list(shelf.by_seed(M4, "reconstruction_sharpness").values()))
        else "Drawing a future costs some more.",
    )

# %% [markdown]
# What falls short of the true frames, then: the drawing, or what moving does to slots? The same test clips, three
# ways: the first frame, whose slots are just discovered; frames 2 to 10, each *discovered anew* from that frame alone,
# so that no module has touched its slots; and the same frames after the moves that the posterior chose.

# %% tags=["hide-input"]
parts = {}
for run in shelf.runs(M4):
    config, model = load_model(run.path)
    parts[run.seed] = sharpness_parts(model, config.world, 32)
if parts:
    groups = {name: {seed: part[name] for seed, part in parts.items()} for name in next(iter(parts.values()))}
    figure = seed_points([Measure("sharpness (1: as the true frames)", groups, {"true frames": 1.0})], width=4.6)
    anew, moved = (np.mean(list(groups[name].values())) for name in ("discovered anew", "moved by modules"))
    say(
        *(f"{name.capitalize()}: {spoken(list(values.values()))}." for name, values in groups.items()),
        f"So of the {1 - moved:.3f} that frames 2 to 10 lack, {1 - anew:.3f} are lacking without any move, from"
        f" discovery and drawing; the other {anew - moved:.3f} are what the moves do to slots."
        if moved < anew < 1
        else "Moving slots costs no sharpness here.",
    )

# %% [markdown]
# The futures themselves: the truth, the sample that came closest, and the first ones drawn.

# %% tags=["hide-input"]
if ahead:
    seed, told = next(iter(ahead.items()))
    best = int(told.errors[:, 0].argmin())
    rows = [Row("truth", told.clip.frames[0]), Row("closest sample", told.frames[best, 0], given=1)]
    rows += [Row(f"sample {i + 1}", told.frames[i, 0], given=1) for i in range(4)]
    rows.append(Row(f"mean of {SAMPLES}", told.frames[:, 0].mean(dim=0), given=1))
    figure = film_strip(rows, size=0.9)
    say(f"Seed {seed}. Every sample should be a possible walk of three whole balls; the last row is their mean.")

# %% [markdown]
# ## What does the training need?
#
# Ours warms up the weights of the KL terms: module choices are cheap at first and the Gaussian dear, until both weigh
# one. The paper does not say that it does. Beside it: the evidence lower bound with both weights at one throughout,
# other temperatures of the Gumbel-softmax, and a training that skips the slot stage (A.2). All of them follow the
# shorter schedule, and are to be compared with each other alone.

# %% tags=["hide-input"]
tried = {entry: name for entry, name in TRAININGS.items() if shelf.here(entry)}
if tried:
    measures = [
        Measure("rule accuracy, searched", shelf.groups("rule_accuracy_search", tried), {"found": FOUND}, share=True),
        Measure("Gaussian KL (nats per frame)", shelf.groups("gaussian_kl", tried)),
        Measure("error per frame, 10 frames", shelf.groups("error_10_frames", tried)),
    ]
    figure = seed_points(measures, width=3.2, tilt=True)
    found = {name: shelf.by_seed(entry, "rules_found") for entry, name in tried.items()}
    late = [
        f"*{name}*, seed {seed} (accuracy {steps[0]:.2f})"
        for entry, name in tried.items()
        for seed, steps in shelf.by_seed(entry, "rule_accuracy_search_by_step").items()
        if found[name][seed] and steps[0] < FOUND
    ]
    say(
        "Seeds that find all four rules (accuracy of at least 0.95, modules searched by drawing them):",
        "; ".join(f"{name}: {sum(values.values())} of {len(values)}" for name, values in found.items()) + ".",
        f"Not from the first step on, though, with {listed(late)}: there, on slots just discovered, some modules"
        " do something else than later on."
        if late
        else "",
        "Where accuracy is low and Gaussian KL high, the Gaussian hides the rules.",
    )

# %% tags=["hide-input"]
COLUMNS = {
    "rule_accuracy_search": "rule accuracy, searched",
    "rule_accuracy_interior": "rule accuracy, posterior",
    "rules_found": "rules found (0 or 1)",
    "gaussian_kl": "Gaussian KL (nats per frame)",
    "module_kl": "module KL (nats per frame)",
    "error_10_frames": "error per frame, 10 frames",
    "negative_elbo": "negative ELBO (nats per frame)",
}
rows = [
    {"training": name, "seed": run.seed, "profile": run.profile}
    | {label: run.metrics[metric]["value"] for metric, label in COLUMNS.items() if metric in run.metrics}
    for entry, name in TRAININGS.items()
    for run in shelf.runs(entry)
]
sensitivity = pd.DataFrame(rows, columns=["training", "seed", "profile", *COLUMNS.values()])
results.save_table("vim_sensitivity", sensitivity)
neat(sensitivity, "training") if rows else None

# %% [markdown]
# ### Slots first?
#
# Appendix A.2 says that training the slots first stabilises and speeds up what follows. The error on validation clips
# against *all* frames that a model has seen, those of the slot stage included.

# %% tags=["hide-input"]


def frames_seen(run, steps):
    """Frames seen in training after so many steps."""
    training = Training.model_validate(run.config["training"])
    per_step = [stage.frames * stage.batch for stage in map(training.stage_at, range(training.steps))]
    total = np.concatenate([[0], np.cumsum(per_step)])
    return total[np.minimum(steps, training.steps)]


def learning(entry):
    """Seed -> (millions of frames seen, validation error)."""
    lines = {}
    for run in shelf.runs(entry):
        history = run.history
        if not len(history) or "split" not in history:
            continue
        rows = history[history["split"] == "validation"]
        before = 0.0
        if run.config.get("start_from"):
            stage = next((other for other in results.all if other.name == run.config["start_from"]), None)
            before = float(frames_seen(stage, np.array([10**9]))[0]) if stage else 0.0
        lines[run.seed] = ((before + frames_seen(run, rows["step"].to_numpy())) / 1e6, rows["error"].to_numpy())
    return lines


pairs = {"slots first": (BRIEF, SLOT_COLOURS[0]), "no slot stage": (SCRATCH, SLOT_COLOURS[1])}
lines = {label: (learning(entry), colour) for label, (entry, colour) in pairs.items()}
if any(found for found, _ in lines.values()):
    figure = lines_of_seeds(
        {label: (list(found.values()), colour) for label, (found, colour) in lines.items()},
        xlabel="frames seen in training, slot stage included (millions)",
        ylabel="validation error per frame",
    )
    ends = [
        f"{label}: {shelf.spoken(entry, 'negative_elbo')}, rules found by"
        f" {sum(shelf.by_seed(entry, 'rules_found').values())} of {len(shelf.by_seed(entry, 'rules_found'))}"
        for label, (entry, _) in pairs.items()
        if shelf.by_seed(entry, "rules_found")
    ]
    say(
        "The line that is lower at the same place on the axis learned more from the same number of frames.",
        f"In the end, negative ELBO on the test clips (nats per frame), {'; '.join(ends)}." if ends else "",
        "With fewer than three seeds on a side this tells what may happen, not what does as a rule."
        if min(len(shelf.runs(entry)) for entry in (BRIEF, SCRATCH)) < 3
        else "",
    )

# %% [markdown]
# ## More balls, fewer balls
#
# The weights were trained with three balls and four slots. All slots start as draws from one distribution, so their
# number may change: here 2, 4 and 5 balls, always with one slot more, live from the weights.

# %% tags=["hide-input"]
rows, strips = [], []
for run in shelf.runs(M4):
    config, model = load_model(run.path)
    for balls in (2, 3, 4, 5):
        seen, numbers = crowd(model, config.world, balls, 32)
        rows.append({"balls": balls, "seed": run.seed, **numbers})
        if run is shelf.runs(M4)[0]:
            strips.append(Row(f"{balls} balls", seen.clip.frames[0], given=10))
            strips.append(Row("model", seen.rollout.frames[0]))
kinds = [
    "rule accuracy, interior",
    "position error (pixels)",
    "balls without a slot of their own",
    "error per frame and ball",
]
table = pd.DataFrame(rows, columns=["balls", "seed", *kinds])
results.save_table("vim_crowd", table)
if rows:
    groups = {
        kind: {str(balls): dict(zip(part["seed"], part[kind], strict=True)) for balls, part in table.groupby("balls")}
        for kind in kinds[:3]
    }
    measures = [Measure(kind, values, share=kind != kinds[1]) for kind, values in groups.items()]
    figure = seed_points(measures, xlabel="balls", width=2.9)
    usual, others = "3", ("2", "4", "5")
    told = {
        kind: {str(balls): dict(zip(part["seed"], part[kind], strict=True)) for balls, part in table.groupby("balls")}
        for kind in kinds
    }
    rising = {kinds[0]: True, kinds[1]: False, kinds[3]: False}
    alike = [n for n in others if all(as_far_as_seeds(told[k][n], told[k][usual], up) for k, up in rising.items())]
    say(
        f"With {listed(alike)} balls it does as well as with {usual}: no mean is worse than the worst seed there."
        if alike
        else "",
        *(
            f"With {n} it does worse: "
            + "; ".join(
                f"{kind} {rounded(float(np.mean(list(told[kind][n].values()))))}"
                f" ({usual}: {rounded(float(np.mean(list(told[kind][usual].values()))))})"
                for kind in rising
            )
            + "."
            for n in others
            if n not in alike
        ),
    )

# %% tags=["hide-input"]
if strips:
    figure = film_strip(strips, size=0.7)
    say("Truth and inference, first test clip of each number; balls that start close together are the hard case.")

# %% [markdown]
# Remake this page: `rulebook notebooks 14_beyond --force`; its runs: `make train`.
