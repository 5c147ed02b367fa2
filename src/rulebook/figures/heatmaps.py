"""Which module makes which move: matrices of counts, brought into one order and shown as shares of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from rulebook.clips import MOVES
from rulebook.figures.style import INK, MUTED, PAPER
from rulebook.measures.rules import hungarian

SHARES = LinearSegmentedColormap.from_list("shares", [PAPER, "#9cc4e4", "#0072b2", "#003a5d"])
ARROWS = ("←", "→", "↑", "↓")
"""The four rules, in the order of MOVES."""


@dataclass(frozen=True)
class Panel:
    """One matrix: how often each rule (row) met each module (column)."""

    title: str
    counts: np.ndarray


def module_order(counts: np.ndarray) -> list[int]:
    """Modules in the order of the rules that they are matched to (one to one, most steps explained); modules without
    a rule follow, the most used first."""
    matched = hungarian(torch.as_tensor(counts))
    first = [matched[rule] for rule in sorted(matched)]
    rest = [module for module in range(counts.shape[1]) if module not in first]
    return first + sorted(rest, key=lambda module: -int(counts[:, module].sum()))


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Every row divided by its sum; a rule that never occurred has a row of zeros."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


PAGE, TITLE_LETTER = 8.0, 0.07
"""Inches: how wide a figure may be for its text to be read on a page; a letter of a title."""

RULES = tuple(map(" ".join, zip(ARROWS, MOVES, strict=True)))
"""The four moves as labels of rows."""


def heatmaps(
    panels: Sequence[Panel],
    *,
    across: int | None = None,
    rows: Sequence[str] = RULES,
    columns: Sequence[str] | None = None,
    row_label: str = "true move",
    column_label: str = "",
    cell: float = 0.49,
) -> Figure:
    """Matrices side by side, as many in a line as fit into the page, or ``across``. Colour: share of the row; in every
    cell the share in percent and the count below.

    Columns are modules, ordered by ``module_order``, unless ``columns`` names them: then they stay where they are, and
    ``column_label`` says what they are.
    """
    widest = max(panel.counts.shape[1] for panel in panels)
    lines = [line for panel in panels for line in panel.title.split("\n")]
    left, foot, head = 1.0, 0.45, 0.15 + 0.15 * max(panel.title.count("\n") + 1 for panel in panels)
    pitch = max(widest * cell + 0.35, TITLE_LETTER * max(map(len, lines)) + 0.15)
    across = across or max(1, min(len(panels), int((PAGE - left) / pitch)))
    down = -(-len(panels) // across)
    width = left + across * pitch
    height = down * (len(rows) * cell + head + foot)
    figure = plt.figure(figsize=(width, height))
    for i, panel in enumerate(panels):
        row, column = divmod(i, across)
        size = panel.counts.shape[1] * cell
        bottom = height - (row + 1) * (len(rows) * cell + head + foot) + foot
        corner = left + column * pitch
        axis = figure.add_axes((corner / width, bottom / height, size / width, len(rows) * cell / height))
        _matrix(axis, panel, columns)
        axis.set_yticks(range(len(rows)), rows if column == 0 else [""] * len(rows))
        axis.set_xlabel("module" if columns is None else column_label)
        if column == 0 and row_label:
            axis.set_ylabel(row_label, color=MUTED, fontsize=8)
    return figure


def _matrix(axis: Axes, panel: Panel, columns: Sequence[str] | None) -> None:
    order = module_order(panel.counts) if columns is None else list(range(panel.counts.shape[1]))
    counts = panel.counts[:, order]
    shares = row_shares(counts)
    axis.imshow(shares, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    for (y, x), share in np.ndenumerate(shares):
        colour = PAPER if share > 0.45 else INK
        axis.text(x, y - 0.18, f"{100 * share:.0f} %", ha="center", va="center", color=colour, fontsize=8.5)
        axis.text(x, y + 0.26, f"{int(counts[y, x])}", ha="center", va="center", color=colour, fontsize=7.5, alpha=0.8)
    names = [str(module + 1) for module in order] if columns is None else list(columns)
    axis.set_xticks(range(len(names)), names)
    axis.set_title(panel.title, fontsize=9)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.set_xticks(np.arange(0.5, len(names) - 1), minor=True)
    axis.set_yticks(np.arange(0.5, len(counts) - 1), minor=True)
    axis.grid(which="minor", color=MUTED, linewidth=0.4)
    axis.tick_params(which="minor", length=0)
    for spine in axis.spines.values():
        spine.set(visible=True, color=MUTED, linewidth=0.6)
