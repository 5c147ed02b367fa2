"""OC-RIMs: pictures and masks of cells, attention, switches, the author's parameter counts."""

from __future__ import annotations

import pytest
import torch
from einops import einsum
from torch import Tensor

from rulebook.catalogue import CATALOGUE
from rulebook.catalogue.oc_rims import LED_ROWS, MNIST_ROWS, PLAIN_ROWS, PROPORTIONAL_ROWS, SPRITES_ROWS
from rulebook.catalogue.oc_rims_recipes import LAPTOP_VISION, LEAD, training
from rulebook.catalogue.sweep import ORTHOGONAL
from rulebook.layers.rim_cells import CellsSpec
from rulebook.layers.thesis_vision import ThesisVisionSpec
from rulebook.measures.costs import multiply_adds, parameters
from rulebook.models.oc_rims import OCRIMsSpec
from rulebook.seeds import generator

SHAPE = (2, 16, 16)
VISION = ThesisVisionSpec(
    channels=(4, 6),
    kernels=(4, 3),
    strides=(2, 1),
    hidden=7,
    dim=8,
    bcd_channels=(6, 4),
    bcd_kernels=(4, 3),
    sbd_channels=(6, 4),
    sbd_kernels=(5, 3, 3),
)
SMALL = {"state": 6, "key": 5, "value": 7, "communication_key": 3, "heads": 2}
RIM, SCOFF = CellsSpec(cells=4, active=3, **SMALL), CellsSpec(cells=4, schemata=2, start="normal", **SMALL)


def clips(n: int = 3, length: int = 6) -> Tensor:
    return torch.rand(n, length, *SHAPE, generator=generator(0, "clips"))


def built(spec):
    torch.manual_seed(0)
    return spec.build(SHAPE).eval()


def spec_of(decoder: str = "bcd", inputs: str = "slots", cells: CellsSpec = RIM) -> OCRIMsSpec:
    return OCRIMsSpec(
        vision=VISION, decoder=decoder, inputs=inputs, cells=cells, slots=3, slot_dim=5, slot_iterations=2
    )


VARIANTS = {
    "bcd": spec_of("bcd"),
    "sbd": spec_of("sbd"),
    "cat": spec_of("cat"),
    "ff-sbd": spec_of("sbd", "map"),
    "ff-scoff": spec_of("bcd", "map", SCOFF),
}


def test_dropout_is_for_training_alone():
    model, frames = built(VARIANTS["bcd"]), clips()
    with torch.no_grad():
        assert torch.equal(*(model.losses(frames, generator(0))["error"] for _ in range(2)))
        still = model.losses(frames, generator(0))["error"]
        moved = model.train().losses(frames, generator(0))["error"]
        assert not torch.equal(still, moved)
        assert torch.equal(moved, model.losses(frames, generator(0))["error"])


