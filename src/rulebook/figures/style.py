"""The house style: one set of colours and sizes for every figure of the book."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

INK, MUTED, PAPER = "#22262b", "#8a929b", "#ffffff"
GIVEN, PREDICTED = "#5b6770", "#d1495b"
"""Borders of frames that a model saw, and of frames that it made up."""

SLOT_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""A slot keeps its colour through time and across figures (a palette that colour-blind readers can tell apart)."""

SEED_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def use_house_style() -> None:
    """Call once at the top of a notebook."""
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": PAPER,
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.titlelocation": "left",
            "axes.edgecolor": MUTED,
            "axes.labelcolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e6e8eb",
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "image.interpolation": "nearest",
            "svg.hashsalt": "rulebook",
        }
    )


def pale(colour: str, share: float = 0.45) -> str:
    """The colour with so much of it left, the rest white."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file whose bytes depend on the picture alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Software": None} if path.suffix == ".png" else None)
