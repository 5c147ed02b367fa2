"""What a results page needs: its runs, sentences made of numbers, and a word on what is not there yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown, display
from pandas.io.formats.style import Styler

from rulebook.measures.intervals import mean_interval
from rulebook.publishing.values import rounded
from rulebook.results import Results, Run


def say(*sentences: str) -> None:
    """A paragraph made of what was computed; figures that the cell has drawn so far stand above it."""
    plt.show()
    text = " ".join(sentence for sentence in sentences if sentence)
    if text:
        display(Markdown(text))


def neat(table: pd.DataFrame, name: str, digits: int = 3) -> Styler:
    """A table as pages show it; ``name`` keeps the marks of two tables of a page apart, and the same every time.

    The profile is the same in every row, sentences beside the table say it, and the page is narrow: it is left to the
    table's file.
    """
    style = table.style.hide(axis="index").format(na_rep="-", precision=digits).set_uuid(name)
    return style.hide(subset=["profile"], axis="columns") if "profile" in table.columns else style


class Shelf:
    """The evaluated runs of some catalogue entries, each in its best profile."""

    def __init__(self, results: Results, *entries: str):
        self.results = results
        self.entries = entries
        self._runs: dict[str, list[Run]] = {}

    def runs(self, entry: str) -> list[Run]:
        """Trained and evaluated runs of one entry, by seed; smoke runs are never among them."""
        if entry not in self._runs:
            profile = self.results.best_profile(entry)
            found = self.results.of(entry, profile) if profile else []
            self._runs[entry] = [run for run in found if run.metrics and run.finished]
        return self._runs[entry]

    def here(self, *entries: str) -> bool:
        """Whether every one of these entries has a run."""
        return all(self.runs(entry) for entry in entries)

    def by_seed(self, entry: str, metric: str) -> dict[int, Any]:
        """Seed -> value."""
        return {run.seed: run.metrics[metric]["value"] for run in self.runs(entry) if metric in run.metrics}

    def groups(self, metric: str, names: Mapping[str, str]) -> dict[str, dict[int, Any]]:
        """Name -> seed -> value, for the entries that have the metric; ``names``: entry -> name."""
        found = {name: self.by_seed(entry, metric) for entry, name in names.items()}
        return {name: values for name, values in found.items() if values}

    def spoken(self, entry: str, metric: str) -> str:
        """'0.98 (0.97 to 0.99 over 3 seeds)', or what is missing."""
        return spoken(list(self.by_seed(entry, metric).values()))

    def made_by(self, *entries: str) -> str:
        """A sentence that names the profile and the seeds of what is shown."""
        parts = []
        for entry in entries or self.entries:
            runs = self.runs(entry)
            if runs:
                parts.append(f"`{entry}` ({len(runs)} {plural('seed', len(runs))}, profile `{runs[0].profile}`)")
        shown = f"Shown: {', '.join(parts)}." if parts else ""
        return " ".join(filter(None, (shown, self.broken(*entries))))

    def broken(self, *entries: str) -> str:
        """A sentence that names the runs that have no numbers because their loss ceased to be one."""
        names = [
            f"`{entry}` (seed {run.seed}, step {run.broken['step']})"
            for entry in entries or self.entries
            for run in self.results.of(entry)
            if run.broken and run.profile != "smoke"
        ]
        return f"**Broke off in training, as a loss or weight was no number: {', '.join(names)}.**" if names else ""

    def missing(self, *entries: str) -> str:
        """A sentence that names the entries without a run, and the command that makes one; empty if all are there."""
        absent = [entry for entry in entries or self.entries if not self.runs(entry)]
        if not absent:
            return ""
        names = ", ".join(f"`{entry}`" for entry in absent)
        made = "makes one" if len(absent) == 1 else "makes the first"
        return f"**No trained run of {names} is here yet**; `rulebook train {absent[0]}/laptop/s0` {made}."


def spoken(values: Sequence[float], digits: int = 3) -> str:
    """A mean with its range over seeds, in words."""
    if not values:
        return "not measured yet"
    mean, _, _ = mean_interval(values)
    if len(values) == 1:
        return f"{rounded(mean, digits)} (1 seed)"
    low, high = rounded(min(values), digits), rounded(max(values), digits)
    if low == high:
        return f"{low} (all {len(values)} seeds)"
    return f"{rounded(mean, digits)} ({low} to {high} over {len(values)} seeds)"


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
