"""The README's claims table, between two marks, so that it is never typed and never stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rulebook.publishing.tables import claims_counted, short_claims_table
from rulebook.training.checkpoints import write_whole
from rulebook.training.faults import Fault

BEGIN, END = "<!-- claims: written by `rulebook claims` -->", "<!-- end of claims -->"


def with_claims(text: str, entries: list[dict[str, Any]]) -> str:
    """The README with the table of these claims."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Fault(f"README.md has lost its marks '{BEGIN}' and '{END}': put them back around the claims table.")
    table = f"{claims_counted(entries)}\n\n{short_claims_table(entries)}"
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def refresh(root: Path, entries: list[dict[str, Any]]) -> None:
    """Write the README if its table would change."""
    path = root / "README.md"
    if not path.exists():
        return
    text = path.read_text()
    new = with_claims(text, entries)
    if new != text:
        write_whole(path, new.encode(), "Make room and judge the claims again.")
