"""Figures of the thesis's models: one colour per model, film strips of predictions and of what each cell draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from rulebook.figures.curves import lines_of_seeds
from rulebook.figures.seeds import seed_colour
from rulebook.figures.strips import Row
from rulebook.figures.style import GIVEN, INK, MUTED, PREDICTED, SLOT_COLOURS

MODEL_COLOURS = {
    "conv-lstm": "#8c5a2b",
    "gru-cat": "#e69f00",
    "rims-cat": "#d55e00",
    "oc-rims-cat": "#cc79a7",
    "oc-rims-sbd": "#009e73",
    "oc-rims-bcd": "#0072b2",
    "oc-rims-ff": "#56b4e9",
    "oc-scoff": "#7a5195",
}
"""By the beginning of the variant's name: a model keeps its colour on all pages."""

FLOOR_LINES = {"copy_last": ("copy of frame 9", ":"), "mean_frame": ("mean frame", "--"), "tracker": ("tracker", "-.")}


def colour_of(entry: str) -> str:
    """The colour of a catalogue entry's model."""
    return next(colour for name, colour in MODEL_COLOURS.items() if entry.startswith(name))


def loss_curves(history: pd.DataFrame, *, level: float, name: str) -> Figure:
    """Training and validation loss over steps, every seed, and what a prediction without learning scores
    (thesis Figures 4.1, 4.2)."""
    seeds = sorted(history["seed"].unique())

    def of(split: str) -> list:
        parts = [history[(history["split"] == split) & (history["seed"] == seed)] for seed in seeds]
        return [(part["step"].to_numpy(), part["error"].to_numpy()) for part in parts]

    figure = lines_of_seeds(
        {"training clips": (of("train"), "#0072b2"), "validation clips": (of("validation"), PREDICTED)},
        xlabel="training step",
        ylabel="squared error of the next frame",
    )
    axis = figure.axes[0]
    axis.axhline(level, color=MUTED, linewidth=1, linestyle=":")
    axis.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=MUTED, size=8)
    return figure


def training_curves(histories: Mapping[str, tuple[pd.DataFrame, str]], *, smooth: int = 10) -> Figure:
    """Name -> (history of its runs, colour): training losses over steps, every seed, means over ``smooth`` lines."""
    groups = {}
    for name, (history, colour) in histories.items():
        lines = []
        for _, part in history[history["split"] == "train"].groupby("seed"):
            mean = part["error"].rolling(smooth, min_periods=smooth).mean()
            lines.append((part["step"].to_numpy(), mean.to_numpy()))
        groups[name] = (lines, colour)
    return lines_of_seeds(
        groups, xlabel="training step", ylabel=f"squared error of the next frame,\nmean of {smooth} lines"
    )


def over_horizon(
    models: Mapping[str, Mapping[int, Sequence[float]]],
    floors: Mapping[str, Sequence[float]],
    frames: Sequence[int],
    *,
    labels: Mapping[str, str],
    ylabel: str,
) -> Figure:
    """Error of every predicted frame: every seed a thin line, the mean of a model's seeds a thick one; what takes no
    learning in grey, cut off where it leaves the models far below. Names stand at the ends of the lines."""
    figure, axis = plt.subplots(figsize=(7.0, 4.4))
    top = 1.2 * max(value for by_seed in models.values() for values in by_seed.values() for value in values)
    ends: list[tuple[float, str, str]] = []
    for suffix, values in floors.items():
        name, style = FLOOR_LINES[suffix]
        axis.plot(frames, values, color=MUTED, linewidth=1.6, linestyle=style)
        beyond = f" (up to {values[-1]:.0f})" if values[-1] > top else ""
        ends.append((min(values[-1], top), f"{name}{beyond}", MUTED))
    for entry, by_seed in models.items():
        colour = colour_of(entry)
        for values in by_seed.values():
            axis.plot(frames, values, color=colour, linewidth=0.8, alpha=0.5)
        mean = [sum(column) / len(column) for column in zip(*by_seed.values(), strict=True)]
        axis.plot(frames, mean, color=colour, linewidth=2.2)
        ends.append((mean[-1], labels[entry], colour))
    axis.set(xlabel="frame of the clip (frames 0 to 9 are given)", ylabel=ylabel, xlim=(frames[0], frames[-1]))
    axis.set_ylim(0, top)
    axis.set_xticks(list(frames))
    figure.tight_layout()
    _name_ends(axis, ends, gap=top / 22)
    return figure


def _name_ends(axis: Axes, ends: Sequence[tuple[float, str, str]], *, gap: float) -> None:
    """(height, name, colour) of lines at the right edge: every name beside its end, in the order of the ends and
    ``gap`` apart, with a thin line to the end where it had to move."""
    ranked = sorted(ends)
    places = [height for height, _, _ in ranked]
    for _ in range(200):
        for i in range(len(places) - 1):
            close = gap - (places[i + 1] - places[i])
            if close > 0:
                places[i], places[i + 1] = places[i] - close / 2, places[i + 1] + close / 2
    for place, (height, name, colour) in zip(places, ranked, strict=True):
        axis.annotate(
            name,
            (1.0, height),
            xytext=(1.04, place),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            color=colour,
            fontsize=8,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
        )


