"""Linear readers: they find what is there, and nothing where there is nothing."""

from __future__ import annotations

import torch

from rulebook.measures import readouts


def test_what_is_linear_in_the_states_is_found_and_noise_is_not():
    draw = torch.Generator().manual_seed(0)
    states, new_states = torch.randn(300, 20, generator=draw), torch.randn(200, 20, generator=draw)
    turn = torch.randn(20, 2, generator=draw)
    assert readouts.explained(states, states @ turn + 3, new_states, new_states @ turn + 3) > 0.999
    noise, new_noise = torch.randn(300, 2, generator=draw), torch.randn(200, 2, generator=draw)
    assert readouts.explained(states, noise, new_states, new_noise) < 0.05


def test_more_states_than_examples_are_read_without_learning_by_heart():
    draw = torch.Generator().manual_seed(1)
    states, new_states = torch.randn(60, 400, generator=draw), torch.randn(200, 400, generator=draw)
    facts, new_facts = torch.randn(60, 1, generator=draw), torch.randn(200, 1, generator=draw)
    assert readouts.explained(states, facts, new_states, new_facts) < 0.1


def test_light_place_and_tint_of_a_frame():
    frames = torch.zeros(2, 3, 5, 9)
    frames[0, 0, 0, 8] = 1.0  # red, top right
    frames[1, :, 4, 0] = 0.5  # grey, bottom left
    torch.testing.assert_close(readouts.light(frames)[:, 0], torch.tensor([1.0, 1.5]) / (3 * 45))
    torch.testing.assert_close(readouts.place(frames), torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    torch.testing.assert_close(readouts.tint(frames) * 45, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))


def test_a_black_frame_has_its_light_in_the_middle():
    torch.testing.assert_close(readouts.place(torch.zeros(1, 3, 4, 4)), torch.zeros(1, 2))
