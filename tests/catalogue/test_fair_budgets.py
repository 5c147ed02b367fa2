"""Fair budgets: no rival has fewer weights, or sees fewer frames, than VIM."""

from __future__ import annotations

import pytest

from rulebook.catalogue import CATALOGUE
from rulebook.training.config import RunConfig

RIVALS = (
    "scoff/atomic",
    "rim/atomic",
    "scoff-mlp/atomic",
    "rim-mlp/atomic",
    "scoff-mlp/fixed",
    "rim-mlp/fixed",
    "gswm/atomic",
    "gswm-multi/atomic",
)


def weights(run: RunConfig) -> int:
    return sum(parameter.numel() for parameter in run.model.build(run.world.frame_shape).parameters())


def clip_frames(run: RunConfig) -> int:
    """Frames of clips, not of stills, that the run and those before it saw."""
    before = clip_frames(CATALOGUE.find(run.start_from)) if run.start_from else 0
    stills = all(stage.frames == 1 for stage in run.training.stages)
    return before + (0 if stills else run.training.frames_seen)


@pytest.mark.parametrize("profile", ["laptop", "paper"])
@pytest.mark.parametrize("rival", RIVALS)
def test_no_rival_has_less_than_vim(rival: str, profile: str):
    vim, run = CATALOGUE.find(f"vim-m5/atomic/{profile}/s0"), CATALOGUE.find(f"{rival}/{profile}/s0")
    assert weights(run) >= weights(vim)
    assert clip_frames(run) >= vim.training.frames_seen
    assert len(CATALOGUE.entries[rival].recipes[profile].seeds) >= 3


@pytest.mark.parametrize("world", ["atomic", "fixed"])
def test_scoff_and_rim_start_from_the_slots_that_vim_starts_from(world: str):
    for variant in ("scoff-mlp", "rim-mlp"):
        run = CATALOGUE.find(f"{variant}/{world}/laptop/s1")
        assert run.start_from == CATALOGUE.find("vim-m5/atomic/laptop/s1").start_from == "slot-ae/atomic/laptop/s1"
        assert run.model.perception == CATALOGUE.find(run.start_from).model.perception


@pytest.mark.parametrize("profile", ["laptop", "paper"])
def test_vim_without_the_slot_stage_sees_as_many_frames_as_both_stages(profile: str):
    alone = CATALOGUE.find(f"vim-m4-brief-from-scratch/atomic/{profile}/s0")
    second = CATALOGUE.find(f"vim-m4-brief/atomic/{profile}/s0")
    first = CATALOGUE.find(second.start_from)
    both = first.training.frames_seen + second.training.frames_seen
    assert alone.start_from is None
    assert alone.training.frames_seen == pytest.approx(both, rel=0.01)
