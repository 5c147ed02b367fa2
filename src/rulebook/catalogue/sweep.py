"""The thesis's sweep on Moving MNIST (Appendix B): numbers of cells and slots, sizes of slots and values.

The thesis does not print its grid. Here: 4 settings of 3 values each in 9 runs, an orthogonal array in which any two
values of any two settings meet exactly once, so the effect of each setting is that of no other. OC-RIMs with BCD.
"""

from __future__ import annotations

from rulebook.catalogue.oc_rims_recipes import MNIST, Row, exhibits
from rulebook.catalogue.tree import Catalogue

CELLS, SLOTS, SLOT_SIZES, VALUE_SIZES = (3, 6, 9), (2, 3, 6), (32, 64, 128), (100, 200, 400)

ORTHOGONAL = (
    (0, 0, 0, 0),
    (0, 1, 1, 1),
    (0, 2, 2, 2),
    (1, 0, 1, 2),
    (1, 1, 2, 0),
    (1, 2, 0, 1),
    (2, 0, 2, 1),
    (2, 1, 0, 2),
    (2, 2, 1, 0),
)
"""Indices of the values of cells, slots, slot size, value size in each run."""

STEPS = 2000
"""Of the laptop profile, half of the other rows' (``LAPTOP_STEPS``): nine runs in two hours of one core. Models of the
sweep are compared with each other alone."""


def add_sweep(catalogue: Catalogue) -> None:
    for a, b, c, d in ORTHOGONAL:
        cells, slots, slot_size, value_size = CELLS[a], SLOTS[b], SLOT_SIZES[c], VALUE_SIZES[d]
        row = Row(
            f"sweep-c{cells}-s{slots}-d{slot_size}-v{value_size}",
            MNIST,
            "oc-rims",
            {"slots": slots, "slot_dim": slot_size, "cells": {"cells": cells, "value": value_size}},
            (*exhibits(*(f"figure-b-{number}" for number in range(1, 10))), "O21", "O22"),
            laptop=f"{2 * cells + 2} minutes of one core",
            paper=f"about {cells * 19} M multiply-adds a frame; {2 + cells // 3} hours of one H200",
            laptop_steps=STEPS,
        )
        catalogue.add(row.entry())
