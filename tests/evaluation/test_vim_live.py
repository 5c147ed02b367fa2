"""What pages ask live: properties that hold of any weights."""

from types import SimpleNamespace

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.clips import Clip
from rulebook.evaluation.vim_live import (
    Futures,
    around_the_edge,
    at_walls,
    by_frame,
    crossing,
    crowd,
    in_a_row,
    places,
    refinement_by_distance,
    sampled_at_walls,
    sharpness_parts,
    wall_moves,
    watch,
    with_slots,
    world_futures,
)
from rulebook.evaluation.vim_watch import infer
from rulebook.measures.matching import Matching, slot_centres
from rulebook.models.vim import VIM

ENTRY = CATALOGUE.entries["vim-m4/atomic"]
WORLD = ENTRY.world


@pytest.fixture(scope="module")
def model() -> VIM:
    torch.manual_seed(0)
    built = ENTRY.recipes["smoke"].model.build(WORLD.frame_shape)
    with torch.no_grad():
        yield built.eval()


def test_as_many_slots_as_before_change_nothing(model: VIM):
    clip = WORLD.sample(2, 0, length=3, split="test")
    same = with_slots(model, model.spec.perception.slots)
    assert torch.equal(infer(same, clip).frames, infer(model, clip).frames)
    assert infer(with_slots(model, 6), clip).states.shape[2] == 6
    assert infer(model, clip).states.shape[2] == 4  # the original keeps its own


def test_a_crowd_has_its_balls_and_one_slot_more(model: VIM):
    seen, numbers = crowd(model, WORLD, 2, 2)
    assert seen.clip.positions.shape[2] == 2 and seen.rollout.states.shape[2] == 3
    assert 0 <= numbers["rule accuracy, interior"] <= 1


def test_places_tell_where_a_move_began(model: VIM):
    seen = watch(model, WORLD, 3, length=4)
    seen.matching.own[:] = True
    found = places(seen)
    assert len(found.moves) == 3 * 3 * 3
    assert torch.equal(found.positions[:3], seen.clip.positions[0, 0])
    assert torch.equal(found.moves[:3], seen.clip.moves[0, 0, :, 0])


def test_every_step_on_a_torus_belongs_to_one_stage_of_its_ball(model: VIM):
    torus = CATALOGUE.entries["vim-m4/torus"].world
    seen = watch(model, torus, 24, length=16)
    stages = around_the_edge(seen, torus)
    assert torch.equal(sum(stages.values()), seen.counts())
    assert all(int(counts.sum()) for counts in stages.values())


def test_a_ball_in_the_middle_has_not_reached_the_edge(model: VIM):
    torus = CATALOGUE.entries["vim-m4/torus"].world
    seen = watch(model, torus, 2, length=5)
    x = torch.tensor([16.0, 24, 30, 2, 6])  # whole, whole, cut, cut on the other side, whole there
    seen.clip.positions[:] = torch.stack([x, torch.full((5,), 16.0)], dim=-1)[None, :, None]
    stages = {name: int(counts.sum()) for name, counts in around_the_edge(seen, torus).items()}
    counted = int(seen.counts().sum()) // 4
    assert list(stages.values()) == [counted, 3 * counted, 0, 0]
    seen.clip.positions[:, 4] = seen.clip.positions[:, 3] = torch.tensor([6.0, 16.0])
    stages = {name: int(counts.sum()) for name, counts in around_the_edge(seen, torus).items()}
    assert list(stages.values()) == [counted, 2 * counted, 0, counted]


def test_frame_by_frame_means_are_those_of_the_rollout(model: VIM):
    seen = watch(model, WORLD, 4, length=5)
    seen.matching.own[:] = False
    seen.matching.own[1, 2] = True
    told = by_frame(seen)
    assert {name: len(values) for name, values in told.items()} == {"position": 5, "gaussian_kl": 4, "module_kl": 4}
    centres = slot_centres(seen.rollout, "content")[1, :, seen.matching.slot[1, 2]]
    assert told["position"] == pytest.approx((centres - seen.clip.positions[1, :, 2]).norm(dim=-1).tolist(), abs=1e-4)
    assert told["module_kl"] == pytest.approx(seen.rollout.losses["module_kl"][:, 1:].mean(dim=0).tolist())


def test_crossing_starts_on_the_far_side(model: VIM):
    strips = crossing(model, WORLD, [2, 0, 3, 1])
    assert [len(strip) for strip in strips] == [6] * 4


