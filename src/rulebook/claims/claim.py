"""A claim of a paper, and the judge that decides it from run folders alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulebook.claims.rules import Quantity, Rule, Values
from rulebook.results import Results, Run
from rulebook.training.checkpoints import write_whole


@dataclass(frozen=True)
class Claim:
    """What a paper says, where, and the rule that decides whether we see it too."""

    id: str
    paper: str
    """Key of the paper: 'vim' or 'oc-rims'."""
    where: str
    statement: str
    """In our own words."""
    rule: Rule
    page: str
    """Page of the book that shows it, without suffix."""
    unit: str = ""
    paper_value: float | None = None
    paper_against: float | None = None
    """What the paper compares that value to."""
    revised: str = ""
    """Of a rule that became what it is when a verdict was known: the difference (D29, ...) that tells of it."""


def judge(claim: Claim, results: Results) -> dict[str, Any]:
    """The entry of claims.json. Runs of the paper's size are preferred; smoke runs are never read."""
    entry: dict[str, Any] = {
        "id": claim.id,
        "paper": claim.paper,
        "where": claim.where,
        "statement": claim.statement,
        "paper_value": claim.paper_value,
        "paper_against": claim.paper_against,
        "unit": claim.unit,
        "ours": {"mean": None, "low": None, "high": None, "n_seeds": 0},
        "against": None,
        "profile": None,
        "fewest_seeds": 0,
        "runs": 0,
        "broken_runs": 0,
        "rule": claim.rule.text,
        "revised": claim.revised,
        "verdict": "not tested",
        "note": "",
        "page": claim.page,
    }
    missing: list[str] = ["the catalogue has none of its runs"]
    for profile in ("paper", "laptop") if claim.rule.quantities else ():
        values, missing = _collect(claim.rule.quantities, profile, results)
        if not missing:
            decision = claim.rule.decide(values)
            entry |= {"verdict": decision.verdict, "ours": decision.ours.as_json(), "profile": profile}
            entry |= {"against": decision.against and decision.against.as_json(), "note": decision.note}
            entry |= {"fewest_seeds": min(map(len, values.values()))}
            read = _runs(claim.rule.quantities, profile, results)
            entry |= {"runs": len(read), "broken_runs": sum(map(_broke, read))}
            return entry
    entry["note"] = missing[0] + (f", and {len(missing) - 1} more" if len(missing) > 1 else "")
    return entry


WHEN_BROKEN = {"loss_jump": 1.0}
"""What a run counts as whose loss ceased to be a number, so that it has no metrics; all else is no number."""


def _collect(quantities: tuple[Quantity, ...], profile: str, results: Results) -> tuple[Values, list[str]]:
    """The value of every quantity for every evaluated seed of a profile, and what is missing, one phrase each."""
    values: dict[Quantity, dict[int, float]] = {}
    missing: dict[str, None] = {}
    for quantity in quantities:
        runs = [run for run in results.of(quantity.entry, profile) if run.metrics or run.broken]
        if not runs:
            missing[f"no evaluated run of {quantity.entry}"] = None
            continue
        values[quantity] = {}
        for run in runs:
            absent = [name for name in quantity.metrics if name not in run.metrics]
            if not run.metrics:
                values[quantity][run.seed] = sum(WHEN_BROKEN.get(name, math.nan) for name in quantity.metrics)
            elif absent:
                missing[f"{run.name} has no {absent[0]}"] = None
            else:
                values[quantity][run.seed] = sum(number(run.metrics[name]["value"]) for name in quantity.metrics)
    return values, list(missing)


def _runs(quantities: tuple[Quantity, ...], profile: str, results: Results) -> list[Run]:
    """The runs that a rule reads."""
    entries = dict.fromkeys(quantity.entry for quantity in quantities)
    return [run for entry in entries for run in results.of(entry, profile) if run.metrics or run.broken]


def _broke(run: Run) -> bool:
    """The loss ceased to be a number, or jumped up and stayed there."""
    return bool(run.broken) or ("loss_jump" in run.metrics and run.metrics["loss_jump"]["value"] == 1)


def number(value: Any) -> float:
    """A stored value as a number; null stands for one that was not finite."""
    return float("nan") if value is None else float(value)


def judge_all(claims: list[Claim], results: Results) -> list[dict[str, Any]]:
    return [judge(claim, results) for claim in claims]


def write(entries: list[dict[str, Any]], path: Path) -> bool:
    """Write claims.json if it would change; says whether it did."""
    text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode(), "Make room and judge the claims again.")
    return True
