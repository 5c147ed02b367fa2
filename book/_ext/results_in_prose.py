"""Sphinx extension: results flow into the book's prose and tables, so that no number is typed.

Substitutions: the values of ``rulebook.publishing.values`` (``{{ claims.reproduced }}``). Directives: ``results-table``
with the name of a table, ``claims``, ``rules``, ``exhibits``, ``runs``, or of a file results/tables/<name>.csv.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(os.environ.get("RULEBOOK_ROOT", Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "src"))

from rulebook.claims import CLAIMS, judge_all, write  # noqa: E402
from rulebook.publishing import tables  # noqa: E402
from rulebook.publishing.values import all_values  # noqa: E402
from rulebook.results import Results  # noqa: E402


class ResultsTable(SphinxDirective):
    """A table made of results while the page is read."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "paper": directives.unchanged,
        "columns": directives.unchanged,
        "digits": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        text = self.text(self.arguments[0])
        node = nodes.container(classes=["results-table"])
        self.state.nested_parse(StringList(text.splitlines(), source="results"), 0, node)
        return [node]

    def text(self, name: str) -> str:
        results, paper = Results(ROOT), self.options.get("paper")
        if name in ("claims", "rules"):
            chosen = [claim for claim in CLAIMS if paper in (None, claim.paper)]
            entries = judge_all(chosen, results)
            return tables.claims_table(entries, self.link) if name == "claims" else tables.rules_table(entries)
        if name == "exhibits":
            return tables.exhibits_table(results, paper, self.link)
        if name == "runs":
            return tables.runs_table(results)
        path = results.folder / "tables" / f"{name}.csv"
        if not path.exists():
            raise self.error(f"There is no table results/tables/{name}.csv.")
        self.env.note_dependency(str(path))
        columns = self.options.get("columns")
        wanted = [column.strip() for column in columns.split(",")] if columns else None
        return tables.csv_table(results, name, wanted, self.options.get("digits", 3))

    def link(self, text: str, page: str) -> str:
        """A link to another page of the book, plain text where there is no such page yet."""
        return f"[{text}](/{page})" if page in self.env.found_docs and page != self.env.docname else text


def provide_values(app: Sphinx, config: Any) -> None:
    """Judge the claims anew, and hand every value to the pages."""
    results = Results(ROOT)
    write(judge_all(CLAIMS, results), results.folder / "claims.json")
    config.myst_substitutions = {**config.myst_substitutions, **all_values(results)}


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("results-table", ResultsTable)
    app.connect("config-inited", provide_values, priority=1)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
