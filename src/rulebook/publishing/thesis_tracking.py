"""Table 4.4 of the thesis: how long a cell follows one object, beside the same model without any training."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rulebook.claims.rules import Summary
from rulebook.publishing.pages import Shelf
from rulebook.publishing.thesis_printed import TRACKED
from rulebook.publishing.thesis_tables import MISSING, described
from rulebook.publishing.values import rounded

LENGTHS = {"acl": "ACL", "mcl": "MCL"}
DUPLICATES = {
    "duplicates_share": "duplicate cells (under masks)",
    "duplicates_share_unmasked": "duplicate cells (own pictures)",
    "single_object_share": "cells on one object",
    "mcl": "MCL",
    "mse": "MSE",
}
"""What the second normalisation of the input attention may change -> how a figure calls it."""


def before_training(shelf: Shelf, entry: str, metric: str) -> float | None:
    """Mean over the seeds shown, of the weights that training started from."""
    values = list(shelf.by_seed(entry, f"{metric}_untrained").values())
    return sum(values) / len(values) if values else None


def tracking_table(shelf: Shelf) -> pd.DataFrame:
    """Thesis, ours (mean over seeds, and every seed of MCL), and untrained; the last row is the mean of each column."""
    rows = []
    for entry, printed in TRACKED.items():
        told = described(entry)
        row: dict[str, Any] = {
            "input": "feature map" if "(FF)" in told["model"] else "slots",
            "decoder": told["decoder"],
            "modules": told["modules"],
        }
        for metric, name in LENGTHS.items():
            values = list(shelf.by_seed(entry, metric).values())
            row[f"{name}, thesis"] = printed[metric]
            row[name] = sum(values) / len(values) if values else None
            row[f"{name}, untrained"] = before_training(shelf, entry, metric)
        row["MCL, every seed"] = ", ".join(rounded(value) for value in shelf.by_seed(entry, "mcl").values()) or "-"
        runs = shelf.runs(entry)
        rows.append(row | {"profile": runs[0].profile if runs else MISSING})
    table = pd.DataFrame(rows)
    numbers = [column for column in table.columns if table[column].dtype.kind == "f"]
    average = {column: table[column].mean() for column in numbers}
    text = {"input": "average", "decoder": "", "modules": "", "MCL, every seed": "", "profile": ""}
    return pd.concat([table, pd.DataFrame([{**text, **average}])], ignore_index=True)[table.columns]


def fewer(shelf: Shelf, single: str, both: str) -> str:
    """Does dropping the second normalisation reduce duplicates? Yes or no only where intervals are apart."""
    answers = {}
    for metric, how in (("duplicates_share", "under masks"), ("duplicates_share_unmasked", "on own pictures")):
        values = [list(shelf.by_seed(entry, metric).values()) for entry in (single, both)]
        if not all(values):
            return ""
        if min(map(len, values)) < 2:
            return "Whether dropping it gives fewer duplicate cells, a single seed cannot tell."
        one, two = Summary.of(values[0]), Summary.of(values[1])
        answers[how] = "fewer" if one.below(two) else "more" if two.below(one) else "no clear difference in"
    if len(set(answers.values())) == 1:
        return f"So dropping it gives **{next(iter(answers.values()))} duplicate cells**."
    return "So dropping it gives " + "; ".join(f"**{found} duplicates** {how}" for how, found in answers.items()) + "."
