"""Film strips of next-frame predictors: columns are steps, and every file keeps its colour."""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch
from matplotlib.colors import to_rgb

from rulebook.figures.rivals import DIM, file_rows, prediction_rows, spotlight
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import SLOT_COLOURS


def test_columns_are_steps():
    frames = torch.rand(5, 3, 8, 8)
    rows = prediction_rows(frames, torch.rand(4, 3, 8, 8), torch.rand(4, 3, 8, 8))
    assert {len(row.frames) for row in rows} == {4}
    given, followed = rows[0].frames, rows[1].frames
    assert torch.equal(given[1:], followed[:-1]) and torch.equal(followed[-1], frames[-1])


def test_files_have_a_row_for_what_they_paint_and_one_for_where_they_look():
    frames, rgb, masks = torch.rand(3, 3, 8, 8), torch.rand(2, 4, 3, 8, 8), torch.rand(2, 4, 8, 8).softmax(dim=1)
    rows = file_rows(frames, rgb, masks, torch.rand(2, 4, 4, 4).softmax(dim=1))
    assert [row.border for row in rows] == [*SLOT_COLOURS[:4]] * 2
    painted = torch.stack([row.frames for row in rows[:4]]).sum(dim=0)
    assert torch.allclose(painted, (rgb * masks[:, :, None]).sum(dim=1), atol=1e-6)
    figure = film_strip(rows)
    assert len(figure.axes) == 16
    plt.close(figure)


def test_a_cell_of_attention_lights_its_square_of_pixels():
    attention = torch.zeros(1, 2, 2)
    attention[0, 0, 1] = 1
    lit = spotlight(torch.zeros(1, 3, 8, 8), attention, "#ff8000")
    colour = (1 - DIM) * torch.tensor(to_rgb("#ff8000"))
    assert torch.allclose(lit[0, :, :4, 4:], colour[:, None, None].expand(3, 4, 4))
    assert lit[0, :, 4:].sum() == 0 and lit[0, :, :, :4].sum() == 0


def test_boxes_are_drawn_where_they_are_in_the_colour_of_their_place_and_absent_ones_are_not():
    boxes = torch.tensor([[[4.0, 3.0, 2.0, 4.0], [torch.nan] * 4], [[torch.nan] * 4, [1.0, 1.0, 2.0, 2.0]]])
    figure = film_strip([Row("seen", torch.zeros(2, 3, 8, 8), boxes=boxes)])
    (first,), (second,) = (axis.patches for axis in figure.axes)
    assert (*first.get_xy(), first.get_width(), first.get_height()) == (3, 1, 2, 4)
    assert to_rgb(first.get_edgecolor()) == to_rgb(SLOT_COLOURS[0])
    assert to_rgb(second.get_edgecolor()) == to_rgb(SLOT_COLOURS[1])
    plt.close(figure)
