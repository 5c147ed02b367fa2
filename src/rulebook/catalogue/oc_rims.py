"""GRU, ConvLSTM, RIMs, OC-RIMs, object-centric SCOFF: every row of the thesis's Tables 4.2 - 4.8, on both its worlds.

What a row is, and how it trains in each profile, says ``oc_rims_recipes``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rulebook.catalogue.oc_rims_recipes import COST, MNIST, SPRITES, Row, exhibits
from rulebook.catalogue.tree import Catalogue


def oc(
    world: str,
    decoder: str,
    cells: int,
    slots: int | None,
    needed_by: tuple[str, ...],
    thesis: tuple[float, float] | None = None,
    *,
    active: int | None = None,
    seeds: int = 1,
) -> Row:
    """A row of OC-RIMs; ``slots`` None: on the flattened feature map."""
    name = f"oc-rims-{decoder}-{cells}-{slots}" if slots else f"oc-rims-ff-{decoder}-{cells}"
    settings: dict[str, Any] = {"decoder": decoder, "cells": {"cells": cells, "active": active}}
    settings |= {"slots": slots} if slots else {"inputs": "map"}
    laptop, paper = COST[decoder]
    variant = name if active is None else f"{name}-active{active}"
    return Row(variant, world, "oc-rims", settings, needed_by, thesis, laptop, paper, seeds)


def rims(
    world: str,
    cells: int,
    needed_by: tuple[str, ...],
    thesis: tuple[float, float],
    *,
    active: int | None = None,
    seeds: int = 1,
) -> Row:
    """A row of the RIMs baseline."""
    variant = f"rims-cat-{cells}" if active is None else f"rims-cat-{cells}-active{active}"
    settings = {"cells": {"cells": cells, "active": active}}
    return Row(variant, world, "rims", settings, needed_by, thesis, *COST["rims"], seeds)


MNIST_ROWS = [
    Row(
        "conv-lstm",
        MNIST,
        "conv-lstm",
        needed_by=exhibits("table-4-2", "table-4-5"),
        thesis=(103.3, 0.7070),
        laptop=COST["conv-lstm"][0],
        paper=COST["conv-lstm"][1],
        seeds=3,
    ),
    Row(
        "gru-cat",
        MNIST,
        "gru",
        needed_by=(*exhibits("table-4-2", "table-4-5", "figure-4-3"), "O1", "O3"),
        thesis=(89.49, 0.8484),
        laptop=COST["gru"][0],
        paper=COST["gru"][1],
        seeds=3,
    ),
    rims(
        MNIST,
        6,
        (*exhibits("table-4-2", "table-4-5", "table-4-8", "figure-4-3"), "O1", "O3", "O5", "O14", "O15"),
        (96.25, 0.8312),
        seeds=3,
    ),
    oc(
        MNIST,
        "bcd",
        6,
        3,
        (
            *exhibits("table-4-2", "table-4-5", "figure-4-1", "figure-4-3", "figure-4-5"),
            *exhibits("figure-4-14", "figure-4-15", "figure-4-16"),
            *("O1", "O7", "O8", "O9", "O20"),
        ),
        (73.88, 0.8742),
        seeds=3,
    ),
    oc(MNIST, "bcd", 3, 3, (*exhibits("table-4-5"), "O8"), (89.74, 0.8467)),
    oc(MNIST, "bcd", 6, 6, (*exhibits("table-4-5"), "O9"), (81.21, 0.8611)),
    oc(MNIST, "sbd", 3, 3, (*exhibits("table-4-5", "table-4-7"), "O8"), (87.25, 0.8504)),
    oc(
        MNIST,
        "sbd",
        6,
        3,
        (*exhibits("table-4-5", "table-4-7", "figure-4-3"), "O7", "O8", "O9", "O14"),
        (76.69, 0.8688),
    ),
    oc(MNIST, "sbd", 6, 6, (*exhibits("table-4-5"), "O9"), (76.98, 0.8688)),
    oc(MNIST, "cat", 6, 3, (*exhibits("table-4-5", "figure-4-3"), "O5", "O7"), (88.99, 0.8442)),
    oc(MNIST, "sbd", 6, None, exhibits("table-4-5"), (81.22, 0.8568)),
    oc(MNIST, "sbd", 6, 3, (*exhibits("table-4-7"), "O14"), (105.99, 0.8082), active=3),
    oc(MNIST, "sbd", 6, 3, (*exhibits("table-4-7"), "O14"), (124.50, 0.7668), active=2),
    rims(MNIST, 10, (*exhibits("table-4-8"), "O14", "O15"), (123.36, 0.7674), active=6),
    rims(MNIST, 10, (*exhibits("table-4-8"), "O14", "O15"), (155.29, 0.7298), active=4),
    rims(MNIST, 10, (*exhibits("table-4-8"), "O14", "O15"), (134.26, 0.7500), active=2),
    # Also tested with all 6 cells active, the last row of Table 4.8: 191.26, 0.7175.
    rims(
        MNIST,
        6,
        (*exhibits("table-4-8", "figure-4-9", "figure-4-10"), "O14", "O15", "O16", "O17"),
        (131.66, 0.7971),
        active=4,
    ),
    Row(
        "oc-scoff-bcd",
        MNIST,
        "oc-rims",
        {"decoder": "bcd", "cells": {"schemata": 3, "start": "normal"}},
        (*exhibits("figure-4-14", "figure-4-15", "figure-4-16"), "O20"),
        None,
        "6.8 M multiply-adds a frame, 35 minutes of one core",
        COST["bcd"][1],
        seeds=5,
    ),
]

SPRITES_ROWS = [
    Row(
        "gru-cat",
        SPRITES,
        "gru",
        needed_by=(*exhibits("table-4-3", "table-4-6", "figure-4-4"), "O2", "O4"),
        thesis=(85.58, 0.8960),
        laptop=COST["gru"][0],
        paper=COST["gru"][1],
        seeds=3,
    ),
    rims(
        SPRITES,
        6,
        (*exhibits("table-4-3", "table-4-6", "figure-4-4"), "O2", "O4", "O6"),
        (74.78, 0.9057),
        seeds=3,
    ),
    oc(
        SPRITES,
        "sbd",
        6,
        3,
        (
            *exhibits("table-4-3", "table-4-4", "table-4-6", "figure-4-2", "figure-4-4", "figure-4-6", "figure-4-7"),
            *exhibits("figure-4-8", "figure-4-11", "figure-4-12", "figure-4-13"),
            *("O2", "O7", "O8", "O9", "O10", "O11", "O12", "O13", "O18", "O19"),
        ),
        (39.60, 0.9341),
        seeds=3,
    ),
    oc(SPRITES, "sbd", 3, 3, (*exhibits("table-4-4", "table-4-6"), "O8", "O13"), (70.33, 0.9022)),
    oc(SPRITES, "sbd", 6, 6, (*exhibits("table-4-4", "table-4-6"), "O9", "O13"), (45.19, 0.9306)),
    oc(SPRITES, "bcd", 3, 3, (*exhibits("table-4-4", "table-4-6"), "O8"), (69.10, 0.9077)),
    oc(SPRITES, "bcd", 6, 3, (*exhibits("table-4-4", "table-4-6"), "O7", "O8"), (47.88, 0.9284)),
    oc(SPRITES, "bcd", 6, 6, exhibits("table-4-4")),
    oc(SPRITES, "cat", 6, 3, (*exhibits("table-4-6", "figure-4-4"), "O6", "O7"), (80.65, 0.8999)),
    oc(SPRITES, "sbd", 6, None, (*exhibits("table-4-4", "table-4-6"), "O13"), (39.66, 0.9359)),
    oc(SPRITES, "bcd", 6, None, exhibits("table-4-4")),
]

# The thesis's open question (4.3, last paragraph): without the second normalisation, are there fewer duplicate cells?
SINGLE_NORM_ROWS = [
    Row(
        f"oc-rims-{decoder}-6-3-single-norm",
        world,
        "oc-rims",
        {"decoder": decoder, "cells": {"renormalise": False}},
        ("objects",),
        None,
        COST[decoder][0],
        COST[decoder][1],
        seeds=3,
    )
    for world, decoder in ((MNIST, "bcd"), (SPRITES, "sbd"))
]


# What Muon and the start of the laptop profile are worth.
PLAIN_ROWS = [
    replace(row, variant=f"{row.variant}-plain", needed_by=("prediction",), thesis=None, seeds=1, plain=True)
    for rows, names in (
        (MNIST_ROWS, ("gru-cat", "rims-cat-6", "oc-rims-bcd-6-3")),
        (SPRITES_ROWS, ("gru-cat", "rims-cat-6", "oc-rims-sbd-6-3")),
    )
    for row in rows
    if row.variant in names
]

# Where Muon alone leaves slots alike (Moving MNIST): Adam leads.
LED_ROWS = [
    replace(row, variant=f"{row.variant}-led", needed_by=("ablations",), thesis=None, led=True)
    for row in MNIST_ROWS
    if row.variant in ("oc-rims-bcd-6-3", "oc-rims-sbd-6-3", "oc-rims-sbd-6-6")
]

# Where sparse activation broke trainings by Muon, and two dense rows beside them.
PROPORTIONAL_ROWS = [
    replace(row, variant=f"{row.variant}-proportion", needed_by=("ablations",), thesis=None, seeds=1, proportional=True)
    for row in MNIST_ROWS
    if row.variant in ("rims-cat-6", "oc-rims-sbd-6-3") or "active" in row.variant
]


def add_oc_rims(catalogue: Catalogue) -> None:
    for row in (*MNIST_ROWS, *SPRITES_ROWS, *SINGLE_NORM_ROWS, *PLAIN_ROWS, *LED_ROWS, *PROPORTIONAL_ROWS):
        catalogue.add(row.entry())
