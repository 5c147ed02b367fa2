"""The thesis's Figures 3.1 and 3.2: RIMs, and what OC-RIMs put in front of and behind them."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from rulebook.figures.diagrams import arrow, box
from rulebook.figures.style import GIVEN, INK, MUTED, PAPER, PREDICTED, SLOT_COLOURS

PLACES = ((0.28, 0.68), (0.7, 0.72), (0.52, 0.26))
"""Where the three shapes of a drawn frame lie, as shares of its side."""
MOVED = ((0.39, 0.74), (0.62, 0.6), (0.4, 0.34))
"""The same, one frame later."""
CELLS = (0, 1, 2, 0)
"""The shape that each drawn cell follows: the last one follows the first one's, as happens where cells are many."""
ROWS = (4.2, 3.2, 2.2, 1.2)
"""Heights at which the cells are drawn."""
SHADE = "#f1f4f7"


def modular_network() -> Figure:
    """Thesis Figure 3.1: RIMs, and any network of this kind."""
    figure, axis = _canvas(12.9)
    _scene(axis, 0.75, 2.7, PLACES, "frame $I_t$", GIVEN)
    arrow(axis, (1.45, 2.7), (1.72, 2.7))
    box(axis, 2.35, 2.7, 1.2, 0.8, "encoder")
    arrow(axis, (2.97, 2.7), (3.33, 3.05))
    box(axis, 3.85, 3.15, 1.0, 0.56, "$x_t$")
    box(axis, 3.85, 2.25, 1.0, 0.56, "$0$", MUTED)
    axis.text(3.85, 1.88, "null input", ha="center", va="top", fontsize=8, color=MUTED)
    _below(axis, 4.95, "input attention:\nwho reads $x_t$?")
    for k, y in enumerate(ROWS):
        if k == 2:
            arrow(axis, (4.37, 2.25), (5.73, y), MUTED, dashed=True)
        else:
            arrow(axis, (4.37, 3.15), (5.73, y), INK)
    _cells(axis, 6.45, idle=2)
    _communication(axis, 7.62)
    for k, y in enumerate(ROWS):
        arrow(axis, (8.0, y), (8.72, 2.7 + 0.44 * (1.5 - k)), MUTED)
        colour = MUTED if k == 2 else INK
        axis.add_patch(Rectangle((8.75, 2.7 + 0.44 * (1.5 - k) - 0.22), 0.3, 0.44, facecolor=SHADE, edgecolor=colour))
    axis.text(8.9, 1.62, "states,\njoined", ha="center", va="top", fontsize=8, color=MUTED)
    arrow(axis, (9.12, 2.7), (9.45, 2.7))
    box(axis, 10.15, 2.7, 1.35, 0.9, "decoder\n(CAT)")
    arrow(axis, (10.85, 2.7), (11.2, 2.7))
    _scene(axis, 11.95, 2.7, MOVED, "prediction $\\hat{I}_{t+1}$", PREDICTED)
    return figure


def oc_rims_overview() -> Figure:
    """Thesis Figure 3.2: slots in front of the cells, one picture per cell behind them."""
    figure, axis = _canvas(15.4)
    _shade(axis, 3.0, 6.42, "instead of one vector: slots")
    _shade(axis, 9.75, 13.45, "instead of one decoder for all: a picture per cell")
    _scene(axis, 0.72, 2.7, PLACES, "frame $I_t$", GIVEN)
    arrow(axis, (1.4, 2.7), (1.62, 2.7))
    box(axis, 2.22, 2.7, 1.15, 0.8, "encoder")
    arrow(axis, (2.82, 2.7), (3.12, 2.7))
    _feature_map(axis, 3.6, 2.7)
    arrow(axis, (4.08, 2.7), (4.3, 2.7))
    box(axis, 4.86, 2.7, 1.05, 0.9, "slot\nattention")
    arrow(axis, (5.2, 3.2), (4.5, 3.2), MUTED, bend=1.3)
    axis.text(4.86, 3.72, "3 rounds", ha="center", va="bottom", fontsize=8, color=MUTED)
    for s, y in enumerate((3.4, 2.7, 2.0)):
        arrow(axis, (5.42, 2.7 + 0.35 * (1 - s)), (5.83, y), MUTED)
        axis.add_patch(Circle((6.03, y), 0.17, facecolor=SLOT_COLOURS[s], edgecolor=PAPER))
    axis.text(6.03, 1.72, "slots $V_t$", ha="center", va="top", fontsize=8.5)
    _below(axis, 6.92, "input\nattention")
    for y, shape in zip(ROWS, CELLS, strict=True):
        arrow(axis, (6.25, (3.4, 2.7, 2.0)[shape]), (7.23, y), SLOT_COLOURS[shape])
    _cells(axis, 7.95)
    _communication(axis, 9.12)
    tall = FancyBboxPatch(
        (9.98, 0.75), 0.7, 3.9, boxstyle="round,pad=0,rounding_size=0.12", facecolor=PAPER, ec=INK, lw=1.3
    )
    axis.add_patch(tall)
    axis.text(10.33, 2.7, "decoder, shared (BCD or SBD)", rotation=90, ha="center", va="center", fontsize=8.5)
    for k, (y, shape) in enumerate(zip(ROWS, CELLS, strict=True)):
        arrow(axis, (9.5, y), (9.96, y), MUTED)
        arrow(axis, (10.7, y), (11.05, y), MUTED)
        _picture(axis, 11.5, y, shape, mask=False, faint=k == 3)
        axis.text(12.02, y, "×", ha="center", va="center", fontsize=10)
        _picture(axis, 12.55, y, shape, mask=True, faint=k == 3)
        arrow(axis, (13.0, y), (13.62, 2.7 + 0.22 * (y - 2.7)), MUTED)
    axis.text(11.5, 0.68, "pictures $\\hat{i}_k$", ha="center", va="top", fontsize=8.5)
    axis.text(12.55, 0.68, "masks $\\hat{m}_k$", ha="center", va="top", fontsize=8.5)
    axis.text(13.75, 2.7, "+", ha="center", va="center", fontsize=13)
    _scene(axis, 14.65, 2.7, MOVED, "prediction $\\hat{I}_{t+1}$", PREDICTED)
    return figure


