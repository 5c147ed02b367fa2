"""Every number that a rule of VIM's claims reads is one that the evaluation of that very run writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.claims import CLAIMS
from rulebook.evaluation import rivals, vim
from rulebook.evaluation.experiments import evaluation_for, judges_training
from rulebook.evaluation.sheet import Sheet
from rulebook.measures.matching import match_slots

READ: dict[str, set[str]] = {}
for claim in CLAIMS:
    for quantity in claim.rule.quantities:
        if CATALOGUE.entries[quantity.entry].experiment in ("vim", "rivals"):
            READ.setdefault(quantity.entry, set()).update(quantity.metrics)


class Names(Sheet):
    """Remembers also the names of what was left out because there was no case of it."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: set[str] = set()

    def add(self, name: str, value: Any, unit: str, n: int, definition: str) -> None:
        self.offered.add(name)
        super().add(name, value, unit, n, definition)


def matched(clip, rollout, by):
    """As if every ball had a slot of its own, which an untrained model does not give it."""
    matching = match_slots(clip, rollout, by)
    return replace(matching, own=torch.ones_like(matching.own))


@pytest.mark.parametrize("entry", sorted(READ))
def test_rules_read_what_evaluation_writes(entry, monkeypatch):
    for module in (vim, rivals):
        monkeypatch.setattr(module, "match_slots", matched)
    monkeypatch.setattr(vim.Size, "of", lambda profile: vim.Size(2, 1))
    run, sheet = CATALOGUE.entries[entry].run("smoke", 0), Names()
    torch.manual_seed(0)
    model = run.model.build(run.world.frame_shape).eval()
    file = evaluation_for(run, model)
    with torch.no_grad():
        file.evaluate(run, model, sheet)
    if judges_training(run.experiment):
        file.training(run, [], sheet)
    assert READ[entry] <= sheet.offered, READ[entry] - sheet.offered


def test_the_rivals_are_among_them():
    assert {"scoff/atomic", "rim/atomic", "gswm/atomic", "gswm-multi/atomic", "vim-m4/atomic"} <= READ.keys()
