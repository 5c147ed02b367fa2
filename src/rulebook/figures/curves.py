"""Curves over steps, frames or iterations: every seed drawn, none averaged away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from rulebook.figures.style import INK, MUTED, SEED_COLOURS
from rulebook.measures.intervals import mean_interval


def logarithmic(axis: Axes) -> None:
    """A logarithmic y axis that says so, with plain numbers at round ticks: in equal steps where it spans little."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    subs = (1, 2, 3, 5, 7) if high < 30 * low else (1, 2, 5)
    axis.yaxis.set_major_locator(MaxNLocator(6) if high < 3 * low else LogLocator(subs=subs))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_ylim(low, high)
    axis.set_ylabel(f"{axis.get_ylabel()}\n(log scale)")


def learning_curves(
    history: pd.DataFrame,
    column: str,
    *,
    label: str,
    levels: Mapping[str, float] | None = None,
    marks: Mapping[int, Sequence[int]] | None = None,
    stages: Mapping[int, str] | None = None,
    split: str = "validation",
) -> Figure:
    """``column`` of the histories against training steps, one line per seed, with named levels to compare to.

    ``marks``: seed -> steps at which a triangle stands on its line. ``stages``: step at which a stage of the training
    begins -> its name, on a line of its own from top to bottom.
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    chosen = history[history["split"] == split]
    for seed, rows in chosen.groupby("seed"):
        colour = SEED_COLOURS[int(seed) % len(SEED_COLOURS)]  # type: ignore[call-overload]
        axis.plot(rows["step"], rows[column], color=colour, linewidth=1.4, label=f"seed {seed}")
        marked = rows[rows["step"].isin((marks or {}).get(int(seed), []))]  # type: ignore[call-overload]
        axis.plot(marked["step"], marked[column], "v", color=colour, markeredgecolor=INK, markersize=8)
    for name, value in (levels or {}).items():
        axis.axhline(value, color=MUTED, linewidth=1, linestyle="--")
        axis.annotate(name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=MUTED)
    for begin, name in (stages or {}).items():
        axis.axvline(begin, color=MUTED, linewidth=0.8, linestyle=":")
        axis.annotate(name, (begin, 1.01), xycoords=("data", "axes fraction"), color=MUTED, size=7)
    axis.set(xlabel="training step", ylabel=label)
    logarithmic(axis)
    axis.legend(loc="upper right")
    figure.tight_layout()
    return figure


@dataclass(frozen=True)
class Curve:
    """One line of a plot: all seeds of one way of doing things."""

    label: str
    by_seed: Mapping[int, Sequence[float]]
    colour: str
    dashed: bool = False
    dotted: bool = False

    @property
    def style(self) -> str:
        return ":" if self.dotted else "--" if self.dashed else "-"


def seed_curves(
    curves: Sequence[Curve],
    x: Sequence[float],
    *,
    xlabel: str,
    ylabel: str,
    levels: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    log: bool = False,
    size: tuple[float, float] = (6.4, 3.4),
    beside: bool = False,
) -> Figure:
    """Every seed as a thin line, their mean as a thick one, its 95 % interval as a band where there are three or more.

    ``levels``: named horizontal lines to compare to, named to the right of the axis if ``beside``, else on the line;
    ``marks``: named vertical ones.
    """
    figure, axis = plt.subplots(figsize=size)
    for curve in curves:
        style = curve.style
        values = np.array([curve.by_seed[seed] for seed in sorted(curve.by_seed)])
        for line in values:
            axis.plot(x, line, color=curve.colour, linewidth=0.8, alpha=0.55, linestyle=style)
        bands = np.array([mean_interval(list(column)) for column in values.T])
        axis.plot(x, bands[:, 0], color=curve.colour, linewidth=2.2, linestyle=style, label=curve.label)
        if len(values) > 2:
            low = np.maximum(bands[:, 1], values.min() / 2) if log else bands[:, 1]
            axis.fill_between(x, low, bands[:, 2], color=curve.colour, alpha=0.12, linewidth=0)
    for name, value in (levels or {}).items():
        axis.axhline(value, color=MUTED, linewidth=1, linestyle=":")
        axis.annotate(
            fill(name, 18) if beside else name,
            (1.02 if beside else 1, value),
            xycoords=("axes fraction", "data"),
            ha="left" if beside else "right",
            va="center" if beside else "bottom",
            color=MUTED,
            size=8,
        )
    for name, value in (marks or {}).items():
        axis.axvline(value, color=MUTED, linewidth=1, linestyle=":")
        axis.annotate(
            name, (value, 0.02), xycoords=("data", "axes fraction"), ha="left", va="bottom", color=MUTED, size=8
        )
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        logarithmic(axis)
    else:
        axis.set_ylim(0, None)
    if len(curves) > 1:
        axis.legend(fontsize=8)
    figure.tight_layout()
    return figure


def lines_of_seeds(
    groups: Mapping[str, tuple[Sequence[tuple[np.ndarray, np.ndarray]], str]],
    *,
    xlabel: str,
    ylabel: str,
    size: tuple[float, float] = (6.4, 3.4),
) -> Figure:
    """Label -> (one (x, y) per seed, colour), on a logarithmic axis; every seed has its own x."""
    figure, axis = plt.subplots(figsize=size)
    for label, (lines, colour) in groups.items():
        for i, (x, y) in enumerate(lines):
            axis.plot(x, y, color=colour, linewidth=1.3, alpha=0.8, label=label if i == 0 else None)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    logarithmic(axis)
    axis.set_xlim(0, None)
    axis.legend(fontsize=8)
    figure.tight_layout()
    return figure
