"""The slot autoencoder: still frames of the random walk; its weights are stage 1 of every VIM of the same seed."""

from __future__ import annotations

from dataclasses import replace

from rulebook.catalogue.tree import Catalogue, Entry, Recipe
from rulebook.layers.perception import PerceptionSpec
from rulebook.models.slot_autoencoder import SlotAutoencoderSpec
from rulebook.training.config import Profile, Stage, Training
from rulebook.worlds.random_walk import RandomWalk

LAPTOP_EYE = PerceptionSpec(
    width=32,
    encoder_kernels=(5, 5),
    encoder_stride=2,
    decoder_kernels=(1, 3, 3, 3),
    decoder_shrink=2,
)
"""The eye at laptop size: the encoder's cells and the decoder's canvas are 16 x 16."""

SMOKE_EYE = PerceptionSpec(
    dim=16,
    iterations=2,
    width=8,
    decoder_hidden=16,
    encoder_kernels=(3,),
    encoder_stride=4,
    decoder_kernels=(1, 3),
    decoder_shrink=4,
)
"""The eye at smoke size: the same code path in milliseconds."""


FIVE = (0, 1, 2, 3, 4)
"""As many seeds as the pages on sensitivity need."""


TORUS_STILLS = RandomWalk(border="torus")
"""Stills in which balls lie anywhere, across an edge too: two parts, one ball."""


def recipes(seeds: tuple[int, ...]) -> dict[Profile, Recipe]:
    """The slot autoencoder at each profile's size."""
    return {
        "smoke": Recipe(
            SlotAutoencoderSpec(perception=SMOKE_EYE),
            Training(
                steps=30,
                stages=(Stage(frames=1, batch=8),),
                learning_rate=1e-3,
                warmup=5,
                hold=0.5,
                validate_every=15,
                validation_clips=8,
                log_every=5,
                save_every=10,
            ),
            seeds=(0,),
            cost="2 seconds of one core",
            expected="nothing: it only shows that the path works",
        ),
        "laptop": Recipe(
            SlotAutoencoderSpec(perception=LAPTOP_EYE),
            Training(
                steps=20000,
                stages=(Stage(frames=1, batch=32),),
                learning_rate=1e-3,
                warmup=200,
                hold=0.35,
                clip_norm=50.0,
                bf16=True,
            ),
            seeds=seeds,
            cost="30 minutes of one core",
            expected="error per frame below 2; every ball in its own slot in 0.95 of frames without overlap",
        ),
        "paper": Recipe(
            SlotAutoencoderSpec(),
            Training(
                steps=16000,
                stages=(Stage(frames=1, batch=64),),
                learning_rate=4e-4,
                warmup=1000,
                hold=0.4,
                bf16=True,
            ),
            seeds=seeds,
            cost="10 minutes of one H200",
            expected="error per frame below 2",
        ),
    }


def across_the_edge(recipes: dict[Profile, Recipe]) -> dict[Profile, Recipe]:
    """Less than half of the steps, for slots that already know whole balls. (From the start on such stills, slots come
    apart from each other late: after 5900 laptop steps, balls were still missing in most frames.)"""
    cost = {"smoke": "2 seconds of one core", "laptop": "20 minutes of one core", "paper": "5 minutes of one H200"}
    return {
        profile: replace(
            recipe, training=recipe.training.stretched(0.4), cost=cost[profile], expected="error per frame below 3"
        )
        for profile, recipe in recipes.items()
    }


def add_slots(catalogue: Catalogue) -> None:
    catalogue.add(Entry("slots", "slot-ae", "atomic", RandomWalk(), recipes(FIVE), ("slots",)))
    # What walks over an edge is never whole again for an eye that has seen whole balls only (page 14).
    made = across_the_edge(recipes((0, 1, 2)))
    catalogue.add(Entry("slots", "slot-ae", "torus", TORUS_STILLS, made, ("identifiability",), "slot-ae/atomic"))
