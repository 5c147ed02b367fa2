"""Every figure and table of the papers is listed, and 'computed' is said only of what is there."""

from __future__ import annotations

import json
import os
import re

import pytest

from rulebook.catalogue import CATALOGUE
from rulebook.claims import CLAIMS
from rulebook.exhibits import EXHIBITS, in_notebook, in_page, listing, status

FIGURE = {"output_type": "display_data", "data": {"image/png": "iVBOR"}, "metadata": {}}
TABLE = {"output_type": "execute_result", "data": {"text/html": ["<div>", "<table>"]}, "metadata": {}}
TEXT = {"output_type": "stream", "name": "stdout", "text": "no picture"}
ONE = EXHIBITS[1]


def test_all_of_vim_and_of_the_thesis_are_listed():
    vim = {f"vim-figure-{i}" for i in range(1, 9)} | {f"vim-table-{i}" for i in range(1, 5)}
    thesis = {f"oc-rims-figure-3-{i}" for i in (1, 2)} | {f"oc-rims-figure-4-{i}" for i in range(1, 17)}
    thesis |= {f"oc-rims-figure-b-{i}" for i in range(1, 10)} | {"oc-rims-table-3-1"}
    thesis |= {f"oc-rims-table-4-{i}" for i in range(1, 9)} | {"oc-rims-table-a-1", "oc-rims-table-a-2"}
    ids = [exhibit.id for exhibit in EXHIBITS]
    assert len(ids) == len(set(ids)) and set(ids) == vim | thesis


def test_captions_are_there_and_runs_come_from_the_catalogue():
    assert all(exhibit.caption for exhibit in EXHIBITS)
    two = next(exhibit for exhibit in EXHIBITS if exhibit.id == "vim-figure-2")
    assert "vim-m4-dreams-on/atomic" in two.runs


def test_the_catalogue_names_no_exhibit_or_claim_that_does_not_exist():
    """Other names are pages of our own: 'identifiability'."""
    known = {exhibit.id for exhibit in EXHIBITS} | {claim.id for claim in CLAIMS}
    of_a_paper = re.compile(r"(vim|oc-rims)-(figure|table)-.*|[VO]\d+")
    for key, entry in CATALOGUE.entries.items():
        lost = [name for name in entry.needed_by if of_a_paper.fullmatch(name) and name not in known]
        assert not lost, f"{key} is needed by {lost}, which nobody knows"


def page(*cells: tuple[str, str]) -> str:
    return "<html>" + "".join(
        f'<div class="cell tag_hide-input {tag} docutils container"><div class="cell_input"></div>'
        f'<div class="cell_output docutils container">{output}</div></div>'
        for tag, output in cells
    )


@pytest.mark.parametrize(
    ("cells", "there"),
    [
        ([("tag_exhibit:vim-figure-2", "<img src='x.png'>")], True),
        ([("tag_exhibit:vim-figure-2", "<table>")], True),
        ([("tag_exhibit:vim-figure-2", "<p>none</p>")], False),
        ([("tag_exhibit:vim-figure-2", ""), ("", "<img>")], False),
        ([("tag_exhibit:vim-figure-20", "<img>")], False),
        ([("", "<img> exhibit:vim-figure-2")], False),
    ],
)
def test_a_page_holds_an_exhibit_if_its_own_cell_shows_it(cells, there):
    assert in_page("vim-figure-2", page(*cells)) is there


@pytest.mark.parametrize(("outputs", "there"), [([FIGURE], True), ([TABLE], True), ([TEXT], False), ([], False)])
def test_a_notebook_holds_an_exhibit_if_its_tagged_cell_has_a_picture_or_table(tmp_path, outputs, there):
    cell = {"cell_type": "code", "metadata": {"tags": ["exhibit:x-1"]}, "outputs": outputs, "source": ""}
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    assert in_notebook("x-1", path) is there
    assert not in_notebook("x-10", path)


def test_the_built_page_has_the_last_word(tmp_path):
    cell = {"cell_type": "code", "metadata": {"tags": [f"exhibit:{ONE.id}"]}, "outputs": [FIGURE], "source": ""}
    notebook = tmp_path / "results" / "notebooks" / f"{ONE.notebook}.ipynb"
    contents = tmp_path / "book" / "_toc.yml"
    html = tmp_path / "_build" / "html" / f"{ONE.page}.html"
    for path in (notebook, contents, html):
        path.parent.mkdir(parents=True, exist_ok=True)
    contents.write_text("root: index\n")
    assert status(ONE, tmp_path) == "to come"
    notebook.write_text(json.dumps({"cells": [cell]}))
    assert status(ONE, tmp_path) == "to come", "a notebook that the book leaves out shows nothing"
    contents.write_text(f"chapters:\n- file: {ONE.page}\n")
    assert status(ONE, tmp_path) == "computed"
    (tmp_path / "_build" / "html" / "index.html").write_text("")
    html.write_text(page(("", "<img>")))
    assert status(ONE, tmp_path) == "to come"
    html.write_text(page((f"tag_exhibit:{ONE.id}", "<img>")))
    assert status(ONE, tmp_path) == "computed"
    html.write_text(page(("", "<img>")))
    later = html.stat().st_mtime + 10
    os.utime(notebook, (later, later))
    assert status(ONE, tmp_path) == "computed", "a page of an earlier build knows nothing of a later notebook"
    row = next(row for row in listing(tmp_path) if row["id"] == ONE.id)
    assert row["status"] == "computed"
    assert {"id", "paper", "caption", "page", "notebook", "runs", "status"} <= row.keys()
