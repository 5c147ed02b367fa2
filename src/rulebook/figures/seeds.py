"""Numbers of several seeds: every seed a point, beside it the mean and its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rulebook.figures.curves import logarithmic
from rulebook.figures.style import INK, MUTED, SEED_COLOURS
from rulebook.measures.intervals import mean_interval

BySeed = Mapping[int, float]

LEVEL_LETTERS, TICK_LETTERS = 18, 12
"""Where the name of a level, to the right of the axis, and that of a group, below it, break into lines."""


@dataclass(frozen=True)
class Measure:
    """One axis of points: what is measured, and per group the value of every seed."""

    label: str
    groups: Mapping[str, BySeed]
    levels: Mapping[str, float] = field(default_factory=dict)
    """Named values to compare to, drawn as dashed lines."""
    zero: bool = True
    """Whether the axis begins at zero."""
    log: bool = False
    share: bool = False
    """Whether values are shares, whose axis ends at 1."""


def seed_points(measures: Sequence[Measure], *, xlabel: str = "", width: float = 2.6, tilt: bool = False) -> Figure:
    """One axis per measure; groups from left to right."""
    most = max(len(measure.groups) for measure in measures)
    size = (max(width, 0.42 * most + 0.9) * len(measures), 2.9)
    figure, axes = plt.subplots(1, len(measures), figsize=size, squeeze=False)
    for axis, measure in zip(axes[0], measures, strict=True):
        _points(axis, measure, wrapped=not tilt)
        axis.set_xlabel(xlabel)
        if tilt:
            axis.tick_params(axis="x", labelrotation=35)
            plt.setp(axis.get_xticklabels(), ha="right", rotation_mode="anchor")
    seeds = sorted({seed for measure in measures for values in measure.groups.values() for seed in values})
    marks = [Line2D([], [], marker="o", linestyle="", color=seed_colour(seed), label=f"seed {seed}") for seed in seeds]
    marks.append(Line2D([], [], color=INK, marker="_", markersize=9, label="mean, 95 % interval"))
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.legend(handles=marks, loc="lower center", ncols=len(marks), fontsize=8, handletextpad=0.3, columnspacing=1)
    return figure


def seed_colour(seed: int) -> str:
    return SEED_COLOURS[seed % len(SEED_COLOURS)]


def _points(axis: Axes, measure: Measure, wrapped: bool) -> None:
    for x, values in enumerate(measure.groups.values()):
        spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
        for shift, (seed, value) in zip(spread, sorted(values.items()), strict=True):
            axis.plot(x + shift - 0.08, value, "o", color=seed_colour(seed), markersize=5, alpha=0.9)
        mean, low, high = mean_interval(list(values.values()))
        axis.plot(x + 0.2, mean, "_", color=INK, markersize=9, markeredgewidth=1.6)
        if low == low:
            axis.plot([x + 0.2] * 2, [low, high], color=INK, linewidth=1.2)
    for name, level in measure.levels.items():
        axis.axhline(level, color=MUTED, linewidth=1, linestyle="--")
        beside = fill(name, LEVEL_LETTERS)
        axis.annotate(
            beside, (1.02, level), xycoords=("axes fraction", "data"), ha="left", va="center", color=MUTED, size=8
        )
    axis.set_xticks(
        range(len(measure.groups)), [fill(name, TICK_LETTERS) if wrapped else name for name in measure.groups]
    )
    axis.set_xlim(-0.5, len(measure.groups) - 0.5)
    axis.grid(axis="x", visible=False)
    axis.set_title(measure.label, fontsize=9)
    if measure.log:
        logarithmic(axis)
        axis.set_ylabel("log scale", fontsize=8)
    elif measure.share:
        axis.set_ylim(0, 1.04)
    elif measure.zero:
        axis.set_ylim(0, max(1.05 * axis.get_ylim()[1], 1e-9))


def stacked_shares(
    groups: Mapping[str, Mapping[int, Sequence[float]]], *, expected: int | None = 4, what: str = "module"
) -> Figure:
    """Per group and seed one bar: the shares of all modules, largest first; those beyond ``expected`` in red."""
    bars = [(group, seed, shares) for group, seeds in groups.items() for seed, shares in sorted(seeds.items())]
    figure, axis = plt.subplots(figsize=(7.2, 0.27 * len(bars) + 0.95))
    blues = ["#003a5d", "#0072b2", "#56a0d0", "#a8cfea"]
    reds = ["#d1495b", "#e58a96", "#f3c1c8"]
    y, ticks = 0.0, []
    last = None
    for group, seed, shares in bars:
        y += 0.35 if last not in (None, group) else 0
        last = group
        begin = 0.0
        for rank, share in enumerate(shares):
            usual = expected is None or rank < expected
            colour = blues[rank % len(blues)] if usual else reds[(rank - (expected or 0)) % len(reds)]
            axis.barh(y, share, left=begin, height=0.8, color=colour, edgecolor="white", linewidth=0.6)
            begin += share
        ticks.append((y, f"{group}, seed {seed}"))
        y += 1
    axis.set_yticks([place for place, _ in ticks], [name for _, name in ticks])
    axis.invert_yaxis()
    beyond = "" if expected is None else f"; red: beyond the first {expected}"
    axis.set(xlim=(0, 1), xlabel=f"share of all ball-steps, most used {what} first{beyond}")
    axis.grid(axis="y", visible=False)
    figure.tight_layout()
    return figure


def move_bars(counts: Mapping[str, Sequence[int]], names: Sequence[str], *, truth: Sequence[float]) -> Figure:
    """Shares of sampled moves, one bar per move and run, with 95 % binomial intervals and the true shares as lines."""
    figure, axis = plt.subplots(figsize=(6.8, 3.1))
    width = 0.8 / len(counts)
    for i, (label, values) in enumerate(counts.items()):
        total = sum(values)
        share = np.array(values) / total
        half = 1.96 * np.sqrt(share * (1 - share) / total)
        place = np.arange(len(names)) + (i - (len(counts) - 1) / 2) * width
        axis.bar(place, share, width * 0.92, color=seed_colour(i), alpha=0.75, label=label)
        axis.errorbar(place, share, half, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    for i, true in enumerate(truth):
        label = "" if i else "true share"
        axis.plot([i - 0.5, i + 0.5], [true] * 2, color=INK, linewidth=1.2, linestyle="--", label=label)
    axis.set_xticks(range(len(names)), names)
    axis.set(ylabel="share of sampled ball-steps", ylim=(0, None))
    axis.grid(axis="x", visible=False)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, fontsize=8)
    figure.tight_layout()
    return figure
