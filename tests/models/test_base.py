"""What all models share: a few frames stand for all."""

import pytest
import torch

from rulebook.catalogue.slots import SMOKE_EYE
from rulebook.models.base import some_frames
from rulebook.models.vim import VIMSpec
from rulebook.seeds import generator
from rulebook.worlds.random_walk import RandomWalk

CLIPS = torch.arange(400).reshape(100, 4)


def test_states_and_frames_are_picked_alike():
    states, frames = some_frames(2, generator(0), CLIPS, CLIPS[..., None, None] + 1000)
    assert states.shape == (100, 2) and frames.shape == (100, 2, 1, 1)
    assert torch.equal(states + 1000, frames[..., 0, 0])
    assert torch.equal(states // 4, torch.arange(100)[:, None].expand(100, 2))


def test_no_frame_twice_and_every_frame_as_often_as_any_other():
    picked = torch.cat([some_frames(2, generator(seed), CLIPS)[0] % 4 for seed in range(20)])
    assert (picked[:, 0] < picked[:, 1]).all()
    shares = torch.bincount(picked.flatten(), minlength=4) / picked.numel()
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.03, rtol=0)


@pytest.mark.parametrize("drawn", [None, 4, 9])
def test_all_frames_where_no_fewer_are_asked_for(drawn):
    noise = generator(0)
    before = noise.get_state()
    assert some_frames(drawn, noise, CLIPS)[0] is CLIPS
    assert torch.equal(noise.get_state(), before)


def test_vim_draws_a_few_frames_in_training_and_all_at_test():
    torch.manual_seed(0)
    model = VIMSpec(perception=SMOKE_EYE, modules=4, hidden=16, trunk=16, drawn_frames=1).build((3, 32, 32))
    frames = RandomWalk().sample(1, 0, length=4).frames
    drawn = []
    model.perception.decoder.register_forward_hook(lambda _, inputs, __: drawn.append(inputs[0].shape[0]))
    few = model.losses(frames, generator(0))
    whole = model.eval().losses(frames, generator(0))
    assert drawn == [1, 4]
    # What is not drawn is the same in both.
    assert whole["error"] > 0 and few["error"] > 0 and few["module_kl"] > 0
