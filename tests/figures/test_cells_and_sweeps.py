"""Figures of cells, slots and sweeps show the numbers that they are given, where they belong."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from rulebook.catalogue import CATALOGUE
from rulebook.figures.cells import (
    CellTimes,
    attention_maps,
    cell_roles,
    cell_times,
    centres,
    over_frame,
    rows_of_cells,
    slot_colour,
)
from rulebook.figures.sweep import (
    Against,
    Effect,
    Model,
    Ranked,
    crossed,
    effects,
    model_curves,
    rank_slopes,
    scatter,
)
from rulebook.layers.thesis_vision import Convolutions, ThesisVisionSpec

A, B, C = Model("a", "3 cells", "2 slots"), Model("b", "6 cells", "2 slots"), Model("c", "6 cells", "3 slots")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_cell_stands_where_it_reads_and_draws_and_is_as_large_as_it_is_dear():
    runs = {"seed 0": ([0.9, 0.2], [0.0, 1.0], [0.5, -0.1])}
    figure = cell_roles({"Moving MNIST": runs, "Moving Sprites": runs}, xlabel="read", ylabel="drawn")
    for axis in figure.axes:
        (points,) = axis.collections
        assert points.get_offsets().tolist() == [[0.9, 0.0], [0.2, 1.0]]
        dear, free = points.get_sizes()
        assert dear > free > 0, "a cell that is no loss still has its point"
        assert [text.get_text() for text in axis.get_legend().get_texts()] == ["seed 0"]
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["Moving MNIST", "Moving Sprites"]


def test_centres_are_the_middles_of_what_the_encoder_sees():
    """Light one place of the feature map up by hand: the gradient says which pixels it sees."""
    vision = CATALOGUE.entries["oc-rims-sbd-6-3/moving-sprites"].recipes["laptop"].model.vision
    encoder = Convolutions(vision, (3, 32, 32), norm_last=False)
    linear = torch.nn.Sequential(*encoder.layers)  # without the norms, which see everything
    frame = torch.zeros(1, 3, 32, 32, requires_grad=True)
    places = centres(encoder.size[0], vision.kernels, vision.strides)
    for i in (0, 3, encoder.size[0] - 1):
        (seen,) = torch.autograd.grad(linear(frame)[0, :, i, i].abs().sum(), frame)
        pixels = seen.abs().sum(dim=(0, 1, 3)).nonzero()
        assert (pixels.min() + pixels.max()) / 2 == places[i]


def test_one_step_of_convolution_has_its_centre_in_the_middle_of_the_kernel():
    assert centres(3, (4,), (2,)).tolist() == [1.5, 3.5, 5.5]
    assert centres(2, ThesisVisionSpec().kernels, ThesisVisionSpec().strides).tolist() == [10.5, 18.5]


def test_attention_that_is_everywhere_tints_every_pixel_alike():
    frames = torch.zeros(2, 3, 32, 32)
    painted = over_frame(frames, torch.ones(2, 6, 6), (4, 4), (2, 2), "#ff0000")
    assert painted.shape == (2, 3, 32, 32)
    assert painted[:, 0].std() < 1e-6 and painted[:, 0].min() > 0.5 and painted[:, 1:].abs().max() == 0


def test_attention_to_one_place_is_brightest_there():
    attention = torch.zeros(1, 6, 6)
    attention[0, 1, 4] = 1
    painted = over_frame(torch.zeros(1, 1, 32, 32), attention, (4, 4), (2, 2), slot_colour(0))
    assert painted.shape == (1, 3, 32, 32), "a grey frame is tinted too"
    y, x = divmod(int(painted[0].sum(dim=0).argmax()), 32)
    down, across = (float(centres(6, (4, 4), (2, 2))[i]) for i in (1, 4))
    assert abs(y - down) <= 0.5 and abs(x - across) <= 0.5


def test_cells_keep_number_and_colour_when_some_are_left_out():
    rows = rows_of_cells(torch.rand(4, 6, 3, 8, 8), [0, 2, 5])
    assert [row.label for row in rows] == ["cell 1", "cell 3", "cell 6"]
    assert [row.border for row in rows] == [slot_colour(0), slot_colour(2), slot_colour(5)]
    assert len(rows_of_cells(torch.rand(4, 6, 3, 8, 8))) == 6


def test_attention_maps_write_every_value():
    attention = torch.tensor([[[0.25, 0.75], [1.0, 0.0]]])
    figure = attention_maps(torch.rand(1, 3, 8, 8), attention, ["frame 0"], given=[True], inputs=["slot 1", "null"])
    frame, matrix = figure.axes
    assert frame.get_title(loc="center") == "frame 0"
    assert [text.get_text() for text in matrix.texts] == [".25", ".75", "1", "0"]
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["cell 1", "cell 2"]
    assert to_rgb(matrix.get_yticklabels()[1].get_color()) == to_rgb(slot_colour(1))


def test_cells_over_time_mark_the_first_frame_that_is_predicted_alone():
    values = torch.rand(19, 6)
    dots = torch.zeros(19, 6)
    dots[3, 2] = 1
    axis = cell_times([CellTimes("clip 1", values, dots)], given=9, label="share").axes[0]
    assert np.allclose(axis.images[0].get_array(), values.T)
    points, line = axis.lines
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([3], [2])
    assert line.get_xdata()[0] == 8.5
    ticks = {label.get_text(): place for place, label in zip(axis.get_xticks(), axis.get_xticklabels(), strict=True)}
    assert ticks["10"] == 9, "column 9 is predicted frame 10"


def test_lines_of_one_group_share_a_colour_and_models_may_bring_their_own():
    own = Model("d", "SCOFF", colour="#123456")
    curves = {model: ([1, 2], [3.0, 2.0]) for model in (A, B, C, own)}
    lines = model_curves(curves, ylabel="MSE", levels={"floor": 1.0}).axes[0].lines
    colours = [line.get_color() for line in lines]
    assert colours[1] == colours[2] != colours[0] and colours[3] == "#123456"
    assert len(lines) == 5 and list(lines[0].get_ydata()) == [3.0, 2.0]


def test_points_lie_where_the_metrics_say():
    points = {A: (1.0, 0.3), B: (2.0, 0.2), C: (3.0, 0.1)}
    axis = scatter([Against("MSE", "F1", points, "rank correlation -1.00")]).axes[0]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines] == list(points.values())
    assert "rank correlation -1.00" in (axis.get_title(loc="left"), axis.get_title(loc="center"))
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == ["3 cells", "6 cells", "2 slots", "3 slots"]


def test_effects_share_one_scale_and_draw_the_means():
    panels = [
        Effect("cells", "cells", {A: (3, 9.0), B: (6, 5.0), C: (6, 7.0)}, {3: 9.0, 6: 6.0}),
        Effect("slots", "slots", {A: (2, 9.0), B: (2, 5.0), C: (3, 7.0)}, {2: 7.0, 3: 7.0}),
    ]
    figure = effects(panels, ylabel="MSE")
    first, second = figure.axes
    assert list(first.lines[-1].get_xdata()) == [3, 6] and list(first.lines[-1].get_ydata()) == [9.0, 6.0]
    assert first.get_ylim() == second.get_ylim()
    assert [label.get_text() for label in first.get_xticklabels()] == ["3", "6"]


def test_pairs_without_a_model_stay_empty():
    axis = crossed({(3.0, 2.0): 9.0, (6.0, 6.0): 5.0}, rows="cells", columns="slots", label="MSE").axes[0]
    assert [text.get_text() for text in axis.texts] == ["9.0", "5.0"]
    assert [text.get_position() for text in axis.texts] == [(0, 0), (1, 1)]


def test_the_best_model_is_on_top_on_both_sides():
    values = {A: (70.0, 12.0), B: (80.0, 10.0), C: (90.0, 11.0)}
    axis = rank_slopes([Ranked("Moving MNIST", values)]).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[0, 2], [1, 0], [2, 1]]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first place is above the second"
    left = [text.get_text() for text in axis.texts if text.get_ha() == "right"]
    assert left == ["a  70.0", "b  80.0", "c  90.0"]
