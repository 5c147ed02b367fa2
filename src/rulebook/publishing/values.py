"""What pages may say: every value of the results under a name, ready to stand in a sentence.

In the book, ``{{ runs["slot-ae/atomic"].error.text }}`` becomes '1.80 (1.72 to 1.88 over 3 seeds, laptop)' and
``{{ claims.reproduced }}`` a count. What was not measured yet says so in words.
"""

from __future__ import annotations

from typing import Any

from rulebook.catalogue import CATALOGUE
from rulebook.claims import CLAIMS, METRICS, VERDICTS, judge_all
from rulebook.claims.claim import number
from rulebook.claims.rules import Summary
from rulebook.exhibits import EXHIBITS, in_book
from rulebook.publishing.vim_facts import border_accuracy
from rulebook.results import Results

NOT_YET = "not measured yet"


def all_values(results: Results) -> dict[str, Any]:
    """The names that prose may use."""
    entries = judge_all(CLAIMS, results)
    return {
        "claims": _counts(entries),
        "claim": {entry["id"]: entry for entry in entries},
        "exhibits": {
            "total": len(EXHIBITS),
            "computed": sum(in_book(exhibit, results.root) for exhibit in EXHIBITS),
        },
        "runs": {entry: _of_entry(entry, results) for entry in CATALOGUE.entries},
    }


def _counts(entries: list[dict[str, Any]]) -> dict[str, Any]:
    def count(of: list[dict[str, Any]]) -> dict[str, int]:
        verdicts = [entry["verdict"] for entry in of]
        return {"total": len(of), **{verdict.replace(" ", "_"): verdicts.count(verdict) for verdict in VERDICTS}}

    papers = {entry["paper"] for entry in entries}
    by_paper = {paper.replace("-", "_"): count([e for e in entries if e["paper"] == paper]) for paper in sorted(papers)}
    return {**count(entries), **by_paper}


def _of_entry(entry: str, results: Results) -> dict[str, Any]:
    """Every metric of an entry, from its best profile."""
    profile = results.best_profile(entry)
    runs = [run for run in results.of(entry, profile) if run.metrics] if profile else []
    names = {*METRICS, *(name for run in runs for name in run.metrics)}
    values: dict[str, Any] = {"profile": profile or NOT_YET, "seeds": len(runs)}
    for name in sorted(names):
        found = [number(run.metrics[name]["value"]) for run in runs if is_number(run.metrics.get(name))]
        values[name] = _spoken(found, profile)
    border = [border_accuracy(run.metrics) for run in runs]
    values["rule_accuracy_border"] = _spoken([share for share in border if share is not None], profile)
    return values


def is_number(entry: dict[str, Any] | None) -> bool:
    """Some metrics are lists (a value per frame, a matrix of counts): pages draw those, prose cannot say them."""
    return entry is not None and not isinstance(entry["value"], list)


def _spoken(found: list[float], profile: str | None) -> dict[str, Any]:
    if not found:
        return {"mean": NOT_YET, "worst": NOT_YET, "text": NOT_YET}
    summary = Summary.of(found)
    seeds = f"{summary.n_seeds} seed{'s' if summary.n_seeds > 1 else ''}, {profile}"
    span = "" if summary.low is None else f"{rounded(min(found))} to {rounded(max(found))} over "
    return {
        "mean": rounded(summary.mean),
        "lowest": rounded(min(found)),
        "highest": rounded(max(found)),
        "text": f"{rounded(summary.mean)} ({span}{seeds})",
    }


def rounded(value: float | None, digits: int = 3) -> str:
    """Three significant digits, never in powers of ten where people read them."""
    if value is None:
        return ""
    if value != value:
        return "not finite"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    if whole >= digits:
        return f"{value:.0f}"
    text = f"{value:.{digits}g}"
    return text if "e" not in text else f"{value:f}"
