"""No number is typed: change a stored metric, and verdict, table and prose change at the next build."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from rulebook.claims import CLAIMS, judge_all
from rulebook.publishing.book import build
from rulebook.publishing.readme import refresh
from rulebook.results import Results
from rulebook.training.faults import Fault

PROSE = """# A page

The error is {{ runs["slot-ae/atomic"].error.text }}; {{ claims.reproduced }} of {{ claims.total }} claims hold, and
VIM's first is {{ claim.V1.verdict }}. Of VIM with four modules: {{ runs["vim-m4/atomic"].error_5_frames.text }}.

```{results-table} slots
:columns: seed, error per frame
```
"""


@pytest.fixture
def project(repository, tmp_path, add_run) -> Path:
    """A copy of the project with three made-up runs and a book of three pages."""
    for name in ("_config.yml", "README.md"):
        shutil.copy(repository / name, tmp_path)
    (tmp_path / "src").symlink_to(repository / "src")
    shutil.copytree(
        repository / "book", tmp_path / "book", symlinks=True, ignore=shutil.ignore_patterns("*.md", "_toc.yml")
    )
    (tmp_path / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n"
        + "".join(f"- file: {page}\n" for page in ("claims", "vim", "differences", "bibliography"))
    )
    (tmp_path / "book" / "index.md").write_text(PROSE)
    (tmp_path / "book" / "vim.md").write_text("# VIM\n")
    (tmp_path / "book" / "differences.md").write_text("# Differences\n")
    for name in ("claims.md", "bibliography.md"):
        shutil.copy(repository / "book" / name, tmp_path / "book")
    for seed in range(3):
        add_run(f"slot-ae/atomic/laptop/s{seed}", error=1.8 + seed / 100)
        add_run(f"vim-m4-dreams-on/atomic/laptop/s{seed}", rule_accuracy_interior=0.99)
    return tmp_path


def text_of(page: Path) -> str:
    """What a reader reads on a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text()))


def write_table(project: Path, error: float) -> None:
    (project / "results" / "tables").mkdir(parents=True, exist_ok=True)
    (project / "results" / "tables" / "slots.csv").write_text(f"seed,error per frame,other\n0,{error},7\n")


def test_a_changed_metric_changes_verdict_table_and_prose(project, add_run):
    write_table(project, 1.2345)
    page = build(project)
    prose, claims = text_of(page), text_of(page.with_name("claims.html"))
    assert "The error is 1.81 (1.8 to 1.82 over 3 seeds, laptop); 1 of 41 claims hold" in prose
    assert "first is reproduced" in prose
    assert "Of VIM with four modules: not measured yet" in prose
    assert "seed error per frame 0 1.23" in prose and "other" not in prose
    assert "So far 1 are reproduced" in claims and "0.99 95 %: 0.99 to 0.99; 3 seeds, laptop reproduced" in claims
    stored = json.loads((project / "results" / "claims.json").read_text())
    assert stored[0]["verdict"] == "reproduced"

    add_run("slot-ae/atomic/laptop/s2", error=4.82)
    add_run("vim-m4-dreams-on/atomic/laptop/s0", rule_accuracy_interior=0.25)
    write_table(project, 9.87)
    page = build(project)
    prose, claims = text_of(page), text_of(page.with_name("claims.html"))
    assert "The error is 2.81 (1.8 to 4.82 over 3 seeds, laptop); 0 of 41 claims hold" in prose
    assert "first is partly" in prose
    assert "0 9.87" in prose
    assert "partly fails for seed 0: at least 0.95 is asked" in claims
    stored = json.loads((project / "results" / "claims.json").read_text())
    assert stored[0]["verdict"] == "partly" and stored[0]["ours"]["mean"] == pytest.approx(0.743, abs=1e-3)
    refresh(project, judge_all(CLAIMS, Results(project)))
    assert (
        "| V1 | Each of the four moves is explained by one module. | ◐ partly |" in (project / "README.md").read_text()
    )


def test_a_page_that_asks_for_what_is_not_there_fails_the_build(project):
    wrong = """# A page

{{ runs["slot-ee/atomic"].error.text }}

{doc}`no_such_page`

```{results-table} no_such_table
```
"""
    (project / "book" / "index.md").write_text(wrong)
    with pytest.raises(Fault) as told:
        build(project)
    for name in ("slot-ee", "no_such_page", "no_such_table"):
        assert name in str(told.value)