def before_and_after(
    panels: Mapping[str, Mapping[str, tuple[Mapping[int, float], Mapping[int, float]]]], *, ylabel: str
) -> Figure:
    """One axis per panel, two in a line, and one place per model: every seed a line from before training (pale) to
    after it."""
    across, down = min(2, len(panels)), -(-len(panels) // 2)
    figure, axes = plt.subplots(down, across, figsize=(3.5 * across, 2.9 * down + 0.3), sharey=True, squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (name, models) in zip(axes.flat, panels.items(), strict=False):
        for x, (before, after) in enumerate(models.values()):
            for seed in sorted(after):
                colour = seed_colour(seed)
                if seed in before:
                    axis.plot([x - 0.15, x + 0.15], [before[seed], after[seed]], color=MUTED, linewidth=0.9, zorder=1)
                    axis.plot(x - 0.15, before[seed], "o", color=colour, alpha=0.35, markersize=5)
                axis.plot(x + 0.15, after[seed], "o", color=colour, markersize=6)
        axis.set_xticks(range(len(models)), list(models), rotation=30, ha="right", rotation_mode="anchor", fontsize=8)
        axis.set(title=name, ylim=(-0.04, 1.04), xlim=(-0.5, len(models) - 0.5))
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    seeds = sorted({seed for models in panels.values() for _, after in models.values() for seed in after})
    marks = [Line2D([], [], marker="o", linestyle="", color=seed_colour(seed), label=f"seed {seed}") for seed in seeds]
    marks.append(Line2D([], [], marker="o", linestyle="", color=INK, alpha=0.35, label="before training"))
    figure.tight_layout(rect=(0, 0.3 / figure.get_figheight(), 1, 1))
    figure.legend(handles=marks, loc="lower center", ncols=len(marks), fontsize=8, handletextpad=0.3, columnspacing=1)
    return figure


def cell_rows(truth: Tensor, prediction: Tensor, cells: Sequence[Tensor], given: int) -> list[Row]:
    """Truth, prediction, and one row per cell in the cell's colour; ``given`` of the columns are given frames."""
    rows = [Row("truth", truth, given=given), Row("prediction", prediction, given=given)]
    for k, pictures in enumerate(cells):
        rows.append(Row(f"cell {k + 1}", pictures, border=SLOT_COLOURS[k % len(SLOT_COLOURS)]))
    return rows


def prediction_rows(given: Tensor, truth: Tensor, predictions: Mapping[str, Tensor]) -> list[Row]:
    """The frames that all models saw, those that followed, and what each model made of them."""
    rows = [Row("given", given, border=GIVEN), Row("what followed", truth)]
    return rows + [Row(name, frames, border=PREDICTED) for name, frames in predictions.items()]


def shares_beside(
    rows: Mapping[str, Mapping[int, float]],
    *,
    thesis: Mapping[str, float],
    untrained: Mapping[str, float],
    xlabel: str,
) -> Figure:
    """One line per model: every seed a point, beside it the thesis's value and that of a model without training."""
    figure, axis = plt.subplots(figsize=(6.4, 0.34 * len(rows) + 1.25))
    for y, (name, by_seed) in enumerate(rows.items()):
        axis.axhline(y, color="#eceff2", linewidth=1, zorder=0)
        if name in untrained:
            axis.plot(untrained[name], y, "D", color=MUTED, markersize=6, markerfacecolor="none")
        if name in thesis:
            axis.plot(thesis[name], y, "x", color=INK, markersize=7, markeredgewidth=1.8)
        for seed, value in sorted(by_seed.items()):
            axis.plot(value, y, "o", color=seed_colour(seed), markersize=6, alpha=0.9)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set(xlim=(0, 1.02), xlabel=xlabel)
    axis.grid(axis="y", visible=False)
    seeds = sorted({seed for by_seed in rows.values() for seed in by_seed})
    marks = [Line2D([], [], marker="o", linestyle="", color=seed_colour(seed), label=f"seed {seed}") for seed in seeds]
    marks.append(Line2D([], [], marker="x", linestyle="", color=INK, markeredgewidth=1.8, label="thesis"))
    blank = Line2D([], [], marker="D", linestyle="", color=MUTED, markerfacecolor="none", label="same model, untrained")
    marks.append(blank)
    figure.tight_layout(rect=(0, 0.3 / figure.get_figheight(), 1, 1))
    figure.legend(handles=marks, loc="lower center", ncols=len(marks), fontsize=8, handletextpad=0.2, columnspacing=1)
    return figure
