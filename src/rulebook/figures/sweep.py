"""Many models at once: their curves, metrics against each other, and the effect of each setting (thesis Appendix B)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from rulebook.figures.curves import logarithmic
from rulebook.figures.heatmaps import SHARES
from rulebook.figures.style import INK, MUTED, PAPER

GROUP_COLOURS = ("#e69f00", "#0072b2", "#009e73", "#cc79a7", "#d55e00", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Model:
    """One model of a sweep, as the figures mark it."""

    name: str
    group: str
    """What its colour says: '6 cells'."""
    kind: str = ""
    """What its marker says: '3 slots'."""
    colour: str = ""
    """Of its group, where that has one on other pages too."""


def _colours(models: Sequence[Model]) -> dict[str, str]:
    groups = {model.group: model.colour for model in models}
    return {group: own or GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, (group, own) in enumerate(groups.items())}


def _markers(models: Sequence[Model]) -> dict[str, str]:
    kinds = list(dict.fromkeys(model.kind for model in models))
    return {kind: MARKERS[i % len(MARKERS)] for i, kind in enumerate(kinds)}


def _handles(models: Sequence[Model]) -> list[Line2D]:
    """What colours say and, where they differ, markers."""
    told = [Line2D([], [], marker="o", ls="", color=colour, label=name) for name, colour in _colours(models).items()]
    markers = _markers(models)
    if len(markers) > 1:
        told += [Line2D([], [], marker=marker, ls="", color=MUTED, label=name) for name, marker in markers.items()]
    return told


def _legend_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """One line of legend under all axes, which make room for it."""
    figure.tight_layout(rect=(0, 0.28 / figure.get_figheight(), 1, 1))
    figure.axes[0].legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=figure.transFigure,
        ncols=len(handles),
        fontsize=8,
        handletextpad=0.2,
        columnspacing=1,
    )


def model_curves(
    curves: Mapping[Model, tuple[Sequence[float], Sequence[float]]],
    *,
    ylabel: str,
    xlabel: str = "training step",
    levels: Mapping[str, float] | None = None,
    log: bool = False,
    zero: bool = False,
) -> Figure:
    """One line per model, (steps, values), coloured by its group, at some of its points the marker of its kind; thin
    lines so that all can be followed. ``zero``: the axis begins there."""
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    colours, markers = _colours(list(curves)), _markers(list(curves))
    for i, (model, (x, y)) in enumerate(curves.items()):
        apart = max(1, len(x) // 10)
        axis.plot(
            x,
            y,
            color=colours[model.group],
            linewidth=1.3,
            marker=markers[model.kind] if apart == 1 or len(markers) > 1 else None,
            markevery=(apart * i // len(curves), apart),
            markersize=4,
            alpha=0.85,
        )
    for name, value in (levels or {}).items():
        axis.axhline(value, color=MUTED, linewidth=1, linestyle=":")
        axis.annotate(
            name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=MUTED, size=8
        )
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.set_xlim(0, None)
    if log:
        logarithmic(axis)
    elif zero:
        axis.set_ylim(0, None)
    _legend_below(figure, _handles(list(curves)))
    return figure


@dataclass(frozen=True)
class Against:
    """One metric against another, a point per model."""

    xlabel: str
    ylabel: str
    points: Mapping[Model, tuple[float, float]]
    note: str = ""
    """Written into the corner."""


def scatter(panels: Sequence[Against]) -> Figure:
    """Points side by side; colour and marker say which model it is."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels) + 0.4, 3.5), squeeze=False)
    models = list(dict.fromkeys(model for panel in panels for model in panel.points))
    colours, markers = _colours(models), _markers(models)
    for axis, panel in zip(axes[0], panels, strict=True):
        for model, (x, y) in panel.points.items():
            axis.plot(x, y, markers[model.kind], color=colours[model.group], markersize=8, markeredgecolor=PAPER)
        axis.set(xlabel=panel.xlabel, ylabel=panel.ylabel)
        axis.set_title(panel.note, fontsize=9)
        axis.margins(0.12)
    _legend_below(figure, _handles(models))
    return figure


@dataclass(frozen=True)
class Effect:
    """What one setting does: all models by its value, and the mean of each value."""

    title: str
    xlabel: str
    points: Mapping[Model, tuple[float, float]]
    """(value of the setting, metric)."""
    means: Mapping[float, float]


