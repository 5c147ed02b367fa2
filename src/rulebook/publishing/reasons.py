"""What a verdict rests on, in few words: the notes of claims, for tables that people read."""

from __future__ import annotations

import re

from rulebook.catalogue import CATALOGUE
from rulebook.claims.rules import VERDICTS
from rulebook.publishing.thesis_tables import SCORES, label

ENTRY = re.compile(rf"(?:{'|'.join(sorted(map(re.escape, CATALOGUE.entries), key=len, reverse=True))})(?![\w-])")
PART = re.compile(rf"({'|'.join(VERDICTS)}): (.*?)(?: \(([^()]*)\))?$", re.DOTALL)
"""One part of a rule that is not fully met: its verdict, its text, and why."""
APART = ", 95 % intervals apart"
SPOKEN = {**SCORES, "acl": "ACL", "mcl": "MCL"}
WORLDS = {"moving-mnist": "digits", "moving-sprites": "sprites"}


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
    (world,), metrics = worlds, {metric for metric, _ in pairs}
    world = WORLDS.get(world, world)
    for metric, entry in pairs:
        own = "" if len(metrics) == 1 else f"{_spoken(metric)} of "
        text = re.sub(rf"\(?\b{re.escape(metric)} of {re.escape(entry)}(?![\w-])\)?", f"{own}{_model(entry)}", text)
    return f"{_spoken(metrics.pop())} on {world}: " if len(metrics) == 1 else f"on {world}: ", text


def _spoken(metric: str) -> str:
    first, *rest = metric.split("_")
    return " ".join([SPOKEN.get(first, first), *rest])


def _called(text: str) -> str:
    """Models by the names that they have in the tables."""

    def name(match: re.Match[str]) -> str:
        world = match[0].partition("/")[2]
        return f"{_model(match[0])} on {WORLDS.get(world, world)}"

    return ENTRY.sub(name, text)


def _model(entry: str) -> str:
    known = CATALOGUE.entries[entry]
    return label(entry) if known.experiment == "oc-rims" and known.world_name in WORLDS else known.variant
