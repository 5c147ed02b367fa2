"""Which step of a training is reported, and what choosing it by validation clips would have changed.

The book reports the last step. The author of the thesis chose the best epoch on the test clips. Beside both stands the
choice that may be made: the step of the lowest loss on validation clips.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from rulebook.publishing.pages import Shelf, plural
from rulebook.publishing.thesis_tables import label
from rulebook.results import Run

LAST, LOWEST = "validation loss, last step", "lowest"
MSE_LAST, MSE_THERE = "free-running MSE, last step", "at that step"
MSE_LOWEST, MSE_STEP = "lowest MSE", "at its step"
COLUMNS = ["model", "seed", LAST, LOWEST, "at step", "of", "higher by", MSE_LAST, MSE_THERE, MSE_LOWEST, MSE_STEP]


def selection(shelf: Shelf, *entries: str) -> pd.DataFrame:
    """One row per run. The free-running MSE is that of the looks at validation clips during training."""
    rows = [_row(run, entry) for entry in entries for run in shelf.runs(entry) if "validation_loss" in run.metrics]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(run: Run, entry: str) -> dict[str, object]:
    last, lowest = (float(run.metrics[name]["value"]) for name in ("validation_loss", "validation_loss_best"))
    step = int(run.metrics["validation_best_step"]["value"])
    return {
        "model": label(entry),
        "seed": run.seed,
        LAST: last,
        LOWEST: lowest,
        "at step": step,
        "of": run.config["training"]["steps"],
        "higher by": f"{last / lowest - 1:.1%}",
        MSE_LAST: _look(run, lambda looks: looks.iloc[-1]),
        MSE_THERE: _look(run, lambda looks: looks[looks["step"] == step].iloc[-1]),
        MSE_LOWEST: _look(run, lambda looks: looks.loc[looks["mse"].idxmin()]),
        MSE_STEP: _look(run, lambda looks: looks.loc[looks["mse"].idxmin()], "step"),
    }


def _look(run: Run, choose: Callable[[pd.DataFrame], pd.Series], column: str = "mse") -> float | None:
    """The free-running MSE of one look, or its step; None for runs that were trained without looks."""
    history = run.history
    if "mse" not in history:
        return None
    return float(choose(history[history["split"] == "validation"])[column])


def verdict(table: pd.DataFrame) -> str:
    """What it would have changed, in words: of single runs, and of the order of the models."""
    if table.empty:
        return ""
    other = int((table["at step"] != table["of"]).sum())
    change = (table[LAST] / table[LOWEST] - 1).max()
    text = f"Validation would choose a step before the last in {other} of {len(table)} runs"
    text += f", with a loss lower by {change:.1%} at most." if other else "."
    orders = [list(table.groupby("model")[column].mean().sort_values().index) for column in (LAST, LOWEST)]
    if len(orders[0]) > 1:
        same = orders[0] == orders[1]
        text += " The order of the models stays the same." if same else " **The order of the models would change.**"
    return text


def by_free_running(table: pd.DataFrame) -> str:
    """What choosing by the free-running MSE of the few validation clips would have changed."""
    known = table.dropna(subset=[MSE_LOWEST])
    if known.empty:
        return ""
    other = int((known[MSE_STEP] != known["of"]).sum())
    gain = (1 - known[MSE_LOWEST] / known[MSE_LAST]).max()
    text = f"By free-running MSE another step would be chosen in {other} of {len(known)} runs"
    text += f", with an MSE lower by {gain:.1%} at most." if other else "."
    return (
        f"{text} The author's code chooses the epoch on the very clips that it reports: of these"
        f" {plural('run', len(known))}, chosen and reported so, none would look better by more than that."
    )