def effects(panels: Sequence[Effect], *, ylabel: str) -> Figure:
    """One axis per setting, two in a line, all on the same scale: the steeper the line, the more the setting
    matters."""
    across, down = min(2, len(panels)), -(-len(panels) // 2)
    figure, axes = plt.subplots(down, across, figsize=(3.3 * across, 2.6 * down + 0.3), sharey=True, squeeze=False)
    models = list(dict.fromkeys(model for panel in panels for model in panel.points))
    colours, markers = _colours(models), _markers(models)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, panel in zip(axes.flat, panels, strict=False):
        for model, (x, y) in panel.points.items():
            axis.plot(
                x, y, markers[model.kind], color=colours[model.group], markersize=6, alpha=0.8, markeredgecolor=PAPER
            )
        axis.plot(list(panel.means), list(panel.means.values()), "-", color=INK, linewidth=2, zorder=1.8)
        axis.set_axisbelow(True)
        axis.set_xscale("log")
        ticks = sorted(panel.means)
        axis.xaxis.set_major_locator(FixedLocator(ticks))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xticklabels([f"{tick:g}" for tick in ticks])
        axis.margins(x=0.18)
        axis.set_xlabel(panel.xlabel)
        axis.set_title(panel.title, fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    _legend_below(figure, [*_handles(models), Line2D([], [], color=INK, linewidth=2, label="mean")])
    return figure


def crossed(
    values: Mapping[tuple[float, float], float], *, rows: str, columns: str, label: str, digits: int = 1
) -> Figure:
    """A value for every pair of two settings, (row, column): the darker, the lower; without a model: empty."""
    down, across = (sorted({pair[i] for pair in values}) for i in (0, 1))
    grid = np.array([[values.get((y, x), np.nan) for x in across] for y in down])
    figure, axis = plt.subplots(figsize=(0.95 * len(across) + 2.4, 0.72 * len(down) + 1.1), layout="constrained")
    image = axis.imshow(grid, cmap=SHARES.reversed(), aspect="auto")
    middle = (np.nanmin(grid) + np.nanmax(grid)) / 2
    for (y, x), value in np.ndenumerate(grid):
        if value == value:
            colour = PAPER if value < middle else INK
            axis.text(x, y, f"{value:.{digits}f}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(across)), [f"{value:g}" for value in across])
    axis.set_yticks(range(len(down)), [f"{value:g}" for value in down])
    axis.set(xlabel=columns, ylabel=rows)
    axis.tick_params(length=0)
    axis.grid(False)
    figure.colorbar(image, label=label)
    return figure


@dataclass(frozen=True)
class Ranked:
    """Two numbers of the same models, lower is better: the paper's and ours."""

    title: str
    values: Mapping[Model, tuple[float, float]]


def rank_slopes(panels: Sequence[Ranked], *, sides: tuple[str, str] = ("thesis", "here"), digits: int = 1) -> Figure:
    """Best on top, on both sides; a level line is a model that keeps its place, a crossing is a changed order."""
    lines = [len(panel.values) + 1.6 for panel in panels]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(5.6, 0.25 * sum(lines) + 0.35 * len(panels)),
        height_ratios=lines,
        squeeze=False,
        layout="constrained",
    )
    colours = _colours(list(dict.fromkeys(model for panel in panels for model in panel.values)))
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        places = [
            {model: i for i, model in enumerate(sorted(panel.values, key=lambda model: panel.values[model][side]))}
            for side in (0, 1)
        ]
        for model, (theirs, ours) in panel.values.items():
            colour = colours[model.group]
            ends = places[0][model], places[1][model]
            axis.plot([0, 1], ends, "o-", color=colour, linewidth=2, markersize=5)
            axis.text(
                -0.05, ends[0], f"{model.name}  {theirs:.{digits}f}", ha="right", va="center", size=8, color=colour
            )
            axis.text(1.05, ends[1], f"{ours:.{digits}f}  {model.name}", ha="left", va="center", size=8, color=colour)
        axis.set(xlim=(-1.25, 2.25), ylim=(len(panel.values) - 0.5, -1.3))
        for x, side in enumerate(sides):
            axis.text(x, -0.9, side, ha="center", va="center", size=9, fontweight="bold")
        axis.set_title(panel.title, fontsize=10)
        axis.axis("off")
    return figure
