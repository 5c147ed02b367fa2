"""What the cells of a model attend to, who is active, what each of them draws (thesis Figures 4.8 - 4.13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from einops import einsum, rearrange
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from rulebook.figures.heatmaps import SHARES
from rulebook.figures.rivals import DIM
from rulebook.figures.strips import Row, show
from rulebook.figures.style import GIVEN, INK, MUTED, PAPER, PREDICTED, SLOT_COLOURS


def slot_colour(index: int) -> str:
    """A cell or slot keeps its colour across figures."""
    return SLOT_COLOURS[index % len(SLOT_COLOURS)]


def rows_of_cells(
    pictures: Float[Tensor, "time cell channel height width"], cells: Sequence[int] | None = None
) -> list[Row]:
    """One row per cell, in the cell's colour; ``cells``: only these (of others there is nothing to see)."""
    shown = range(pictures.shape[1]) if cells is None else cells
    return [Row(f"cell {k + 1}", pictures[:, k], border=slot_colour(k)) for k in shown]


# ---- Which cell attends to which input ------------------------------------------------------------------------------


def attention_maps(
    frames: Float[Tensor, "time channel height width"],
    attention: Float[Tensor, "time cell inputs"],
    heads: Sequence[str],
    *,
    given: Sequence[bool],
    inputs: Sequence[str],
    across: int = 4,
) -> Figure:
    """One column per moment, ``across`` of them in a line: the frame that was looked at, and below it how every cell
    (row) shared its attention out over the inputs (columns), with the value in every field."""
    moments, cells, width = attention.shape
    across, down = min(across, moments), -(-moments // across)
    field, gap, side, head, foot, left = 0.3, 0.22, 0.78, 0.25, 0.5, 0.65
    total, line = left + across * (width * field + gap), head + side + 0.08 + cells * field + foot
    height = down * line
    figure = plt.figure(figsize=(total, height))
    for t in range(moments):
        row, column = divmod(t, across)
        corner, bottom = left + column * (width * field + gap), height - (row + 1) * line
        middle = corner + (width * field - side) / 2
        top = bottom + line - head - side
        above = figure.add_axes((middle / total, top / height, side / total, side / height))
        show(above, frames[t], border=GIVEN if given[t] else PREDICTED)
        above.set_title(heads[t], fontsize=8, loc="center", pad=3)
        axis = figure.add_axes(
            (corner / total, (bottom + foot) / height, width * field / total, cells * field / height)
        )
        _matrix(axis, attention[t].numpy())
        axis.set_xticks(range(width), inputs, fontsize=7, rotation=90 if max(map(len, inputs)) > 2 else 0)
        axis.set_yticks(range(cells), [f"cell {k + 1}" for k in range(cells)] if column == 0 else [""] * cells)
        for k, label in enumerate(axis.get_yticklabels()):
            label.set(color=slot_colour(k), fontweight="bold", fontsize=8)
    return figure


def _matrix(axis: Axes, values: np.ndarray) -> None:
    axis.imshow(values, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        text = f"{value:.2f}".lstrip("0") if 0.005 <= value < 0.995 else f"{value:.0f}"
        axis.text(x, y, text, ha="center", va="center", fontsize=6.5, color=PAPER if value > 0.45 else INK)
    axis.tick_params(length=0)
    axis.grid(False)


# ---- Who is active, and on whom the picture hangs -------------------------------------------------------------------


@dataclass(frozen=True)
class CellTimes:
    """One matrix of cells and frames."""

    title: str
    values: Float[Tensor, "time cell"]
    """In [0, 1]."""
    dots: Float[Tensor, "time cell"] | None = None
    """1 where a dot is drawn."""


def cell_times(
    panels: Sequence[CellTimes], *, given: int, label: str, first: int = 1, binary: bool = False, top: float = 1.0
) -> Figure:
    """Cells downwards, frames to the right, panels below each other; a red line where the model is left to itself.
    ``top``: value of the darkest colour; ``binary``: black or white, without a scale."""
    times, cells = panels[0].values.shape
    size = 0.25 * times + (1.2 if binary else 1.9), (0.24 * cells + 0.75) * len(panels)
    figure, axes = plt.subplots(len(panels), 1, figsize=size, squeeze=False, layout="constrained")
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        image = axis.imshow(
            panel.values.T.numpy(), cmap="gray_r" if binary else SHARES, vmin=0, vmax=top, aspect="auto"
        )
        if panel.dots is not None:
            time, cell = np.nonzero(panel.dots.numpy() > 0.5)
            axis.plot(time, cell, ".", color="#e69f00", markersize=4)
        axis.axvline(given - 0.5, color=PREDICTED, linewidth=1.6)
        axis.set_title(panel.title, fontsize=9)
        axis.set_xticks(range(0, times, 3), [str(first + t) for t in range(0, times, 3)], fontsize=8)
        axis.set_yticks(range(cells), [f"cell {k + 1}" for k in range(cells)], fontsize=8)
        axis.set_xlabel("predicted frame", fontsize=8)
        axis.tick_params(length=0)
        axis.grid(False)
        axis.set_xticks(np.arange(0.5, times - 1), minor=True)
        axis.set_yticks(np.arange(0.5, cells - 1), minor=True)
        axis.grid(which="minor", color=MUTED, linewidth=0.3)
        axis.tick_params(which="minor", length=0)
    if not binary:
        figure.colorbar(image, ax=list(axes[:, 0]), label=label, shrink=0.9)
    return figure


# ---- Where slots look -----------------------------------------------------------------------------------------------


def centres(count: int, kernels: Sequence[int], strides: Sequence[int]) -> Float[Tensor, " cell"]:
    """Where, in pixels along one side of the frame, the cells of a feature map lie behind these convolutions (without
    padding): the middles of what they see."""
    first, jump = 0.0, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        first += (kernel - 1) / 2 * jump
        jump *= stride
    return first + jump * torch.arange(count, dtype=torch.float32)


def _hats(size: int, places: Float[Tensor, " cell"]) -> Float[Tensor, "pixel cell"]:
    """Weights of linear interpolation between these places; beyond the outermost ones their value holds."""
    pixel = torch.arange(size, dtype=torch.float32).clamp(float(places[0]), float(places[-1]))
    if len(places) == 1:
        return torch.ones(size, 1)
    return (1 - (rearrange(pixel, "p -> p 1") - places).abs() / (places[1] - places[0])).clamp_min(0)


def over_frame(
    frames: Float[Tensor, "time channel height width"],
    attention: Float[Tensor, "time down across"],
    kernels: Sequence[int],
    strides: Sequence[int],
    colour: str,
) -> Float[Tensor, "time 3 height width"]:
    """The frame, dimmed, under a haze of this colour where the attention of a feature map lies."""
    down, across = (
        _hats(pixels, centres(count, kernels, strides))
        for pixels, count in zip(frames.shape[-2:], attention.shape[-2:], strict=True)
    )
    haze = einsum(down, attention, across, "y i, t i j, x j -> t y x")
    tint = rearrange(torch.tensor(to_rgb(colour)), "c -> 1 c 1 1")
    return (DIM * frames + (1 - DIM) * rearrange(haze, "t y x -> t 1 y x") * tint).clamp(0, 1)


# ---- Who reads, and who draws ---------------------------------------------------------------------------------------

Roles = tuple[Sequence[float], Sequence[float], Sequence[float]]
"""Of every cell: what it reads, what it draws, and the share by which the error grows without it."""


def cell_roles(panels: Mapping[str, Mapping[str, Roles]], *, xlabel: str, ylabel: str) -> Figure:
    """One panel per world, one colour per name of a run, one point per cell: the larger, the dearer it is to miss."""
    names = list(dict.fromkeys(name for runs in panels.values() for name in runs))
    figure, axes = plt.subplots(1, len(panels), figsize=(4.3 * len(panels) + 0.2, 4.4), squeeze=False, sharey=True)
    for axis, (title, runs) in zip(axes[0], panels.items(), strict=True):
        for name, (read, drawn, cost) in runs.items():
            size = 12 + 160 * np.clip(np.asarray(cost, dtype=float), 0, None)
            axis.scatter(
                read, drawn, s=size, color=slot_colour(names.index(name)), alpha=0.75, edgecolor=PAPER, label=name
            )
        axis.set_title(title, fontsize=9, loc="left")
        axis.set(xlabel=xlabel, xlim=(0, 1))
        axis.margins(y=0.08)
        axis.legend(loc="upper right", fontsize=7, markerscale=0.6)
    axes[0][0].set_ylabel(ylabel)
    figure.tight_layout()
    return figure
