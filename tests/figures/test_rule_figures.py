"""Figures of rules: the order of modules, shares of rows, and what intervals are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rulebook.figures.curves import Curve, learning_curves, seed_curves
from rulebook.figures.heatmaps import Panel, heatmaps, module_order, row_shares
from rulebook.figures.places import displacements, many_starts
from rulebook.figures.seeds import Measure, move_bars, seed_points, stacked_shares
from rulebook.measures.intervals import mean_interval

COUNTS = np.array(
    [
        [90, 5, 3, 2, 0],
        [4, 80, 6, 10, 0],
        [1, 1, 70, 28, 0],
        [2, 3, 5, 0, 60],
    ]
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_order_undoes_any_renumbering_of_modules():
    for permutation in ([3, 0, 4, 1, 2], [4, 3, 2, 1, 0]):
        shuffled = COUNTS[:, permutation]
        assert np.array_equal(shuffled[:, module_order(shuffled)], COUNTS[:, module_order(COUNTS)])


def test_matched_modules_come_first_and_the_rest_by_use():
    assert module_order(COUNTS) == [0, 1, 2, 4, 3]
    wide = np.concatenate([COUNTS[:, :3], np.array([[1], [0], [0], [0]]), COUNTS[:, 3:]], axis=1)
    assert module_order(wide) == [0, 1, 2, 5, 4, 3]
    assert module_order(np.array([[9], [8], [9], [8]])) == [0]  # fewer modules than rules


def test_rows_are_shares_and_an_empty_row_is_zero():
    shares = row_shares(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[0.75, 0.25], [0.0, 0.0]]


def test_every_cell_says_its_share_and_its_count():
    figure = heatmaps([Panel("seed 0", COUNTS)])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:2] == ["90 %", "90"]
    assert len(texts) == 2 * COUNTS.size
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()][:5] == ["1", "2", "3", "5", "4"]


def test_points_show_every_seed_and_the_interval_of_their_mean():
    values = {0: 1.0, 1: 2.0, 2: 4.5}
    axis = seed_points([Measure("error", {"a": values, "b": {0: 3.0}})]).axes[0]
    drawn = [line.get_ydata()[0] for line in axis.lines if line.get_marker() == "o"]
    assert sorted(drawn) == [1.0, 2.0, 3.0, 4.5]
    spans = [tuple(line.get_ydata()) for line in axis.lines if len(line.get_ydata()) == 2]
    _, low, high = mean_interval(list(values.values()))
    assert spans == [(low, high)]  # a single seed has no interval


def test_shares_beyond_the_expected_modules_have_a_colour_of_their_own():
    axis = stacked_shares({"M = 5": {0: [0.3, 0.3, 0.2, 0.15, 0.05]}}).axes[0]
    colours = [bar.get_facecolor() for bar in axis.patches]
    red, green, blue, _ = colours[4]
    assert red > blue and red > green
    assert all(colour[2] > colour[0] for colour in colours[:4])


def test_what_has_no_expected_number_has_no_red():
    axis = stacked_shares({"random": {0: [0.4, 0.2, 0.2, 0.1, 0.1]}}, expected=None, what="schema").axes[0]
    assert all(bar.get_facecolor()[2] > bar.get_facecolor()[0] for bar in axis.patches)
    assert axis.get_xlabel() == "share of all ball-steps, most used schema first"


def test_named_columns_keep_their_order_and_say_what_they_are():
    axis = heatmaps([Panel("seed 0", COUNTS)], columns=list("abcde"), column_label="schema").axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()][:5] == list("abcde")
    assert axis.get_xlabel() == "schema"


def test_every_bar_has_its_true_share():
    axis = move_bars({"seed 0": [60, 40, 0]}, ["a", "b", "c"], truth=[0.5, 0.5, 0.0]).axes[0]
    truths = [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"]
    assert truths == [0.5, 0.5, 0.0]


def test_marks_stand_on_the_line_of_their_seed():
    rows = [
        {"step": 10 * i, "split": "train", "seed": seed, "error": 5.0 + seed + i} for seed in (0, 1) for i in (1, 2)
    ]
    axis = learning_curves(pd.DataFrame(rows), "error", label="error", marks={1: [20]}, split="train").axes[0]
    marked = [
        tuple(map(float, line.get_xydata()[0]))
        for line in axis.lines
        if line.get_marker() == "v" and len(line.get_xdata())
    ]
    assert marked == [(20.0, 8.0)]


def test_a_line_stands_where_a_stage_begins():
    rows = [{"step": 10 * i, "split": "train", "seed": 0, "error": 5.0 + i} for i in (1, 2, 3)]
    stages = {0: "4 frames", 15: "10 frames"}
    axis = learning_curves(pd.DataFrame(rows), "error", label="error", stages=stages, split="train").axes[0]
    assert {text.get_text(): float(text.xy[0]) for text in axis.texts} == {"4 frames": 0.0, "10 frames": 15.0}
    assert sorted(float(line.get_xdata()[0]) for line in axis.lines if line.get_linestyle() == ":") == [0.0, 15.0]


def test_lines_are_dotted_and_levels_named_where_they_are_asked_to_be():
    curves = [Curve("plan", {0: [1.0, 2.0]}, "black", dotted=True), Curve("odd", {0: [2.0, 1.0]}, "red", dashed=True)]
    figure = seed_curves(curves, [0, 1], xlabel="x", ylabel="y", levels={"floor": 1.5}, beside=True)
    assert [line.get_linestyle() for line in figure.axes[0].get_legend().get_lines()] == [":", "--"]
    assert figure.axes[0].texts[0].get_position()[0] > 1


def test_displacements_far_from_the_moves_are_inside_the_axes_and_every_run_has_its_own():
    far = np.full((5, 2), -8.0)
    panels = {f"seed {seed}": [far, np.zeros((5, 2))] for seed in range(4)}
    figure = displacements(panels, step=4.0, names=[range(2)] * 4)
    assert [axis.get_title() for axis in figure.axes] == list(panels)
    for axis in figure.axes:
        low, high = sorted(axis.get_xlim())
        assert low < far.min() and high > 0
    assert len({axis.get_position().y0 for axis in figure.axes}) == 2


def test_many_starts_have_an_axis_per_way_and_a_dot_per_module():
    figure = many_starts({"cold": np.zeros((3, 4, 2)), "hot": np.ones((3, 4, 2))})
    assert [axis.get_title() for axis in figure.axes] == ["cold", "hot"]
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "."]
    assert sum(len(line.get_xdata()) for line in dots) == 12 and dots[0].get_ydata().max() == 1
