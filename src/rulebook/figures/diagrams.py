"""Drawings of models, made of patches: they scale, and they carry the colours of every other figure."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from rulebook.figures.style import GIVEN, INK, MUTED, PAPER, PREDICTED, SLOT_COLOURS

BALLS = ((0.25, 0.7), (0.7, 0.75), (0.45, 0.25))
"""Where the three balls of a drawn frame lie, as shares of its side."""


def as_svg(figure: Figure) -> str:
    """The figure as SVG text that depends on the picture alone; the figure is closed."""
    target = io.StringIO()
    figure.savefig(target, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return target.getvalue()


def box(axis: Axes, x: float, y: float, w: float, h: float, text: str, colour: str = INK, fill: str = PAPER) -> None:
    """A rounded box around (x, y) with a text in it."""
    patch = FancyBboxPatch(
        (x - w / 2, y - h / 2),
        w,
        h,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=fill,
        edgecolor=colour,
        lw=1.3,
    )
    axis.add_patch(patch)
    axis.text(x, y, text, ha="center", va="center", fontsize=8.5, color=INK, linespacing=1.15)


def arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK, bend: float = 0.0,
    dashed: bool = False,
) -> None:  # fmt: skip
    """An arrow; ``bend`` curves it."""
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=9, color=colour, lw=1.2, shrinkA=0, shrinkB=0,
            connectionstyle=f"arc3,rad={bend}", linestyle="--" if dashed else "-",
        )
    )  # fmt: skip


def _frame(axis: Axes, x: float, y: float, side: float, shift: Sequence[tuple[float, float]], label: str) -> None:
    """A black frame with three balls, each moved by ``shift``."""
    axis.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, facecolor="black", edgecolor=GIVEN, lw=2))
    for (bx, by), (dx, dy), colour in zip(BALLS, shift, SLOT_COLOURS, strict=False):
        centre = (x + (bx + dx - 0.5) * side, y + (by + dy - 0.5) * side)
        axis.add_patch(Circle(centre, 0.1 * side, facecolor=colour))
    axis.text(x, y - side / 2 - 0.14, label, ha="center", va="top", fontsize=9)


def _slots(axis: Axes, x: float, y: float, label: str, highlight: int = 0) -> None:
    """A column of slots; the one that the rest of the drawing follows has a dark edge."""
    for k, colour in enumerate((*SLOT_COLOURS[:3], MUTED)):
        edge = INK if k == highlight else PAPER
        axis.add_patch(Circle((x, y + 0.63 - 0.42 * k), 0.17, facecolor=colour, edgecolor=edge, lw=1.8))
    axis.text(x, y - 0.95, label, ha="center", va="top", fontsize=9)


def vim_overview() -> Figure:
    """VIM's Figure 1: one step of one slot, and how slots become a frame."""
    figure, axis = plt.subplots(figsize=(11.4, 4.8))
    axis.set(xlim=(-0.1, 16.6), ylim=(-0.6, 6.7), aspect="equal")
    axis.axis("off")
    _transition(axis)
    _observation(axis)
    return figure


