"""The book that is shipped: its pages, its notebooks, its tables."""

from __future__ import annotations

import re
import sys

import pytest
import yaml

from rulebook.publishing.book import build
from rulebook.publishing.notebooks import executed, read_source, sources
from rulebook.publishing.tables import markdown
from rulebook.publishing.values import rounded
from rulebook.training.faults import Fault


def files(repository) -> list[str]:
    toc = yaml.safe_load((repository / "book" / "_toc.yml").read_text())
    return [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]


def test_every_page_of_the_contents_is_there_and_every_notebook_is_a_page(repository):
    pages = files(repository)
    for page in pages:
        notebook = page.startswith("results/")
        assert (repository / (f"{page}.ipynb" if notebook else f"book/{page}.md")).exists(), page
    for stem in sources(repository):
        assert f"results/notebooks/{stem}" in pages, f"notebooks/{stem}.py is in no page of book/_toc.yml"
        assert executed(stem, repository).exists()


def test_notebooks_hold_no_model_and_say_how_to_remake_them(repository):
    for stem in sources(repository):
        text = read_source(stem, repository).text
        assert not re.search(r"^\s*class .*(Module|VideoModel)\b", text, re.MULTILINE), stem
        assert f"rulebook notebooks {stem}" in text, f"notebooks/{stem}.py ends without the command that remakes it"


def test_no_measured_number_is_typed_into_the_prose(repository):
    """Decimals come from results; what may stand in the prose are settings and statistics' conventions."""
    for page in sorted((repository / "book").glob("*.md")):
        text = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\{\{.*?\}\}", "", page.read_text(), flags=re.DOTALL)
        # Numbers of sections, equations and tables are names, not measurements: 'eq. 4 and 8.4', '(3.3)'.
        named = r"(?:eqs?\.|[Ee]quations?|[Tt]ables?|[Ff]igures?|[Ss]ections?|chapter)(?:\s*(?:and|to|,|[A-Z\d.]+))+"
        text = re.sub(rf"{named}|\(\d\.\d\)", "", text)
        assert not re.findall(r"\b\d+\.\d+\b(?! or newer)", text), page.name


def broken_lines(prose: str) -> list[str]:
    """Lines that Markdown would take for a new item of a list though they go on with a sentence."""
    item, lines = re.compile(r"\s*(\d+\.|[-+*]) "), prose.splitlines()
    within = [bool(line.strip()) and line[0] not in " -+*0123456789" for line in lines]
    return [line for before, line in zip(within, lines[1:], strict=False) if before and item.match(line)]


def test_no_sentence_is_torn_into_a_list(repository):
    """A number that a line break brings to the front of a line, such as '1.', starts a list there."""
    for page in sorted((repository / "book").glob("*.md")):
        assert not broken_lines(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)), page.name
    for stem in sources(repository):
        blocks = re.findall(r"^# %% \[markdown\].*\n((?:#.*\n)+)", read_source(stem, repository).text, re.MULTILINE)
        assert blocks, stem
        for block in blocks:
            assert not broken_lines(re.sub(r"^# ?", "", block, flags=re.MULTILINE)), stem
    assert broken_lines("both come to\n1. The paper") == ["1. The paper"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), "not finite"),
        (1.80499, "1.8"),
        (0.98765, "0.988"),
        (81.94, "81.9"),
        (188.14, "188"),
        (123456.7, "123457"),
        (0.0, "0"),
        (0.00001234, "1.23e-05"),
        (-2.5, "-2.5"),
    ],
)
def test_numbers_are_rounded_for_reading(value, text):
    assert rounded(value) == text


def test_cells_cannot_break_a_table():
    assert markdown(["a"], [["x|y"], ["two\nlines"]]).splitlines()[2:] == ["| x\\|y |", "| two lines |"]


def test_a_missing_builder_is_told_and_the_book_of_before_stays(tmp_path, monkeypatch):
    (tmp_path / "_build" / "html").mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(Fault, match=r"jupyter-book is not installed beside python: 'make book' makes"):
        build(tmp_path)
    assert (tmp_path / "_build" / "html").exists()
