"""What pages say of cells and slots is counted right, and no model has a say in what is shown."""

from __future__ import annotations

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation import oc_rims_habits
from rulebook.evaluation.oc_rims import lasting_jump, rises
from rulebook.evaluation.oc_rims_habits import choices, examples, habits, objects_in_view, travelled
from rulebook.evaluation.oc_rims_watch import GIVEN, TEST_SEED, untrained


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """The sprites of the smoke profile have 16 test clips."""
    monkeypatch.setattr(oc_rims_habits, "CANDIDATES", 16)
    monkeypatch.setattr(oc_rims_habits, "MANY", 6)


def built(entry):
    run = CATALOGUE.find(f"{entry}/smoke/s0")
    torch.manual_seed(0)
    return run.model.build(run.world.frame_shape).eval(), run.world


def test_examples_show_as_much_as_any_and_are_the_same_every_time():
    world = CATALOGUE.find("oc-rims-sbd-6-3/moving-sprites/smoke/s0").world
    everything = objects_in_view(world.sample(16, TEST_SEED, split="test"))[:, GIVEN + 5]
    chosen = examples(world, 3)
    assert objects_in_view(chosen)[:, GIVEN + 5].tolist() == everything.sort(descending=True).values[:3].tolist()
    assert torch.equal(chosen.frames, examples(world, 3).frames)


def test_habits_of_sparse_cells():
    model, world = built("rims-cat-6-active4/moving-mnist")
    found = habits(model, world)
    assert found.active.sum().item() == pytest.approx(4, abs=1e-4), "four cells are active at every step"
    assert 1 <= found.sets <= 15
    assert 0 < found.null < 1 and 0 < found.favourite < 1


def test_where_all_are_active_there_is_one_set():
    model, world = built("oc-rims-sbd-6-3/moving-sprites")
    found = habits(model, world)
    assert found.sets == 1 and found.active.tolist() == [1.0] * model.cells.spec.cells


def test_shares_of_schemata_add_up_and_are_sorted():
    model, world = built("oc-scoff-bcd/moving-mnist")
    found = choices(model, world)
    assert sum(found.shares) == pytest.approx(1) and list(found.shares) == sorted(found.shares, reverse=True)
    assert len(found.shares) == 3 and 1 / 3 <= found.probability <= 1


def test_the_steepest_rise_decides_about_a_jump():
    level = [1.0] * 20
    assert max(rises(level)) == 1.0 and not lasting_jump(level + level)
    assert max(rises([*level, *(2 * value for value in level)])) == 2.0
    assert rises(level[:5]) == []


def test_travel_is_told_per_cell():
    run = CATALOGUE.find("rims-cat-6-active4/moving-mnist/smoke/s0")
    model = untrained(run)
    assert travelled(run, model).tolist() == [0] * 6
    with torch.no_grad():
        model.get_parameter("cells.dynamics.of_state.weight")[2] *= 3
    assert travelled(run, model).tolist() == pytest.approx([0, 0, 2, 0, 0, 0])
