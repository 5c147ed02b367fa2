"""Claims of the thesis in the tables of its pages: the verdict, and in few words what it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from rulebook.catalogue import CATALOGUE
from rulebook.claims import CLAIMS, judge
from rulebook.claims.rules import VERDICTS
from rulebook.publishing.pages import Shelf
from rulebook.publishing.tables import seeds_told
from rulebook.publishing.thesis_tables import SCORES, label
from rulebook.publishing.values import rounded
from rulebook.training.faults import Fault

ENTRY = re.compile(r"[\w-]+/moving-(?:mnist|sprites)")
PART = re.compile(rf"({'|'.join(VERDICTS)}): (.*?)(?: \(([^()]*)\))?$", re.DOTALL)
"""One part of a rule that is not fully met: its verdict, its text, and why."""
APART = ", 95 % intervals apart"
SPOKEN = {**SCORES, "acl": "ACL", "mcl": "MCL"}
WORLDS = {"moving-mnist": "digits", "moving-sprites": "sprites"}


def verdicts(shelf: Shelf, *ids: str) -> pd.DataFrame:
    """What the thesis claims and what a machine makes of it, from the runs on this shelf."""
    by_id = {claim.id: claim for claim in CLAIMS}
    rows = []
    for one in ids:
        claim = by_id[one]
        unknown = sorted({quantity.entry for quantity in claim.rule.quantities} - set(shelf.entries))
        if unknown:
            raise Fault(f"Claim {one} reads {unknown[0]}, which this page does not: so new runs would go unnoticed.")
        told = judge(claim, shelf.results)
        seeds = f"{seeds_told(told)}, {told['profile']}"
        ours, against = told["ours"]["mean"], told["against"] and told["against"]["mean"]
        rows.append(
            {
                "": one,
                "the thesis says": claim.statement,
                "thesis": _pair(claim.paper_value, claim.paper_against, digits=4),
                "ours": _pair(ours, against) + (f" ({seeds})" if told["profile"] else ""),
                "verdict": told["verdict"],
                "because": because(told["note"]) or ("every part of the rule holds" if told["profile"] else ""),
            }
        )
    return pd.DataFrame(rows)


def because(note: str) -> str:
    """The note of a verdict, for people: parts of a rule that fare alike stand together, the worst first.

    What fails needs no reason beside it: 'not reproduced: MSE: A > B' says that A is not above B.
    """
    parts = [PART.fullmatch(part) for part in re.split(rf"; (?=(?:{'|'.join(VERDICTS)}): )", note)]
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for part in parts:
        if part is None:
            return _called(note)
        verdict, text, why = part.groups(default="")
        about, rest = brief(text)
        group = groups.setdefault((verdict, "" if " is not above " in why else _called(why)), {})
        group.setdefault(about, []).append(rest)
    lines = []
    for verdict, why in sorted(groups, key=lambda key: -VERDICTS.index(key[0])):
        told = "; ".join(f"{about}{'; '.join(rest)}" for about, rest in groups[verdict, why].items())
        lines.append(f"<b>{verdict}</b>{f' ({why})' if why else ''}: {told}")
    return "<br>".join(lines)


def brief(text: str) -> tuple[str, str]:
    """One part of a rule: what all of its numbers share, metric and world, and the rest, with models by their names."""
    text = text.replace(APART, "")
    pairs = re.findall(rf"([\w.-]+) of ({ENTRY.pattern})", text)
    worlds = {entry.partition("/")[2] for _, entry in pairs}
    if len(worlds) != 1:
        return "", _called(text)
    world, metrics = WORLDS[worlds.pop()], {metric for metric, _ in pairs}
    for metric, entry in pairs:
        own = "" if len(metrics) == 1 else f"{_spoken(metric)} of "
        text = re.sub(rf"\(?\b{re.escape(metric)} of {re.escape(entry)}(?![\w-])\)?", f"{own}{label(entry)}", text)
    return f"{_spoken(metrics.pop())} on {world}: " if len(metrics) == 1 else f"on {world}: ", text


def _spoken(metric: str) -> str:
    first, *rest = metric.split("_")
    return " ".join([SPOKEN.get(first, first), *rest])


def _called(text: str) -> str:
    """Models by the names that they have in the tables."""

    def name(match: re.Match[str]) -> str:
        entry = CATALOGUE.entries.get(match[0])
        if entry is None or entry.experiment != "oc-rims":
            return match[0]
        return f"{label(match[0])} on {WORLDS[entry.world_name]}"

    return ENTRY.sub(name, text)


def _pair(value: float | None, against: float | None, digits: int = 3) -> str:
    texts: Iterable[str] = (rounded(one, digits) for one in (value, against) if one is not None)
    return " against ".join(texts) or "-"
