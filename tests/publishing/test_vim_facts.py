"""What pages say of VIM's runs: worked out from stored numbers."""

import pytest

from rulebook.publishing import values
from rulebook.publishing.vim_facts import (
    as_far_as_seeds,
    at_the_edge,
    beside_the_border,
    border_accuracy,
    listed,
    right_in_parity,
    whole_steps,
)
from rulebook.results import Results

INSIDE = [[0, 8], [8, 0]]


def metrics(everywhere):
    return {"rule_module_interior": {"value": INSIDE}, "rule_module_all": {"value": everywhere}}


def test_accuracy_at_the_border_counts_border_steps_alone():
    assert border_accuracy(metrics([[0, 9], [9, 2]])) == 0.5  # four steps at the border, two with the module of inside
    assert border_accuracy(metrics(INSIDE)) is None  # no border
    assert border_accuracy({}) is None
    assert border_accuracy(metrics([[0, 9], [9, 2]]), "_search") is None


def test_pages_can_say_accuracy_at_the_border(add_run, tmp_path, monkeypatch):
    monkeypatch.setattr(values, "in_book", lambda *_: False)
    add_run("vim-m4/atomic/laptop/s0", rule_module_interior=INSIDE, rule_module_all=[[0, 9], [9, 2]])
    told = values.all_values(Results(tmp_path))["runs"]
    assert told["vim-m4/atomic"]["rule_accuracy_border"]["mean"] == "0.5"
    assert told["vim-m5/atomic"]["rule_accuracy_border"]["text"] == "not measured yet"


@pytest.mark.parametrize(
    ("border", "word"),
    [
        ({0: 0.95, 1: 0.96}, "higher"),
        ({0: 0.895, 1: 0.96}, "about the same"),
        ({0: 0.8, 1: 0.9}, "lower"),
        ({0: 0.8, 1: 0.96}, "mixed"),
        ({0: 0.9001, 1: 0.9551}, "about the same"),
    ],
)
def test_the_border_is_compared_seed_by_seed(border, word):
    assert beside_the_border({0: 0.9, 1: 0.955}, border) == word


def test_as_well_means_no_worse_than_the_worst_seed():
    three = {0: 0.97, 1: 0.98}
    assert as_far_as_seeds({0: 0.96, 1: 0.985}, three, True)
    assert not as_far_as_seeds({0: 0.95, 1: 0.96}, three, True)
    assert as_far_as_seeds({0: 0.1}, three, False) and not as_far_as_seeds({0: 1.1}, three, False)


def test_displacements_are_rounded_and_words_are_listed():
    assert whole_steps([[-0.81, 0.88], [0.01, 0.13]]) == {(-1, 1), (0, 0)}
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_a_ball_is_judged_after_iterations_that_could_bring_it_there():
    errors = [8, 4, 0, 4, 2, 4, 4]
    assert right_in_parity(errors, 2) == right_in_parity(errors, 0) == 2  # 0, 2 and 4 after iterations 2, 4 and 6
    assert right_in_parity(errors, 3) == 4
    assert right_in_parity(errors, 4) == 3


def test_every_kind_of_slots_is_judged_on_all_of_its_seeds():
    before = {"old": [0.99, 0.98], "new": [0.99], "bad": [0.99, 0.5]}
    after = {"old": [0.99, 0.5], "new": [0.97], "bad": [0.99, 0.99]}
    old, new, bad = at_the_edge(before, after, found=0.95).split(" With ")
    assert "With old" in old and "not for all that have crossed" in old
    assert new.startswith("new") and "hold for balls that have left and come back" in new
    assert bad.startswith("bad") and "not found" in bad
