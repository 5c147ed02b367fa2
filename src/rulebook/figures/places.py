"""Figures over the frame's plane: where a module takes a ball, and which module is chosen where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rulebook.clips import MOVE_VECTORS
from rulebook.figures.heatmaps import ARROWS
from rulebook.figures.style import INK, MUTED, SLOT_COLOURS


def module_colour(module: int) -> str:
    return SLOT_COLOURS[module % len(SLOT_COLOURS)]


def displacements(panels: Mapping[str, Sequence[np.ndarray]], *, step: float, names: Sequence[Sequence[int]]) -> Figure:
    """One axis per run: every dot is a ball, placed where one application of a module took it, seen from its start.

    ``panels``: run -> per module an array ``[ball, 2]`` in pixels; ``names``: run by run the modules' numbers, in the
    order of the colours, so that a colour means the same move in every axis.
    """
    columns = min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.7 * columns, 3.3 * rows - 0.3), squeeze=False)
    furthest = max((np.abs(np.median(dots, 0)).max() for modules in panels.values() for dots in modules), default=0.0)
    reach = max(1.75 * step, furthest + 0.5 * step)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (title, modules), order in zip(axes.flat[: len(panels)], panels.items(), names, strict=True):
        for x, y in MOVE_VECTORS:
            axis.plot(x * step, y * step, "o", markersize=17, markerfacecolor="none", markeredgecolor=MUTED)
        axis.plot(0, 0, "+", color=MUTED, markersize=9)
        for rank, module in enumerate(order):
            dots = modules[module]
            axis.plot(dots[:, 0], dots[:, 1], ".", color=module_colour(rank), markersize=4, alpha=0.5, rasterized=True)
        marks = [
            Line2D([], [], marker="o", linestyle="", markersize=5, color=module_colour(rank), label=str(module + 1))
            for rank, module in enumerate(order)
        ]
        axis.legend(
            handles=marks, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=len(order), fontsize=8,
            handletextpad=0, columnspacing=0.6, title="module", title_fontsize=8,
        )  # fmt: skip
        axis.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal", title=title)
        axis.set_xticks([-step, 0, step])
        axis.set_yticks([-step, 0, step])
    axes[0, 0].set_ylabel("moved down (pixels)")
    axes[0, 0].set_xlabel("moved right (pixels)")
    figure.tight_layout()
    if rows > 1:
        figure.subplots_adjust(hspace=0.75)
    return figure


def many_starts(panels: Mapping[str, np.ndarray]) -> Figure:
    """One axis per way to learn: the displacements ``[start, module, 2]`` that many starts ended with, in moves."""
    figure, axes = plt.subplots(1, len(panels), figsize=(2.4 * len(panels), 3.2), squeeze=False, sharey=True)
    for axis, (title, ended) in zip(axes[0], panels.items(), strict=True):
        for x, y in MOVE_VECTORS:
            axis.plot(x, y, "o", markersize=15, markerfacecolor="none", markeredgecolor=MUTED)
        axis.plot(0, 0, "+", color=MUTED, markersize=9)
        points = ended.reshape(-1, 2)
        axis.plot(points[:, 0], points[:, 1], ".", color=module_colour(0), markersize=4, alpha=0.35, rasterized=True)
        axis.set(xlim=(-1.75, 1.75), ylim=(1.75, -1.75), aspect="equal", title=title, xticks=[-1, 0, 1])
        axis.set_yticks([-1, 0, 1])
    axes[0, 0].set(xlabel="moves to the right", ylabel="moves down")
    figure.tight_layout()
    return figure


def sums_and_pairs(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], *, step: float) -> Figure:
    """One axis per run: for every ordered pair of modules a line from the sum of their single displacements (hollow)
    to where the two take a ball together (full), coloured by the module that goes first.

    ``panels``: run -> arrays ``[first, second, 2]`` in pixels, the sums and what was found.
    """
    columns = min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.7 * columns, 3.0 * rows), squeeze=False)
    reach = max(np.abs(np.stack([*pair])).max() for pair in panels.values()) + 0.5 * step
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (title, (summed, together)) in zip(axes.flat[: len(panels)], panels.items(), strict=True):
        for first, second in np.ndindex(summed.shape[:2]):
            (x, y), (to_x, to_y) = summed[first, second], together[first, second]
            colour = module_colour(first)
            axis.plot([x, to_x], [y, to_y], "-", color=colour, linewidth=1, alpha=0.7)
            axis.plot(x, y, "o", markersize=6, markerfacecolor="none", markeredgecolor=colour)
            axis.plot(to_x, to_y, "o", markersize=4, color=colour)
        axis.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal", title=title)
        axis.set_xticks([-2 * step, 0, 2 * step])
        axis.set_yticks([-2 * step, 0, 2 * step])
    axes[0, 0].set_ylabel("moved down (pixels)")
    axes[0, 0].set_xlabel("moved right (pixels)")
    figure.tight_layout()
    return figure


@dataclass(frozen=True)
class Choices:
    """Every step of every ball: where it stood, the move it made, the module its slot chose."""

    title: str
    positions: np.ndarray
    moves: np.ndarray
    modules: np.ndarray
    order: Sequence[int]
    """Modules in the order of the moves that they are matched to: place i is drawn in the colour of move i."""
    inner: tuple[float, float] | None = None
    """Lowest and highest coordinate at which all four moves are possible; None where they always are."""


def choice_maps(panels: Sequence[Choices], *, size: int, cell: float = 1.45) -> Figure:
    """Rows: worlds; columns: the true move. A dot is a ball before that move, its colour the module that was chosen.

    Where a module means one move, a map has a single colour, that of its column's arrow.
    """
    left, head, foot = 1.35, 0.35, 0.5
    width, height = left + 4 * cell, head + foot + len(panels) * cell
    figure, axes = plt.subplots(len(panels), 4, figsize=(width, height), squeeze=False)
    figure.subplots_adjust(
        left=left / width, right=0.995, top=1 - head / height, bottom=foot / height, wspace=0.06, hspace=0.06
    )
    most = max(len(panel.order) for panel in panels)
    for panel, line in zip(panels, axes, strict=True):
        rank = {module: place for place, module in enumerate(panel.order)}
        for move, axis in enumerate(line):
            made = panel.moves == move
            colours = [module_colour(rank[module]) for module in panel.modules[made]]
            axis.scatter(*panel.positions[made].T, c=colours, s=3.5, linewidths=0, rasterized=True)
            if panel.inner:
                low, high = panel.inner
                axis.add_patch(
                    plt.Rectangle((low, low), high - low, high - low, fill=False, edgecolor=INK, linestyle=":", lw=0.9)
                )
            axis.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xticks=[], yticks=[], aspect="equal")
            axis.grid(False)
            for spine in axis.spines.values():
                spine.set(visible=True, color=MUTED, linewidth=0.6)
        line[0].set_ylabel(panel.title, rotation=0, ha="right", va="center", labelpad=8)
    for arrow, axis, move in zip(ARROWS, axes[0], range(4), strict=True):
        axis.set_title(arrow, loc="center", color=module_colour(move), fontsize=15, fontweight="bold", pad=3)
    marks = [
        Line2D(
            [], [], marker="o", linestyle="", markersize=5, color=module_colour(place),
            label=f"module matched to {ARROWS[place]}" if place < 4 else "a module without a move",
        )
        for place in range(most)
    ]  # fmt: skip
    figure.legend(handles=marks, loc="lower center", ncols=min(4, most), fontsize=8, handletextpad=0.2)
    return figure