def _canvas(width: float) -> tuple[Figure, Axes]:
    figure, axis = plt.subplots(figsize=(0.8 * width, 0.8 * 5.6))
    axis.set(xlim=(-0.05, width), ylim=(0.1, 5.7), aspect="equal")
    axis.axis("off")
    return figure, axis


def _shade(axis: Axes, left: float, right: float, text: str) -> None:
    """What OC-RIMs add to RIMs."""
    patch = FancyBboxPatch(
        (left, 0.35), right - left, 4.9, boxstyle="round,pad=0,rounding_size=0.15", facecolor=SHADE, edgecolor="none"
    )
    axis.add_patch(patch)
    axis.text((left + right) / 2, 5.32, text, ha="center", va="bottom", fontsize=8.5, color=PREDICTED)


def _below(axis: Axes, x: float, text: str) -> None:
    """What the arrows above it do."""
    axis.text(x, 0.86, text, ha="center", va="top", fontsize=8, color=MUTED)


def _cells(axis: Axes, x: float, idle: int | None = None) -> None:
    """The recurrent cells; an idle one keeps its state."""
    for k, y in enumerate(ROWS):
        colour = MUTED if k == idle else INK
        text = f"keeps $h_{k + 1}$" if k == idle else f"GRU$_{k + 1}$, $h_{k + 1}$"
        box(axis, x, y, 1.4, 0.62, text, colour)
        if k != idle:
            arrow(axis, (x + 0.32, y + 0.31), (x - 0.32, y + 0.31), MUTED, bend=0.75)
    axis.text(x, 4.98, "cells, each with its\nown state over time", ha="center", va="bottom", fontsize=8, color=MUTED)


def _communication(axis: Axes, x: float) -> None:
    """Cells listen to each other."""
    axis.plot([x, x], [ROWS[-1], ROWS[0]], color=PREDICTED, lw=2.2, solid_capstyle="round")
    for y in ROWS:
        axis.plot([x - 0.46, x + 0.38], [y, y], color=PREDICTED, lw=1.1)
        axis.add_patch(Circle((x, y), 0.075, facecolor=PREDICTED, edgecolor=PAPER, zorder=4))
    axis.text(x, 0.86, "communication", ha="center", va="top", fontsize=8, color=PREDICTED)


def _feature_map(axis: Axes, x: float, y: float, cells: int = 4, side: float = 0.86) -> None:
    """A grid of features whose cells know where they are."""
    step = side / cells
    for i in range(cells):
        for j in range(cells):
            shade = 0.55 + 0.4 * ((3 * i + 5 * j) % 7) / 7
            corner = (x - side / 2 + i * step, y - side / 2 + j * step)
            axis.add_patch(Rectangle(corner, step, step, facecolor=str(shade), edgecolor=PAPER, lw=0.7))
    axis.text(x, y - 0.52, "feature map\n+ positions", ha="center", va="top", fontsize=8)


def _scene(axis: Axes, x: float, y: float, places: Sequence[tuple[float, float]], text: str, edge: str) -> None:
    side = 1.3
    axis.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, facecolor="black", edgecolor=edge, lw=2))
    for shape, place in enumerate(places):
        _shape(axis, x, y, side, shape, place, SLOT_COLOURS[shape])
    axis.text(x, y - side / 2 - 0.14, text, ha="center", va="top", fontsize=9)


def _picture(axis: Axes, x: float, y: float, shape: int, mask: bool, faint: bool) -> None:
    """What one cell draws, or the mask that says where it is seen."""
    side = 0.82
    axis.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, facecolor="black", edgecolor=INK, lw=1.1))
    fill = SLOT_COLOURS[shape] if not mask else ("#3a3f45" if faint else "white")
    _shape(axis, x, y, side, shape, MOVED[shape], fill)


def _shape(axis: Axes, x: float, y: float, side: float, kind: int, place: tuple[float, float], colour: str) -> None:
    """A circle, a triangle or a diamond."""
    centre = np.array([x, y]) + (np.array(place) - 0.5) * side
    radius = 0.13 * side
    if kind == 0:
        axis.add_patch(Circle((centre[0], centre[1]), radius, facecolor=colour))
        return
    corners = {1: [(-1, -0.8), (1, -0.8), (0, 1)], 2: [(-0.9, 0), (0, 1.1), (0.9, 0), (0, -1.1)]}[kind]
    axis.add_patch(Polygon(centre + radius * np.array(corners), facecolor=colour))
