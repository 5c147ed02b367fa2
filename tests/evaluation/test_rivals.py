"""Numbers of the rivals, on predictions whose worth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from einops import rearrange, repeat

from rulebook.catalogue import CATALOGUE
from rulebook.clips import Clip, Rollout
from rulebook.evaluation import rivals_live
from rulebook.evaluation.rivals import binding, mutual_information, prediction, schemata, training, watching
from rulebook.evaluation.sheet import Sheet
from rulebook.measures.stability import loss_jumps
from rulebook.models.gswm import KLS
from rulebook.worlds.floors import mean_next_frame
from rulebook.worlds.random_walk import RandomWalk

WALK = RandomWalk()


@pytest.fixture(scope="module")
def clip() -> Clip:
    return WALK.sample(24, 0, length=4, split="test")


def best(world: RandomWalk, clip: Clip) -> Rollout:
    """The mean over all futures, at every step."""
    frames = [mean_next_frame(world, clip, t) for t in range(clip.length - 1)]
    return Rollout(torch.stack(frames, dim=1), first=1, given=clip.length)


def values(sheet: Sheet) -> dict[str, float]:
    return {name: entry["value"] for name, entry in sheet.metrics.items()}


def test_the_mean_over_all_futures_scores_the_floor_and_correlates_with_itself(clip):
    sheet = Sheet()
    prediction(WALK, clip, best(WALK, clip), sheet)
    found = values(sheet)
    assert found["error_over_floor"] == pytest.approx(1, abs=3 * sheet.metrics["error_over_floor"]["standard_error"])
    assert found["mean_frame_correlation"] == pytest.approx(1, abs=1e-5)
    assert found["distance_to_mean"] == pytest.approx(0, abs=1e-6)
    assert found["error_5_frames"] == found["mean_5_frames"] < found["copy_last_5_frames"]
    assert found["true_frame_correlation"] < 0.9
    assert found["sharpness"] == found["mean_sharpness"] < 0.5


def test_a_copy_of_the_last_frame_lies_far_above_the_floor(clip):
    sheet = Sheet()
    prediction(WALK, clip, Rollout(clip.frames[:, :-1], first=1, given=clip.length), sheet)
    found = values(sheet)
    assert found["error_5_frames"] == found["copy_last_5_frames"]
    assert found["error_over_floor"] > 1.5 and found["sharpness"] == pytest.approx(1, abs=0.1)
    assert found["mean_frame_correlation"] < 0.9


def test_an_empty_prediction_correlates_with_nothing(clip):
    sheet = Sheet()
    prediction(WALK, clip, Rollout(torch.zeros_like(clip.frames[:, 1:]), first=1, given=clip.length), sheet)
    assert values(sheet)["mean_frame_correlation"] == 0


def test_on_a_deterministic_walk_the_floor_is_zero_and_random_moves_set_the_scale():
    world = RandomWalk.deterministic()
    clip = world.sample(6, 0, length=3, split="test")
    sheet = Sheet()
    prediction(world, clip, best(world, clip), sheet)
    found = values(sheet)
    assert found["floor_5_frames"] == 0 and "error_over_floor" not in found
    assert found["error_over_random_floor"] < 1e-6 and found["random_floor_5_frames"] > 50


def attending(clip: Clip, shift: int = 0, coarse: int = 1) -> Rollout:
    """File k looks at ball k and paints it one frame later; a fourth takes the background."""
    masks = torch.cat([clip.masks, 1 - clip.masks.sum(dim=2, keepdim=True)], dim=2)
    seen = rearrange(masks[:, :-1], "b t k (h y) (w x) -> b t k h w y x", y=coarse, x=coarse).mean(dim=(-2, -1))
    return Rollout(clip.frames[:, 1:], first=1, slot_masks=masks[:, 1 - shift : clip.length - shift], attention=seen)


def test_files_that_paint_and_watch_balls_bind_to_them(clip):
    apart = clip.window(0, 2)
    right, late = Sheet(), Sheet()
    binding(apart, attending(apart), right)
    binding(apart, attending(apart, shift=1), late)
    assert values(right)["foreground_ari"] > 0.95 and values(right)["foreground_ari_attention"] > 0.95
    assert values(late)["foreground_ari"] < 0.9, "masks are about the frame that is predicted"


def choosing(clip: Clip, chosen: torch.Tensor, many: int) -> dict[str, float]:
    background = torch.zeros_like(chosen[:, :, :1])
    modules = torch.cat([chosen, background], dim=2).unsqueeze(-1)
    probs = torch.nn.functional.one_hot(modules, many).float()
    sheet = Sheet()
    schemata(clip, replace(attending(clip), modules=modules, module_probs=probs), sheet)
    return values(sheet)


def test_schemata_that_stand_for_moves_tell_them_and_one_for_all_tells_nothing(clip):
    moves = clip.moves[..., 0]
    telling = choosing(clip, moves.clamp_min(0) + 1, 5)
    counts = torch.tensor(telling["schema_by_move"])
    assert counts.sum() == counts[range(4), range(1, 5)].sum() > 0
    assert telling["schema_move_information"] == pytest.approx(math.log(4), abs=0.05)
    assert telling["schemata_in_use"] == 4 and telling["choice_entropy"] == 0
    mute = choosing(clip, torch.full_like(moves, 2), 5)
    assert mute["schema_move_information"] == pytest.approx(0, abs=1e-9)
    assert mute["schemata_in_use"] == 1 and mute["schema_shares"] == [1, 0, 0, 0, 0]


def test_information_of_tables_that_are_known():
    assert mutual_information(torch.outer(torch.tensor([1, 2, 3]), torch.tensor([4, 5]))) == pytest.approx(0, abs=1e-12)
    assert mutual_information(7 * torch.eye(4).long()) == pytest.approx(math.log(4))
    assert mutual_information(torch.zeros(4, 5).long()) == 0


def boxes(clip: Clip, positions: torch.Tensor, presence: torch.Tensor) -> dict[str, float]:
    losses = {name: torch.zeros(presence.shape[:2]) for name in ("error", *KLS)}
    sheet = Sheet()
    watching(clip, Rollout(clip.frames, positions=positions, losses=losses, extra={"presence": presence}), sheet)
    return values(sheet)


def test_a_box_that_leaves_its_ball_or_vanishes_is_lost():
    clip = WALK.sample(5, 0, length=10, split="test")
    there = torch.ones(5, 10, 3)
    held = boxes(clip, clip.positions, there)
    assert held["tracking_error"] == held["lost"] == held["no_own_slot"] == 0 and held["boxes_present"] == 3
    astray = clip.positions.clone()
    astray[:, -1, 0] += 4
    assert boxes(clip, astray, there)["lost"] == pytest.approx(1 / 3, abs=1e-5)
    gone = there.clone()
    gone[0, 5:, 1] = 0
    assert boxes(clip, clip.positions, gone)["lost"] == pytest.approx(1 / 15, abs=1e-5)
    nobody = boxes(clip, torch.full_like(clip.positions, -1e3), torch.zeros_like(there))
    assert nobody["no_own_slot"] == 1 and "lost" not in nobody
    assert nobody["tracking_error"] == nobody["tracking_error_all"] == WALK.size


def test_jumps_are_counted_within_stages_of_equal_clips():
    run = CATALOGUE.find("gswm/atomic/laptop/s0")
    begins = [stage.begin for stage in run.training.stages]
    levels = torch.bucketize(torch.arange(0, run.training.steps, 20), torch.tensor(begins)[1:], right=True)
    lines = [{"step": 20 * i + 20, "split": "train", "nll": 10.0 * (1 + int(n))} for i, n in enumerate(levels)]

    def jumps(history: list) -> float:
        sheet = Sheet()
        training(run, history, sheet)
        return values(sheet)["training_jumps"]

    assert jumps(lines) == 0
    lines[50]["nll"] = 30.0
    assert jumps([*lines, {"step": 60, "split": "validation", "nll": 1e6}]) == 1


def test_attention_is_compared_at_the_scale_of_frames(clip):
    """Attention may have fewer cells than the frame has pixels; every cell then stands for a square of pixels."""
    rough = attending(clip.window(0, 2), coarse=2)
    sheet = Sheet()
    large = repeat(rough.attention, "b t k h w -> b t k (h two) (w too)", two=2, too=2)
    binding(clip.window(0, 2), replace(rough, attention=large), sheet)
    other = Sheet()
    binding(clip.window(0, 2), rough, other)
    assert values(sheet) == values(other)
    assert 0.6 < values(sheet)["foreground_ari_attention"] < 0.95, (
        "at their edges balls share cells with the background"
    )


def test_boxes_are_in_pixels_and_absent_ones_are_not_drawn():
    drawn = torch.tensor([0.25, 0.5, 0.0, -1.0]).expand(1, 2, 2, 4)
    presence = torch.tensor([[[1.0, 0.0], [0.4, 0.9]]])
    found = rivals_live.boxes(
        Rollout(torch.zeros(1, 2, 3, 32, 32), given=2, extra={"boxes": drawn, "presence": presence})
    )
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([15.5, -0.5, 8.0, 16.0]))
    assert found.isnan().all(dim=-1).tolist() == [[[False, True], [True, False]]]


def test_files_that_bind_perfectly_show_what_can_be_expected_of_every_ball(clip):
    owners = rivals_live.expected_owners(WALK, clip)
    assert owners.shape == (24, 3, 3, 32, 32)
    # The sum over balls is what covers the pixel at all, and a frame in true colours is the balls' shares, coloured.
    painted = torch.einsum("btkhw,bkc->btchw", owners, clip.colours)
    mean = torch.stack([mean_next_frame(WALK, clip, t) for t in range(3)], dim=1)
    assert torch.allclose(painted, mean, atol=1e-5)
    more = replace(clip, colours=clip.colours[:, :2])
    with pytest.raises(ValueError, match="this walk has 2 balls"):
        rivals_live.expected_owners(WALK, more)


def test_true_masks_in_cells_of_one_pixel_are_the_true_masks(clip):
    assert torch.equal(rivals_live.known_owners(clip, 1), clip.masks)
    coarse = rivals_live.known_owners(clip, 4)
    assert coarse.shape == clip.masks.shape
    assert torch.allclose(coarse.sum((-1, -2)), clip.masks.sum((-1, -2)), atol=1e-3)
    assert torch.equal(coarse[..., ::4, ::4], coarse[..., 3::4, 3::4])


def test_who_follows_nothing_is_as_far_off_as_balls_move():
    line = torch.tensor([[10.0, 15.5], [14.0, 15.5], [18.0, 15.5]])
    clip = Clip(frames=torch.zeros(1, 3, 3, 32, 32), positions=rearrange(line, "time xy -> 1 time 1 xy"))
    told = rivals_live.idle_errors(clip)
    assert told["stays where it was in frame 1"] == [4, 8]
    assert told["always one frame behind"] == [4, 4]
    assert told["always mid-frame"] == [1.5, 2.5]


def test_jumps_are_where_they_are_counted():
    quiet = [10 + 0.1 * (i % 3) for i in range(40)]
    losses = [*quiet, 20.0, 21.0, *quiet, 30.0, *quiet[:5]]
    assert rivals_live.jumps_at(losses) == [40, 82]  # two in a row are one
    assert len(rivals_live.jumps_at(losses)) == loss_jumps(losses)
    assert rivals_live.jumps_at(losses[:9]) == rivals_live.jumps_at([50.0, *quiet]) == []


def test_jumps_of_a_run_are_told_by_step_and_within_stages():
    losses = [10 + 0.1 * (i % 3) for i in range(60)]
    losses[20] = 20.0
    losses[30:] = [loss + 50 for loss in losses[30:]]  # a new stage: no jump
    stages = [{"frames": 2, "batch": 1}, {"frames": 4, "batch": 1, "begin": 600}]
    by_step = {20 * (i + 1): loss for i, loss in enumerate(losses)}
    assert rivals_live.training_jumps({"steps": 1200, "stages": stages}, by_step) == [420]
