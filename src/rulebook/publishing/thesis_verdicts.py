"""Claims of the thesis in the tables of its pages: the verdict, and in few words what it rests on."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from rulebook.claims import CLAIMS, judge
from rulebook.publishing.pages import Shelf
from rulebook.publishing.reasons import because
from rulebook.publishing.tables import seeds_told
from rulebook.publishing.values import rounded
from rulebook.training.faults import Fault


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
                "the claim": claim.statement,
                "thesis": _pair(claim.paper_value, claim.paper_against, digits=4),
                "ours": _pair(ours, against) + (f" ({seeds})" if told["profile"] else ""),
                "verdict": told["verdict"],
                "because": because(told["note"]) or ("every part of the rule holds" if told["profile"] else ""),
            }
        )
    return pd.DataFrame(rows)


def _pair(value: float | None, against: float | None, digits: int = 3) -> str:
    texts: Iterable[str] = (rounded(one, digits) for one in (value, against) if one is not None)
    return " against ".join(texts) or "-"