def _transition(axis: Axes) -> None:
    still, moved = [(0.0, 0.0)] * 3, [(0.2, 0.0), (0.0, -0.2), (-0.2, 0.0)]
    axis.text(0, 6.65, "One step: every slot chooses a module", fontsize=10.5, fontweight="bold", va="top")
    _frame(axis, 0.75, 3.2, 1.3, still, "first frame $x_0$")
    arrow(axis, (1.45, 3.2), (2.2, 3.2))
    axis.text(1.47, 2.95, "slot\nattention", ha="left", va="top", fontsize=7, color=MUTED)
    _slots(axis, 2.5, 3.2, "slots $h_{t-1}$")
    top = (4.75, 4.1, 3.45, 2.8)
    for m, y in enumerate(top):
        chosen = m == 1
        arrow(axis, (2.75, 3.83), (3.75, y), INK if chosen else MUTED)
        box(axis, 4.15, y, 0.8, 0.46, f"$f_{m + 1}$", PREDICTED if chosen else MUTED)
        arrow(axis, (4.55, y), (5.1, y), PREDICTED if chosen else MUTED)
        fill = SLOT_COLOURS[0] if chosen else "#bcd7ea"
        axis.add_patch(Circle((5.3, y), 0.16, facecolor=fill, edgecolor=INK if chosen else PAPER, lw=1.4))
        axis.text(5.56, y, f"$s_{m + 1}$", va="center", fontsize=8.5)
    axis.text(4.15, 5.03, "modules", ha="center", va="bottom", fontsize=8, color=MUTED)
    axis.text(5.4, 5.03, "candidates", ha="center", va="bottom", fontsize=8, color=MUTED)
    axis.text(5.4, 2.5, "as keys", ha="center", va="top", fontsize=8, color=MUTED)
    box(axis, 6.75, 3.78, 0.95, 0.95, "select\n$r_t$", PREDICTED)
    for y in top:
        arrow(axis, (5.92, y), (6.26, 3.78 + 0.28 * (y - 3.78)), MUTED)
    arrow(axis, (7.24, 3.78), (7.68, 3.78), PREDICTED)
    box(axis, 8.32, 3.78, 1.25, 0.74, "add $z_t$,\nnormalise")
    arrow(axis, (8.96, 3.78), (9.38, 3.83))
    _slots(axis, 9.6, 3.2, "slots $h_t$")
    # Where the query comes from; that the posterior's Gaussian reads x_hat too is left to the text.
    arrow(axis, (2.5, 4.05), (6.75, 4.28), GIVEN, bend=-0.74, dashed=True)
    axis.text(4.6, 5.95, "query of the prior: the slot itself", ha="center", va="bottom", fontsize=8, color=GIVEN)
    _frame(axis, 4.15, 0.55, 1.3, moved, "next frame $x_t$")
    box(axis, 6.75, 1.15, 1.75, 0.74, "what the slot\nreads of it: $\\hat{x}_t$", GIVEN)
    arrow(axis, (4.85, 0.75), (5.86, 1.02), GIVEN)
    arrow(axis, (6.75, 1.53), (6.75, 3.29), GIVEN)
    arrow(axis, (7.65, 1.2), (8.3, 3.42), GIVEN, bend=0.25)
    axis.text(6.86, 2.3, "query of\nthe posterior", fontsize=8, color=GIVEN, va="center", ha="left")
    arrow(axis, (2.5, 1.95), (5.86, 1.28), GIVEN, bend=0.12)
    axis.text(3.0, 1.5, "every slot attends\nto its object", fontsize=8, color=GIVEN, ha="right", va="top")


def _observation(axis: Axes) -> None:
    axis.text(10.7, 6.65, "From slots to a frame", fontsize=10.5, fontweight="bold", va="top")
    axis.plot([10.3, 10.3], [-0.3, 5.8], color=MUTED, lw=0.8, ls=":")
    tops = (4.6, 3.5, 2.4, 1.3)
    for k, y in enumerate(tops):
        colour = (*SLOT_COLOURS[:3], MUTED)[k]
        axis.add_patch(Circle((11.0, y), 0.17, facecolor=colour, edgecolor=INK if k == 0 else PAPER, lw=1.8))
        arrow(axis, (11.24, y), (11.62, y), MUTED)
        arrow(axis, (12.55, y), (12.9, y), MUTED)
        _pictures(axis, y, k, colour)
        arrow(axis, (14.6, y), (15.02, 2.95 + 0.3 * (y - 2.95)), MUTED)
    axis.add_patch(
        FancyBboxPatch(
            (11.66, 0.85), 0.86, 4.2, boxstyle="round,pad=0,rounding_size=0.12", facecolor=PAPER, ec=INK, lw=1.3
        )
    )
    axis.text(12.09, 2.95, "broadcast decoder\n(shared)", rotation=90, ha="center", va="center", fontsize=9)
    axis.text(13.33, 5.12, "picture", ha="center", va="bottom", fontsize=8, color=MUTED)
    axis.text(14.2, 5.12, "mask", ha="center", va="bottom", fontsize=8, color=MUTED)
    _frame(axis, 15.75, 2.95, 1.3, [(0.0, 0.0)] * 3, "frame $x_t$")
    axis.text(13.75, 0.62, "masks: softmax over slots", ha="center", va="top", fontsize=8.5, color=MUTED)


def _pictures(axis: Axes, y: float, k: int, colour: str) -> None:
    """What one slot paints: its picture, and the mask that says where it is seen."""
    side = 0.78
    for x, mask in ((13.33, False), (14.2, True)):
        ground = "black" if not mask else ("white" if k == 3 else "black")
        axis.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, facecolor=ground, edgecolor=colour, lw=1.6))
        balls = range(3) if (k == 3 and mask) else ([k] if k < 3 else [])
        for ball in balls:
            spot = np.array(BALLS[ball]) - 0.5
            fill = colour if not mask else ("black" if k == 3 else "white")
            axis.add_patch(Circle((x + spot[0] * side, y + spot[1] * side), 0.1 * side, facecolor=fill))
