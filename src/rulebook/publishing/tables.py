"""Tables of the book and the README as Markdown, from results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from rulebook.catalogue import CATALOGUE
from rulebook.claims import VERDICTS
from rulebook.claims.rules import MIN_SEEDS
from rulebook.exhibits import EXHIBITS, in_book
from rulebook.publishing.reasons import because
from rulebook.publishing.values import rounded
from rulebook.results import Results

BOUNDED = ("share", "total variation")
"""Units of numbers from 0 to 1: an interval of Student's t knows nothing of that, and is cut off there."""
Link = Callable[[str, str], str]
"""(text, page) -> the text, linked where the page exists."""


def markdown(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A pipe table."""

    def line(cells: Iterable[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    header = list(header)
    return "\n".join([line(header), line("---" for _ in header), *(line(row) for row in rows)])


def plain_link(text: str, page: str) -> str:
    return text


def verdict_badge(verdict: str) -> str:
    return f'<span class="verdict {verdict.replace(" ", "-")}">{verdict}</span>'


def claims_table(entries: list[dict[str, Any]], link: Link = plain_link) -> str:
    """The claims with their numbers and verdicts, for the book."""
    rows = []
    for entry in entries:
        note = f"<br><small>{because(entry['note'])}</small>" if entry["note"] else ""
        rows.append(
            [
                link(entry["id"], entry["page"]),
                f"{entry['statement']}<br><small>{entry['where']}; {entry['unit']}</small>",
                _pair(rounded(entry["paper_value"], 4), rounded(entry["paper_against"], 4)),
                _ours(entry),
                verdict_badge(entry["verdict"]) + note,
            ]
        )
    return markdown(["", "Claim", "Paper", "Ours", "Verdict"], rows)


def rules_table(entries: list[dict[str, Any]]) -> str:
    """The rule of every claim, in the words of the code that decides it; and which of them became what they are when a
    verdict was known."""
    return markdown(["", "Holds if", "Revised"], ([entry["id"], entry["rule"], entry["revised"]] for entry in entries))


def _pair(value: str, against: str) -> str:
    return f"{value} against {against}" if against else value


def _ours(entry: dict[str, Any]) -> str:
    ours = entry["ours"]
    if not ours["n_seeds"]:
        return ""
    value = rounded(ours["mean"]) or "not finite"
    against = rounded(entry["against"]["mean"]) if entry["against"] else ""
    low, high = ours["low"], ours["high"]
    if low is not None and entry["unit"].startswith(BOUNDED):
        low, high = max(low, 0.0), min(high, 1.0)
    span = f"95 %: {rounded(low)} to {rounded(high)}; " if low is not None and low < high else ""
    fewest, told = entry["fewest_seeds"], min(side["n_seeds"] for side in (ours, entry["against"]) if side)
    fewer = f"; {fewest} seed{'s' if fewest > 1 else ''} of its thinnest part" if fewest < told else ""
    broke = f"; {entry['broken_runs']} of its {entry['runs']} runs broke in training" if entry["broken_runs"] else ""
    return f"{_pair(value, against)}<br><small>{span}{seeds_told(entry)}{fewer}, {entry['profile']}{broke}</small>"


def seeds_told(entry: dict[str, Any]) -> str:
    """'3 seeds', or '1 against 3 seeds' where the two sides of a comparison have not as many."""
    counts = [entry["ours"]["n_seeds"], *([entry["against"]["n_seeds"]] if entry["against"] else [])]
    counts = counts[:1] if len(set(counts)) == 1 else counts
    return f"{' against '.join(map(str, counts))} seed{'s' if counts[-1] != 1 else ''}"


def short_claims_table(entries: list[dict[str, Any]]) -> str:
    """The claims and verdicts, for the README; the seeds are those of the part of the claim that has the fewest."""
    mark = {"reproduced": "✔", "partly": "◐", "not reproduced": "✘", "not tested": "·"}
    rows = [
        [entry["id"], entry["statement"], f"{mark[entry['verdict']]} {entry['verdict']}", entry["fewest_seeds"]]
        for entry in entries
    ]
    return markdown(["", "Claim", "Verdict", "Seeds"], rows)


def claims_counted(entries: list[dict[str, Any]]) -> str:
    """'41 claims: 9 reproduced, ...', with the verdicts that rest on few seeds told apart."""
    verdicts = [entry["verdict"] for entry in entries]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS)
    thin = [entry for entry in entries if entry["verdict"] == "not reproduced" and entry["fewest_seeds"] < MIN_SEEDS]
    told = f" Of those not reproduced, {len(thin)} rest on fewer than {MIN_SEEDS} seeds." if thin else ""
    return f"{len(entries)} claims: {counts}.{told} The last column counts the seeds of a claim's thinnest part."


def exhibits_table(results: Results, paper: str | None = None, link: Link = plain_link) -> str:
    """Every figure and table of the papers and where it stands."""
    rows = []
    for exhibit in EXHIBITS:
        if paper in (None, exhibit.paper):
            there = in_book(exhibit, results.root)
            label = link(exhibit.label, exhibit.page) if there else exhibit.label
            rows.append([label, exhibit.caption, "computed" if there else "to come"])
    return markdown(["", "What it shows", "Status"], rows)


def runs_table(results: Results) -> str:
    """Every entry of the catalogue, by experiment: what it costs, and how many of its runs are there."""
    folders = {run.name: run for run in results.all}
    parts = []
    for experiment in dict.fromkeys(entry.experiment for entry in CATALOGUE.entries.values()):
        rows = []
        for key, entry in CATALOGUE.entries.items():
            if entry.experiment != experiment:
                continue
            cells = []
            for profile in ("laptop", "paper"):
                recipe = entry.recipes.get(profile)
                found = [folders.get(f"{key}/{profile}/s{seed}") for seed in recipe.seeds] if recipe else []
                done = sum(run is not None and run.finished for run in found)
                cells.append(f"{done} of {len(found)}<br><small>{recipe.cost}</small>" if recipe else "")
            rows.append([f"`{key}`", *cells])
        table = markdown(["Entry", "Trained laptop runs, cost of one", "Trained paper runs, cost of one"], rows)
        parts.append(f"**{experiment}**\n\n{table}")
    return "\n\n".join(parts)


def csv_table(results: Results, name: str, columns: list[str] | None = None, digits: int = 3) -> str:
    """results/tables/<name>.csv, numbers rounded to significant digits; column names carry the units."""
    frame = results.table(name)
    frame = frame[columns] if columns else frame

    def shown(value: Any) -> str:
        if isinstance(value, float):
            return "" if pd.isna(value) else rounded(value, digits)
        return str(value)

    return markdown(frame.columns, ([shown(value) for value in row] for row in frame.itertuples(index=False)))