@pytest.mark.parametrize("decoder", ["bcd", "sbd"])
def test_a_frame_is_the_mixture_of_its_cells_pictures(decoder):
    rollout = built(VARIANTS[decoder]).rollout(clips(), given=3)
    assert rollout.slot_rgb.shape == (3, 5, 4, *SHAPE)
    torch.testing.assert_close(rollout.slot_masks.sum(dim=2), torch.ones(3, 5, 16, 16), atol=1e-5, rtol=1e-5)
    mixed = einsum(rollout.slot_rgb, rollout.slot_masks, "b t k c h w, b t k h w -> b t c h w")
    torch.testing.assert_close(rollout.frames, mixed, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("decoder", ["bcd", "sbd"])
def test_permuted_states_give_the_same_frame_from_permuted_pictures(decoder):
    model, order = built(VARIANTS[decoder]), torch.tensor([2, 0, 3, 1])
    states = torch.randn(2, 3, 4, 6, generator=generator(0))
    one, other = model.draw(states), model.draw(states[:, :, order])
    torch.testing.assert_close(one.frames, other.frames, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one.rgb[:, :, order], other.rgb, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one.masks[:, :, order], other.masks, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("decoder", ["bcd", "sbd"])
def test_cells_that_are_off_or_hidden_are_not_drawn(decoder):
    model, frames = built(VARIANTS[decoder]), clips()
    whole, off, hidden = (model.rollout(frames, given=6, **how) for how in ({}, {"off": (1,)}, {"hidden": (1,)}))
    for rollout in (off, hidden):
        assert not bool(rollout.slot_masks[:, :, 1].any())
        torch.testing.assert_close(rollout.slot_masks.sum(dim=2), torch.ones(3, 5, 16, 16), atol=1e-5, rtol=1e-5)
    assert torch.equal(hidden.states, whole.states)
    assert not torch.allclose(off.states[:, :, 0], whole.states[:, :, 0], atol=1e-4)
    assert not bool(off.active[:, :, 1].any())


def test_attention_leads_through_the_slots_to_the_feature_map():
    rollout = built(VARIANTS["bcd"]).rollout(clips(), given=3)
    read, slots = rollout.extra["input_attention"], rollout.extra["slot_attention"]
    assert read.shape == (3, 5, 4, 4) and slots.shape == (3, 5, 3, 5, 5)
    torch.testing.assert_close(slots.sum(dim=2), torch.ones(3, 5, 5, 5))
    expected = sum(read[..., s, None, None] * slots[:, :, None, s] for s in range(3))
    torch.testing.assert_close(rollout.attention, expected)
    on_map = built(VARIANTS["ff-sbd"]).rollout(clips(), given=3)
    torch.testing.assert_close(on_map.attention.flatten(3), on_map.extra["input_attention"][..., :-1])


def test_scoff_tells_which_schema_it_chose():
    rollout = built(VARIANTS["ff-scoff"]).rollout(clips(), given=3)
    assert rollout.module_probs.shape == (3, 5, 4, 1, 2)
    assert torch.equal(rollout.modules, rollout.module_probs.argmax(dim=-1))


# --- sizes ------------------------------------------------------------------------------------------------------

SPRITES_PAPER = ThesisVisionSpec(channels=(32, 64, 128), hidden=256, sbd_channels=(64, 64, 32))
NORMS_OF_SLOT_ATTENTION = 3 * 2 * 64
"""The author's LayerNorms have no weights; those inside our slot attention, as published, have."""


@pytest.mark.parametrize(
    ("spec", "shape", "author", "more"),
    [
        (OCRIMsSpec(decoder="bcd"), (1, 64, 64), 1_474_610, NORMS_OF_SLOT_ATTENTION),
        (OCRIMsSpec(decoder="sbd"), (1, 64, 64), 1_241_238, NORMS_OF_SLOT_ATTENTION),
        (OCRIMsSpec(decoder="cat"), (1, 64, 64), 3_522_465, NORMS_OF_SLOT_ATTENTION),
        (OCRIMsSpec(decoder="sbd", inputs="map"), (1, 64, 64), 1_187_286, 0),
        (OCRIMsSpec(decoder="sbd", vision=SPRITES_PAPER), (3, 64, 64), 1_468_008, NORMS_OF_SLOT_ATTENTION),
    ],
    ids=["bcd", "sbd", "cat", "ff-sbd", "sprites-sbd"],
)
def test_parameters_of_the_author(spec, shape, author, more):
    assert parameters(spec.build(shape)) == author + more


def test_parameters_of_scoff():
    """The author's SCOFF (804,282) is another one: gated attentions and values of size 100, by which the GRUs alone are
    3 x 3 x 100 x 100 smaller. Ours is that of the thesis: every layer of 3.14, 3.18 and 3.24 - 3.28, shared."""
    spec = OCRIMsSpec(cells=CellsSpec(schemata=3, start="normal"))
    rims = parameters(OCRIMsSpec().build((1, 64, 64)))
    communication = 100 * 64 + 100 * 64 + 100 * 200 + 200 * 100
    gru = 3 * (200 + 100) * 100 + 6 * 100
    one_cell = 100 * 64 + communication + gru
    assert parameters(spec.build((1, 64, 64))) == rims - 6 * one_cell + one_cell + 2 * gru + 2 * 100 * 16


def test_multiply_adds_that_the_catalogue_names():
    for decoder, millions in (("bcd", 6.8), ("sbd", 9.2), ("cat", 3.0)):
        model = OCRIMsSpec(vision=LAPTOP_VISION, decoder=decoder).build((1, 32, 32))
        assert multiply_adds(model, (1, 32, 32), length=3) / 1e6 == pytest.approx(millions, abs=0.06)


# --- the catalogue ----------------------------------------------------------------------------------------------


def test_every_row_of_a_profile_trains_alike():
    for rows in ([*MNIST_ROWS, *LED_ROWS, *PROPORTIONAL_ROWS], SPRITES_ROWS):
        for profile in ("laptop", "paper"):
            trainings = [row.recipe(profile).training for row in rows]
            for row, one in zip(rows, trainings, strict=True):
                otherwise = row.muon if profile == "laptop" else {}
                assert one == trainings[0].model_copy(update=otherwise)
                assert (one.lead == LEAD) == ("-led" in row.variant and profile == "laptop")
                assert one.in_proportion == ("-proportion" in row.variant and profile == "laptop")
                assert not row.led or row.settings.get("inputs", "slots") == "slots", "no slots to divide"


def test_rows_that_train_otherwise_in_the_laptop_profile_are_not_trained_twice_at_paper_size():
    for row in (*PLAIN_ROWS, *LED_ROWS, *PROPORTIONAL_ROWS):
        recipes = row.entry().recipes
        assert set(recipes) == {"smoke", "laptop"}
        twin = CATALOGUE.entries[f"{row.variant.rsplit('-', 1)[0]}/{row.world}"]
        assert recipes["laptop"].training != twin.recipes["laptop"].training


def test_the_weighted_error_is_the_loss_of_the_thesis():
    """(3.30): the mean squared error of a frame, summed over the 19 steps."""
    clip, guess = torch.rand(4, 20, 1, 64, 64), torch.rand(4, 19, 1, 64, 64)
    house = (guess - clip[:, 1:]).square().sum(dim=(2, 3, 4)).mean()
    thesis = sum((guess[:, t] - clip[:, t + 1]).square().mean() for t in range(19))
    weight = training("moving-mnist", "paper").weights["error"].at(0)
    torch.testing.assert_close(weight * house, thesis)


def test_the_sweep_is_orthogonal():
    for i in range(4):
        for j in range(i):
            assert len({(run[i], run[j]) for run in ORTHOGONAL}) == 9


def test_all_runs_of_the_thesis_can_be_built():
    names = {run.variant for run in CATALOGUE.runs("smoke") if run.experiment == "oc-rims"}
    assert len(names) >= 30
    for run in CATALOGUE.runs("laptop", lambda entry: entry.experiment == "oc-rims"):
        if run.seed == 0:
            assert parameters(run.model.build(run.world.frame_shape)) > 0
