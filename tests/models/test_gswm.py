"""G-SWM: objects are exchangeable, keep their places, and batches are loops; its draws cost what they should."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from rulebook.catalogue import CATALOGUE
from rulebook.measures.matching import match_slots
from rulebook.models.gswm import GSWM, KLS, GSWMSpec, Objects, Scene
from rulebook.seeds import generator
from rulebook.training.loop import train
from rulebook.worlds.random_walk import RandomWalk

SHAPE = (3, 16, 16)
WALK = RandomWalk(size=16, balls=2, radius=(2.0, 2.0), step=2.0)


def model_of(**settings) -> GSWM:
    torch.manual_seed(0)
    sizes = {"objects": 3, "what": 6, "dyna": 5, "state": 7, "hidden": 8, "width": 4, "glimpse": 8, "glimpse_width": 4}
    model = GSWMSpec(**{**sizes, **settings}).build(SHAPE)
    # Strong weights, and as many objects present as absent, so that a comparison compares something.
    with torch.no_grad():
        for net in (model.discovery, model.change):
            net[-1].weight.mul_(5)
        cells = model.encoder(WALK.sample(16, 1, length=1).frames[:, 0])
        logits = model.discovery(torch.cat([cells, torch.zeros_like(cells)], dim=-1))[..., 0]
        model.discovery[-1].bias[0] -= logits.median()
        model.change[-1].bias[0] += 3
    return model.eval()


@pytest.fixture(scope="module")
def clip():
    return WALK.sample(4, 0, length=4)


@pytest.fixture(scope="module")
def frames(clip) -> Tensor:
    return clip.frames


def first_scene(model: GSWM, frames: Tensor) -> Scene:
    return model.begin(model.encoder(frames[:, 0]), frames[:, 0], generator(0))


def reordered(scene: Scene, order: Tensor) -> Scene:
    index = order.expand(len(scene.objects.where), -1)
    posterior, prior = (tuple(part[:, order] for part in history) for history in (scene.posterior, scene.prior))
    return replace(scene, objects=scene.objects.take(index), posterior=posterior, prior=prior)


def assert_same(one: Objects, other: Objects) -> None:
    for f in fields(Objects):
        torch.testing.assert_close(getattr(one, f.name), getattr(other, f.name), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_permutation_of_objects_changes_no_frame(frames: Tensor):
    model, order = model_of(), torch.tensor([2, 0, 1])

    def two_steps(scene: Scene) -> Scene:
        scene = model.remember(model.propagate(scene, frames[:, 1], None))
        return model.remember(model.propagate(scene, None, None))

    scene = first_scene(model, frames)
    plain, permuted = two_steps(scene), two_steps(reordered(scene, order))
    assert_same(permuted.objects, reordered(plain, order).objects)
    assert not torch.allclose(permuted.objects.where, plain.objects.where, atol=1e-3)
    torch.testing.assert_close(model.render(permuted.objects)[0], model.render(plain.objects)[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(permuted.kl["kl_dyna"], plain.kl["kl_dyna"])


@torch.no_grad()
def test_a_batch_equals_a_loop_over_clips_and_objects(frames: Tensor):
    model = model_of()
    scene = first_scene(model, frames)
    batch = model.propagate(scene, frames[:, 1], None)
    for b in range(4):
        for n in range(3):
            alone = Scene(
                Objects(*(getattr(scene.objects, f.name)[b : b + 1, n : n + 1] for f in fields(Objects))),
                tuple(part[b : b + 1, n : n + 1] for part in scene.posterior),
                tuple(part[b : b + 1, n : n + 1] for part in scene.prior),
            )
            single = model.propagate(alone, frames[b : b + 1, 1], None).objects
            assert_same(
                single, Objects(*(getattr(batch.objects, f.name)[b : b + 1, n : n + 1] for f in fields(Objects)))
            )
    whole = model.infer(frames)
    for b in range(4):
        part = model.infer(frames[b : b + 1])
        torch.testing.assert_close(part.frames, whole.frames[b : b + 1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(part.losses["kl_dyna"], whole.losses["kl_dyna"][b : b + 1], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_rendering_equals_a_loop_over_objects_and_pixels_sampled_one_by_one(frames: Tensor):
    model = model_of()
    objects = first_scene(model, frames).objects
    drawn, rgb, masks = model.render(objects)
    torch.testing.assert_close((rgb * masks.unsqueeze(2)).sum(dim=1), drawn, atol=1e-4, rtol=1e-3)
    for b in range(4):
        top, below = torch.zeros(SHAPE), torch.zeros(1, *SHAPE[1:])
        for n in range(3):
            width, height, x, y = objects.where[b, n].tolist()
            rows = torch.tensor([[[1 / width, 0, -x / width], [0, 1 / height, -y / height]]])
            grid = affine_grid(rows, [1, 1, *SHAPE[1:]], align_corners=False)
            picture, alpha = (part[0] for part in model.decoder(objects.what[b : b + 1, n : n + 1]))
            alpha = alpha * objects.presence[b, n]
            colour, alpha = (grid_sample(part, grid, align_corners=False)[0] for part in (picture * alpha, alpha))
            near = alpha * torch.sigmoid(-objects.depth[b, n])
            top, below = top + near * colour, below + near
        torch.testing.assert_close(drawn[b], top / (below + 1e-5), atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_nearer_objects_cover_farther_ones_and_absent_ones_are_not_drawn(frames: Tensor):
    model = model_of()
    objects = first_scene(model, frames).objects
    same_place = replace(objects, where=objects.where[:, :1].expand_as(objects.where))
    depth = torch.tensor([30.0, -30.0, 30.0]).view(1, 3, 1).expand(4, 3, 1)
    present = replace(same_place, depth=depth, presence=torch.ones(4, 3, 1))
    second = Objects(*(getattr(present, f.name)[:, 1:2] for f in fields(Objects)))
    torch.testing.assert_close(model.render(present)[0], model.render(second)[0], atol=1e-3, rtol=1e-3)
    nothing = replace(objects, presence=torch.zeros(4, 3, 1))
    assert float(model.render(nothing)[0].abs().max()) == 0


@torch.no_grad()
def test_the_most_present_of_old_and_new_objects_stay_and_the_old_keep_their_places(frames: Tensor):
    model = model_of()
    old = model.remember(first_scene(model, frames))
    found, _ = model.discover(model.encoder(frames[:, 1]), frames[:, 1], old.objects, generator(5))
    presence = torch.rand(4, 3, 1, generator=generator(6))
    old = replace(old, objects=replace(old.objects, presence=presence))
    merged = model.take_in(old, found)
    fresh_start = model.posterior_memory.start(4, 3)[0]
    swapped = 0
    for b in range(4):
        everyone = torch.cat([presence[b, :, 0], found.presence[b, :, 0]])
        best = everyone.sort(descending=True).values[:3]
        torch.testing.assert_close(merged.objects.presence[b, :, 0].sort(descending=True).values, best)
        for n in range(3):
            if presence[b, n, 0] >= best[-1]:
                torch.testing.assert_close(merged.objects.what[b, n], old.objects.what[b, n])
                torch.testing.assert_close(merged.posterior[0][b, n], old.posterior[0][b, n])
            else:
                swapped += 1
                torch.testing.assert_close(merged.posterior[0][b, n], fresh_start[b, n])
    assert 0 < swapped < 12


@torch.no_grad()
def test_an_object_that_is_there_is_not_found_again(frames: Tensor):
    model = model_of()
    cells = model.encoder(frames[:, 0])
    found, _ = model.discover(cells, frames[:, 0], None, None)
    # The same boxes once more, all of them occupied.
    there = replace(found, presence=torch.ones_like(found.presence))
    model.there[-1].weight.zero_()
    model.there[-1].bias.zero_()
    again, _ = model.discover(cells, frames[:, 0], there, None)
    torch.testing.assert_close(again.where, found.where)
    assert float(found.presence.sum()) > 0 and float(again.presence.sum()) == 0


@torch.no_grad()
def test_imagination_sees_nothing_and_costs_nothing(frames: Tensor):
    model = model_of()
    imagined = model.rollout(frames, given=2)
    other = torch.cat([frames[:, :2], torch.rand_like(frames[:, 2:])], dim=1)
    torch.testing.assert_close(model.rollout(other, given=2).frames, imagined.frames)
    torch.testing.assert_close(model.rollout(frames, given=4).frames[:, :2], imagined.frames[:, :2])
    assert float(imagined.losses["kl_dyna"][:, 2:].abs().max()) == 0
    assert float(imagined.losses["kl_dyna"][:, 1].min()) > 0
    torch.testing.assert_close(imagined.extra["presence"][:, 2], imagined.extra["presence"][:, 1])
    one, two = (model.rollout(frames, given=2, noise=generator(seed)).frames for seed in (1, 2))
    assert not torch.allclose(one, two)


@torch.no_grad()
def test_several_propagations_are_one_after_the_other(frames: Tensor):
    model = model_of()
    scenes = model.track(frames[:, :2], 2, 3, None)
    scene = replace(scenes[0], kl={})
    for i in range(3):
        scene = model.propagate(scene, frames[:, 1], None, leaving=i == 2)
        if i == 2:
            scene = model.discover_more(scene, model.encoder(frames[:, 1]), frames[:, 1], None)
        scene = model.remember(scene)
    assert_same(scene.objects, scenes[1].objects)
    multi = model_of(propagations=3)
    torch.testing.assert_close(multi.infer(frames).frames, model.infer(frames, propagations=3).frames)
    torch.testing.assert_close(model.infer(frames).frames, model.rollout(frames, given=4).frames)
    assert not torch.allclose(multi.infer(frames).frames, model.infer(frames).frames)


@torch.no_grad()
def test_objects_vanish_once_between_two_frames(frames: Tensor):
    model = model_of()
    scene = model.track(frames[:, :1], 1, 1, generator(0))[0]
    kept = model.propagate(scene, frames[:, 1], generator(1), leaving=False)
    thinned = model.propagate(scene, frames[:, 1], generator(1))
    assert torch.equal(kept.objects.presence, scene.objects.presence)
    assert (thinned.objects.presence < scene.objects.presence).all()
    assert torch.equal(kept.kl["kl_presence"], scene.kl["kl_presence"]), "staying costs nothing"


@torch.no_grad()
def test_boxes_move_no_farther_than_they_may(frames: Tensor):
    model = model_of(shift_limit=0.4, size_limit=0.1)
    model.change[-1].weight.mul_(100)
    # All gates wide open, whatever the weights say.
    model.change[-1].bias[-(1 + 4 + model.spec.what) :] = 1e6
    old = first_scene(model, frames)
    new = model.propagate(old, frames[:, 1], generator(3)).objects.where
    moved = (new - old.objects.where).abs()
    assert float(moved[..., 2:].max()) <= 0.4 + 1e-6 and float(moved[..., :2].max()) <= 0.1 + 1e-6
    assert float(moved[..., 2:].max()) > 0.2
    assert float(new[..., :2].min()) >= 0.05 and float(new[..., :2].max()) <= 1


@torch.no_grad()
def test_a_rollout_has_all_that_figures_need(clip):
    model = model_of(objects=9)
    rollout = model.infer(clip.frames)
    assert (rollout.first, rollout.given) == (0, 4)
    assert rollout.frames.shape == clip.frames.shape
    assert rollout.slot_rgb.shape == (4, 4, 9, *SHAPE) and rollout.slot_masks.shape == (4, 4, 9, 16, 16)
    assert rollout.states.shape == (4, 4, 9, 6) and rollout.extra["boxes"].shape == (4, 4, 9, 4)
    assert set(rollout.losses) == {"error", *KLS}
    assert all(loss.shape == (4, 4) for loss in rollout.losses.values())
    here = rollout.extra["presence"][:, 0] > 0.5
    assert bool(here.any()) and not bool(here.all())
    at = (rollout.extra["boxes"][..., 2:] + 1) * 8 - 0.5
    for t in range(4):
        torch.testing.assert_close(rollout.positions[:, t][here], at[:, t][here])
        assert float(rollout.positions[:, t][~here].max()) < -100
    clips = here.any(dim=1)
    matched = match_slots(clip, rollout, "content").slot
    assert bool(here.gather(1, matched)[clips].all()), "an absent object was matched to a ball"


def test_the_terms_are_those_of_the_rollout(frames: Tensor):
    model = model_of()
    losses = model.losses(frames, generator(7))
    rollout = model.rollout(frames, given=4, noise=generator(7))
    assert tuple(losses) == model.terms
    for name in KLS:
        torch.testing.assert_close(losses[name], rollout.losses[name].mean())
        assert float(losses[name].detach()) >= 0
    torch.testing.assert_close(losses["nll"], rollout.losses["error"].mean() / (2 * 0.2**2))


def test_gradients_reach_every_part(frames: Tensor):
    model = model_of().train()
    sum(model.losses(frames, generator(0)).values()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0]
    assert silent == []


@torch.no_grad()
def test_what_a_new_object_looks_like_is_read_from_its_box(frames: Tensor):
    model = model_of()
    cells = model.encoder(frames[:, 0])
    found, _ = model.discover(cells, frames[:, 0], None, None)
    # The same cells over another frame: every box stays, and what is in it changes.
    other, _ = model.discover(cells, frames[:, 0].flip(1), None, None)
    torch.testing.assert_close(other.where, found.where)
    assert float((other.what - found.what).abs().max()) > 1e-4


@torch.no_grad()
def test_later_discoveries_are_dropped_in_training_only(frames: Tensor):
    model = model_of(discovery_dropout=0.999)
    scene = first_scene(model, frames)
    scene = replace(scene, kl={}, objects=replace(scene.objects, presence=torch.full((4, 3, 1), 1e-3)))
    cells = model.encoder(frames[:, 1])
    assert float(model.discover_more(scene, cells, frames[:, 1], generator(1)).objects.presence.max()) > 0.1
    asleep = model.train().discover_more(scene, cells, frames[:, 1], generator(1))
    assert_same(asleep.objects, scene.objects)
    assert float(asleep.kl["kl_where"].max()) == 0


def test_it_learns_a_batch_by_heart(frames: Tensor):
    torch.manual_seed(0)
    model = model_of()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    bounds = []
    for step in range(50):
        bound = sum(model.losses(frames[:, :2], generator(0, step)).values())
        optimiser.zero_grad()
        bound.backward()
        optimiser.step()
        bounds.append(bound.item())
    assert sum(bounds[-5:]) < 0.75 * sum(bounds[:5])


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot fill 17 objects"):
        model_of(objects=17)
    with pytest.raises(ValueError, match="not 12"):
        model_of(glimpse=12)
    with pytest.raises(ValueError, match="square frames"):
        GSWMSpec().build((3, 32, 24))


@pytest.mark.parametrize("name", ["gswm/atomic", "gswm-multi/atomic"])
def test_the_smoke_run_trains(name: str, tmp_path: Path):
    config = CATALOGUE.find(f"{name}/smoke/s0")
    if config.start_from:
        train(CATALOGUE.find(config.start_from), tmp_path, torch.device("cpu"))
    assert train(config, tmp_path, torch.device("cpu")).finished
    assert (tmp_path / config.name / "weights.safetensors").exists()
