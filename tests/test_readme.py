"""The README keeps its word: its table is current, its files and commands exist, its recipe works."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rulebook.catalogue import CATALOGUE
from rulebook.claims import CLAIMS, judge_all
from rulebook.claims.claim import write as write_claims
from rulebook.cli import commands
from rulebook.publishing.readme import refresh, with_claims
from rulebook.results import Results
from rulebook.training.faults import Fault


@pytest.fixture
def readme(repository) -> str:
    return (repository / "README.md").read_text()


def test_the_claims_table_is_current(repository, readme):
    assert with_claims(readme, judge_all(CLAIMS, Results(repository))) == readme, "run 'rulebook claims'"


def test_lost_marks_are_told():
    with pytest.raises(Fault, match="lost its marks"):
        with_claims("# Rulebook\n", [])


def test_a_disk_that_fails_leaves_readme_and_claims_as_they_were(tmp_path, monkeypatch, readme):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "README.md").write_text(readme)
    (tmp_path / "claims.json").write_text("[]\n")
    monkeypatch.setattr(os, "fsync", full)
    judged = judge_all(CLAIMS[:1], Results(tmp_path))
    for write in (lambda: refresh(tmp_path, judged), lambda: write_claims(judged, tmp_path / "claims.json")):
        with pytest.raises(Fault, match=r"the disk is full. Make room and judge the claims again"):
            write()
    assert (tmp_path / "README.md").read_text() == readme
    assert {path.name: path.read_text() for path in tmp_path.iterdir()}["claims.json"] == "[]\n"
    assert len(list(tmp_path.iterdir())) == 2, "nothing half written is left"


def test_what_it_names_is_there(repository, readme):
    for name in re.findall(r"`((?:src|book|notebooks|results)/[\w/.]*)`", readme):
        assert (repository / name).exists(), name
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", readme):
        assert (repository / picture).exists(), picture
    for command in re.findall(r"^rulebook (\w+)", readme, re.MULTILINE):
        assert command in commands(), command
    targets = re.findall(r"^(\w+):", (repository / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"\bmake (book|test|train|help|\w+)`", readme):
        assert target in targets, target


def test_its_new_seed_is_none_of_the_catalogue(readme):
    (name,) = set(re.findall(r"^rulebook train (\S+/laptop/s\d+)", readme, re.MULTILINE))
    assert name not in {run.name for run in CATALOGUE.runs()} and CATALOGUE.find(name)


def test_a_newcomer_adds_a_model_by_the_recipe(repository, readme, tmp_path):
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    blocks = re.findall(r"<!-- recipe: (\S+) -->\n```\w+\n(.*?)```", readme, re.DOTALL)
    files = {name: code for name, code in blocks if name != "run"}
    assert len(files) == 2, "a model takes one file and one entry in the catalogue"
    for name, code in files.items():
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text(code)
    lines = [line for name, code in blocks if name == "run" for line in code.splitlines()]
    said = [run(line, tmp_path) for line in lines]
    assert (tmp_path / "results/runs/fading/atomic/smoke/s0/weights.safetensors").exists()
    assert re.search(r"fading/atomic/smoke/s0: \d+ numbers", said[1])
    assert re.search(r"fading/atomic/smoke/s0\s+evaluated\s+seconds", said[-1])


def run(line: str, folder: Path) -> str:
    """A line of the recipe, as typed, with this interpreter and that copy."""
    words = line.split()
    assert words[0] == "rulebook"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("RULEBOOK_ROOT", None)
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
