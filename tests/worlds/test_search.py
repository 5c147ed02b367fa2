from dataclasses import replace

import pytest

from rulebook.worlds.random_walk import RandomWalk
from rulebook.worlds.search import searched_moves


def test_all_moves_lie_in_the_frames():
    """Balls that meet, cover each other and part again are told apart by their colours."""
    world = RandomWalk()
    clip = world.sample(6, seed=3, length=12, split="validation")
    found = searched_moves(world, clip)
    assert found.tolist() == clip.moves[..., 0].tolist()


def test_without_colours_it_loses_balls():
    """Balls of one colour on one lattice cannot be told apart once they have met: the answer is not handed out."""
    world = RandomWalk(repeat_colours=True, start="lattice")
    clip = world.sample(12, seed=0, length=20, split="validation")
    clip = world.draw(replace(clip, colours=clip.colours[:, :1].expand(-1, 3, -1)))
    assert (searched_moves(world, clip) == clip.moves[..., 0]).float().mean() < 1


def test_compositions_are_refused():
    world = RandomWalk.compositional(2)
    with pytest.raises(ValueError, match="one move per step"):
        searched_moves(world, world.sample(1, seed=0, length=3))
