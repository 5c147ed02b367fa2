"""Film strips: rows of frames over time, with borders that tell given from predicted frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from einops import rearrange
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from rulebook.figures.style import GIVEN, PREDICTED, SLOT_COLOURS


@dataclass(frozen=True)
class Row:
    """One row of a film strip."""

    label: str
    frames: Float[Tensor, "time channel height width"]
    given: int | None = None
    """Frames from this index on are predictions; None: no border is drawn."""
    border: str | None = None
    """One colour for all borders, for example a slot's."""
    boxes: Float[Tensor, "time box 4"] | None = None
    """Boxes over the frames, each in its slot's colour: centre (x, y), width and height in pixels; nan: none."""


def film_strip(rows: Sequence[Row], *, size: float = 0.62, title: str = "", heads: Sequence[str] = ()) -> Figure:
    """Rows of frames below each other; time runs to the right. ``heads`` are written above the columns."""
    columns = max(len(row.frames) for row in rows)
    label_width = 0.075 * max(len(row.label) for row in rows) + 0.1
    head = (0.35 if title else 0.05) + (0.2 if heads else 0)
    width, height = columns * size + label_width, len(rows) * size + head
    figure, axes = plt.subplots(len(rows), columns, figsize=(width, height), squeeze=False)
    figure.subplots_adjust(
        left=label_width / width, right=1, top=1 - head / height, bottom=0.02, wspace=0.06, hspace=0.06
    )
    for row, line in zip(rows, axes, strict=True):
        for time, axis in enumerate(line):
            if time < len(row.frames):
                show(axis, row.frames[time], border=border_of(row, time))
                if row.boxes is not None:
                    outline(axis, row.boxes[time])
            else:
                axis.axis("off")
        line[0].set_ylabel(row.label, rotation=0, ha="right", va="center", labelpad=6)
    for axis, text in zip(axes[0], heads, strict=False):
        axis.set_title(text, fontsize=8, loc="center", pad=3)
    if title:
        figure.suptitle(title, x=label_width / width, y=1 - 0.02, ha="left", va="top", fontsize=10)
    return figure


def border_of(row: Row, time: int) -> str | None:
    if row.border is not None:
        return row.border
    if row.given is None:
        return None
    return GIVEN if time < row.given else PREDICTED


def show(axis: Axes, frame: Float[Tensor, "channel height width"], border: str | None = None) -> None:
    """One frame, without ticks."""
    picture = rearrange(frame.detach().float().cpu().clamp(0, 1), "c h w -> h w c").numpy()
    axis.imshow(np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(border is not None)
        spine.set(color=border or "none", linewidth=2)


def outline(axis: Axes, boxes: Float[Tensor, "box 4"]) -> None:
    """Boxes over a frame, cut off at its edge."""
    for k, (x, y, width, height) in enumerate(boxes.detach().cpu().tolist()):
        if x == x:
            colour = SLOT_COLOURS[k % len(SLOT_COLOURS)]
            corner = (x - width / 2, y - height / 2)
            axis.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=1.2))


def slot_rows(
    frames: Float[Tensor, "time channel height width"],
    rgb: Float[Tensor, "time slot channel height width"],
    masks: Float[Tensor, "time slot height width"],
    painted: Float[Tensor, "time channel height width"],
) -> list[Row]:
    """Truth, reconstruction, and what every slot adds to it, each slot in its own colour."""
    parts = rgb * masks[:, :, None]
    slots = [
        Row(f"slot {k + 1}", parts[:, k], border=SLOT_COLOURS[k % len(SLOT_COLOURS)]) for k in range(parts.shape[1])
    ]
    return [Row("truth", frames), Row("model", painted), *slots]