def test_the_best_of_more_samples_is_never_worse():
    truth = torch.rand(2, 3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    noisy = truth + torch.linspace(0.8, 0.1, 8)[:, None, None, None, None, None]
    told = Futures(Clip(frames=truth), 1, noisy)
    errors = [told.best_of(n) for n in (1, 2, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(float(told.errors.mean()), rel=1e-5)
    assert errors[-1] == pytest.approx(0.01 * 3 * 64, rel=1e-3)
    assert Futures(Clip(frames=truth), 1, truth[None]).sharpness == pytest.approx([1.0, 1.0])


def test_the_mean_of_more_samples_is_less_sharp():
    truth = torch.rand(2, 3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    told = Futures(Clip(frames=truth), 1, torch.rand(8, 2, 3, 3, 8, 8, generator=torch.Generator().manual_seed(1)))
    means = [told.sharpness_of_means(n) for n in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(means[0] / 8, rel=0.2)  # independent pixels: variances add up
    assert Futures(Clip(frames=truth), 1, truth.expand(4, *truth.shape)).sharpness_of_means(4) == pytest.approx(1.0)


def test_errors_are_sorted_by_the_distance_of_the_target():
    positions = torch.tensor([[[[10.0, 10], [4, 4]], [[14.0, 10], [8, 8]]]])  # one and two moves away
    errors = torch.tensor([[[4.0, 8.0], [0.0, 4.0]]])
    parts = refinement_by_distance(errors, Clip(frames=torch.zeros(1, 2, 3, 8, 8), positions=positions), 4.0)
    assert {n: line.tolist() for n, line in parts.items()} == {1: [4.0, 0.0], 2: [8.0, 4.0]}


def test_further_walks_of_the_world_begin_alike_and_stay_walks():
    clip = WORLD.sample(3, 0, length=4, split="test")
    told = world_futures(WORLD, clip, 5)
    assert told.frames.shape == (5, *clip.frames.shape)
    assert torch.equal(told.frames[:, :, 0], clip.frames[:, 0].expand(5, -1, -1, -1, -1))
    assert not torch.equal(told.frames[0, :, -1], told.frames[1, :, -1])
    assert torch.equal(told.frames, world_futures(WORLD, clip, 5).frames)  # the same seed, the same walks
    with pytest.raises(ValueError, match="single random moves"):
        world_futures(WORLD.model_copy(update={"dynamics": "deterministic"}), clip, 1)


def counted_at_walls(centres, counted) -> list[int]:
    kinds, there = wall_moves(centres, counted, WORLD)
    return torch.bincount(kinds[there], minlength=4).tolist()


def test_what_balls_do_at_a_wall_is_told_from_their_places():
    low, high = WORLD.range_of(WORLD.radius[1])
    middle, edge = (low + high) / 2, low + 1
    start = torch.tensor([edge, middle])
    ways = torch.tensor([[WORLD.step, 0], [0, WORLD.step], [0, -WORLD.step], [-WORLD.step, 0], [0.0, 0]])
    centres = torch.stack([start.expand(5, 2), start + ways])[None]
    assert counted_at_walls(centres, torch.ones(1, 5, dtype=torch.bool)) == [1, 2, 1, 1]
    assert counted_at_walls(centres, torch.zeros(1, 5, dtype=torch.bool)) == [0] * 4  # no slot of their own
    for start in ((middle, middle), (edge, edge), (low + WORLD.step - 0.2, middle)):  # inside, a corner, hard to tell
        still = torch.tensor(start).expand(1, 2, 5, 2)
        assert counted_at_walls(still, torch.ones(1, 5, dtype=torch.bool)) == [0] * 4


def test_steps_of_the_world_at_a_wall_are_those_that_the_page_expects():
    clip = WORLD.sample(64, 0, length=10, split="test")
    found = at_walls(*wall_moves(clip.positions, torch.ones(64, WORLD.balls, dtype=torch.bool), WORLD))
    assert found is not None
    away, along, into, none = found.counts
    assert into == none == 0
    assert away / (away + along) == pytest.approx(0.5, abs=0.07)
    assert found.off == pytest.approx(abs(away / (away + along) - 0.5))
    low, high = found.interval
    assert 0 <= low <= high <= 0.15


def test_sharpness_and_walls_are_read_off_any_weights(model: VIM):
    parts = sharpness_parts(model, WORLD, 2, length=3)
    assert list(parts) == ["first frame", "discovered anew", "moved by modules"] and min(parts.values()) >= 0
    assert sampled_at_walls(model, WORLD, 2, length=3) is None  # untrained, it has no slot on a ball


def test_two_modules_that_add_up_are_told_from_a_module_that_heeds_the_one_before(monkeypatch):
    shifts = torch.tensor([[4.0, 0.0], [0.0, -4.0]])
    spec = SimpleNamespace(modules=2, perception=SimpleNamespace(slots=3))
    made_up = SimpleNamespace(spec=spec, force=lambda frames, forced, starts: forced)

    def centres(forced, by):
        moved = shifts[forced].sum(-2)
        if forced.shape[-1] == 2:
            moved = moved + torch.tensor([0.0, 8.0]) * (forced == torch.tensor([1, 0])).all(-1, keepdim=True)
        return torch.cat([torch.zeros_like(moved), moved], dim=1)

    def known(model, clip):
        count, balls = clip.positions.shape[0], clip.positions.shape[2]
        return Matching(torch.arange(balls).repeat(count, 1), torch.ones(count, balls, dtype=torch.bool))

    monkeypatch.setattr("rulebook.evaluation.vim_live.slot_centres", centres)
    monkeypatch.setattr("rulebook.evaluation.vim_live.first_slots", known)
    row = in_a_row(made_up, WORLD, 32)
    low, high = WORLD.range_of(WORLD.radius[1])
    start = WORLD.sample(32, 11, length=1, split="test").positions[:, 0]
    assert row.balls == ((start >= low + 8) & (start <= high - 8)).all(-1).sum() > 0
    assert torch.equal(row.off, torch.tensor([[0.0, 0.0], [8.0, 0.0]]))
    assert torch.equal(row.summed[0, 1], torch.tensor([4.0, -4.0]))
    assert torch.equal(row.together[1, 0], torch.tensor([4.0, 4.0]))
