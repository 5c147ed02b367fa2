"""Figures of the thesis's models show what they are given: every seed, every floor, every cell."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.figures.diagrams import as_svg
from rulebook.figures.style import GIVEN, PREDICTED, SLOT_COLOURS, pale, use_house_style
from rulebook.figures.thesis import (
    before_and_after,
    cell_rows,
    colour_of,
    loss_curves,
    over_horizon,
    prediction_rows,
    shares_beside,
    training_curves,
)
from rulebook.figures.thesis_diagrams import modular_network, oc_rims_overview


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("drawing", [modular_network, oc_rims_overview])
def test_a_drawing_is_the_same_every_time(drawing):
    with plt.rc_context():
        use_house_style()
        first, second = as_svg(drawing()), as_svg(drawing())
    assert first == second


def test_every_model_has_a_colour_of_its_kind():
    keys = [key for key, entry in CATALOGUE.entries.items() if entry.experiment == "oc-rims" and "sweep" not in key]
    assert all(colour_of(key) for key in keys)
    kinds = ["gru-cat/m", "rims-cat-6/m", "oc-rims-cat-6-3/m", "oc-rims-sbd-6-3/m", "oc-rims-bcd-6-3/m"]
    assert len({colour_of(kind) for kind in kinds}) == len(kinds)


def test_losses_are_drawn_for_each_seed_and_split():
    rows = [
        {"step": step, "seed": seed, "split": split, "error": 9.0 - step / 10}
        for seed in (0, 1)
        for split in ("train", "validation")
        for step in (10, 20)
    ]
    axis = loss_curves(pd.DataFrame(rows), level=12.0, name="copy").axes[0]
    curves = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_xdata()[0] == 10]
    assert len(curves) == 4
    assert all(np.allclose(line.get_ydata(), [8, 7]) for line in curves)


def test_training_curves_are_means_over_lines_of_the_training_clips_alone():
    rows = [
        {"step": step, "seed": seed, "split": split, "error": 9.0 - step if split == "train" else 100.0}
        for seed in (0, 1)
        for split in ("train", "validation")
        for step in (1, 2, 3)
    ]
    axis = training_curves({"plain": (pd.DataFrame(rows), "black")}, smooth=2).axes[0]
    assert len(axis.lines) == 2
    assert all(np.allclose(line.get_ydata(), [np.nan, 7.5, 6.5], equal_nan=True) for line in axis.lines)


def test_the_horizon_has_every_seed_their_mean_and_the_floors():
    models = {"gru-cat/m": {0: [1.0, 2.0], 1: [3.0, 4.0]}}
    figure = over_horizon(models, {"copy_last": [9.0, 9.0]}, range(10, 12), labels={"gru-cat/m": "GRU"}, ylabel="MSE")
    drawn = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert drawn == [[9, 9], [1, 2], [3, 4], [2, 3]]


def test_before_and_after_draws_every_seed_before_and_after():
    panels = {"light": {"GRU": ({0: 0.2}, {0: 0.9, 1: 0.8})}, "colour": {"GRU": ({0: 0.9}, {0: 0.0, 1: 0.1})}}
    figure = before_and_after(panels, ylabel="R2")
    titles = [axis.get_title("left") or axis.get_title() for axis in figure.axes]
    assert titles == ["light", "colour"]
    heights = [sorted(float(y) for line in axis.lines for y in line.get_ydata()) for axis in figure.axes]
    # Seed 0: the line between, and a mark at each of its ends; seed 1: a mark after training alone.
    assert heights == [[0.2, 0.2, 0.8, 0.9, 0.9], [0.0, 0.0, 0.1, 0.9, 0.9]]


def test_rows_of_cells_keep_the_colours_of_the_cells():
    frames = torch.zeros(4, 1, 8, 8)
    rows = cell_rows(frames, frames, [frames, frames], given=2)
    assert [row.label for row in rows] == ["truth", "prediction", "cell 1", "cell 2"]
    assert [row.border for row in rows[2:]] == list(SLOT_COLOURS[:2]) and rows[0].given == 2


def test_given_and_predicted_rows_are_told_apart():
    frames = torch.zeros(4, 1, 8, 8)
    rows = prediction_rows(frames, frames, {"GRU": frames})
    assert [row.border for row in rows] == [GIVEN, None, PREDICTED]


def test_shares_stand_beside_thesis_and_untrained():
    figure = shares_beside({"a": {0: 0.7, 1: 0.8}, "b": {}}, thesis={"a": 0.75}, untrained={"a": 0.9}, xlabel="MCL")
    points = sorted(float(line.get_xdata()[0]) for line in figure.axes[0].lines if line.get_linestyle() == "None")
    assert points == [0.7, 0.75, 0.8, 0.9]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_a_pale_colour_lies_between_the_colour_and_white():
    assert pale("#000000", 1) == "#000000" and pale("#102030", 0) == "#ffffff"
    assert pale("#0000ff", 0.5) == "#8080ff"
