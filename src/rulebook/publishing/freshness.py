"""Is an executed notebook still what its sources would give? Decided by content, never by dates.

A notebook's fingerprint covers its own text, the code that it reaches by imports, the pinned versions of the packages
that compute and draw, and the run folders and tables that its header names::

    # jupyter:
    #   rulebook:
    #     reads: [slot-ae/atomic, tables/walk]      catalogue entries, and files of results/
    #     writes: [tables/slots.csv]                checked by sha256, so an edited table is found out
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rulebook import fingerprint as code
from rulebook.models import MODELS
from rulebook.results import Results, Run
from rulebook.worlds import WORLDS

RUN_FILES = ("config.yaml", "history.jsonl", "metrics.json", "provenance.json", "broken.json")
PINS = ("einops", "matplotlib", "numpy", "pandas", "scipy", "seaborn", "torch")


@dataclass(frozen=True)
class Source:
    """A notebook as it is written: its text and what its header says."""

    stem: str
    text: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def fingerprint(source: Source, root: Path) -> str:
    """The sha256 of everything that the executed notebook depends on."""
    digest = hashlib.sha256()

    def add(label: str, content: bytes) -> None:
        digest.update(f"{label}\0{len(content)}\0".encode() + content)

    add("notebook", source.text.encode())
    runs = list(_runs(source.reads, root))
    add("code", code.of_code(*code.imported(ast.parse(source.text)), *_kinds(runs)).encode())
    for run in runs:
        for file in RUN_FILES:
            path = run.path / file
            add(f"{run.name}/{file}", path.read_bytes() if path.exists() else b"")
    for name in source.reads:
        path = root / "results" / name
        if path.is_file():
            add(name, path.read_bytes())
    add("pins", "\n".join(_pins(root / "requirements.lock")).encode())
    return digest.hexdigest()


def sums(names: Iterable[str], root: Path) -> dict[str, str]:
    """sha256 of files below results/; an empty string for one that is not there."""
    paths = {name: root / "results" / name for name in names}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for name, path in paths.items()
    }


def _runs(reads: tuple[str, ...], root: Path) -> Iterable[Run]:
    results = Results(root)
    for name in reads:
        yield from (run for run in results.of(name) if run.profile != "smoke")


def _kinds(runs: Iterable[Run]) -> set[str]:
    """Modules of the models and worlds that these runs are made of: they are found by name, not by import."""
    modules = set()
    for run in runs:
        for family, kinds in (("model", MODELS), ("world", WORLDS)):
            kind = run.config.get(family, {}).get("kind")
            if kind in kinds.classes:
                modules.add(kinds.classes[kind].__module__)
    return modules


def _pins(lock: Path) -> list[str]:
    lines = lock.read_text().splitlines() if lock.exists() else []
    return [line for line in lines if line.partition("==")[0] in PINS]
