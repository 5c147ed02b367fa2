"""The thesis's evaluation: numbers that say what they are, names that the claims read, and a truth that scores best."""

from __future__ import annotations

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.claims.metrics import METRICS
from rulebook.claims.oc_rims import OC_RIMS_CLAIMS
from rulebook.clips import Rollout
from rulebook.evaluation import Sheet, evaluate_run, is_fresh, oc_rims
from rulebook.evaluation.oc_rims_cells import dividing, objects, observed
from rulebook.evaluation.oc_rims_watch import TEST_SEED, Size, collect
from rulebook.models.base import VideoModel
from rulebook.training.distribution import Team
from rulebook.training.loop import train
from rulebook.training.trainer import Trainer
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

SPARSE, SPRITES, SCOFF = (
    "rims-cat-6-active4/moving-mnist",
    "oc-rims-sbd-6-3/moving-sprites",
    "oc-scoff-bcd/moving-mnist",
)
TRAINED = ["gru-cat/moving-mnist", SPARSE, SPRITES, SCOFF]
FLOORS = ("black", "mean_frame", "copy_last", "tracker")

READ: dict[str, set[str]] = {}
for claim in OC_RIMS_CLAIMS:
    for quantity in claim.rule.quantities:
        READ.setdefault(quantity.entry, set()).update(quantity.metrics)


@pytest.fixture(scope="module")
def sheets(tmp_path_factory) -> dict[str, dict]:
    """Trained at smoke size and evaluated as any run is."""
    root, found = tmp_path_factory.mktemp("runs"), {}
    for entry in TRAINED:
        name = f"{entry}/smoke/s0"
        train(CATALOGUE.find(name), root, torch.device("cpu"))
        found[entry] = evaluate_run(root / name)["metrics"]
        assert is_fresh(root / name)
    return found


@pytest.mark.parametrize("entry", TRAINED)
def test_every_number_has_unit_count_and_definition(sheets, entry):
    for name, metric in sheets[entry].items():
        assert metric["unit"] and metric["definition"] and metric["n"] >= 1, name
        assert torch.tensor(metric["value"]).isfinite().all(), name


@pytest.mark.parametrize("entry", TRAINED)
def test_rules_find_the_numbers_that_they_read(sheets, entry):
    assert READ[entry] <= sheets[entry].keys()
    assert all(isinstance(sheets[entry][name]["value"], int | float) for name in READ[entry])


def test_every_number_that_some_rule_reads_is_written_by_a_run_of_that_kind(sheets):
    """Of the models not trained here, each is like one that is; what the sweep's rules read, all runs have."""
    everywhere = set.intersection(*(set(sheet) for sheet in sheets.values()))
    pictures = set(sheets[SPRITES]) & set(sheets[SCOFF])
    for entry, names in READ.items():
        if entry not in sheets:
            drawn_apart = "-cat" not in entry and not entry.startswith("conv-lstm")
            assert names <= (everywhere | pictures if drawn_apart else everywhere), entry


def test_units_are_those_that_the_claims_print(sheets):
    for sheet in sheets.values():
        for name in sheet.keys() & METRICS.keys():
            if name in {metric for names in READ.values() for metric in names}:
                assert sheet[name]["unit"] == METRICS[name][0], name


@pytest.mark.parametrize("entry", TRAINED)
def test_floors_stand_beside_every_model(sheets, entry):
    sheet = sheets[entry]
    for score in ("mse", "ssim", "f1"):
        for suffix in ("", *(f"_{floor}" for floor in FLOORS)):
            curve = sheet[f"{score}{suffix}_by_frame"]["value"]
            assert len(curve) == 10
            assert sum(curve) / 10 == pytest.approx(sheet[f"{score}{suffix}"]["value"], rel=1e-4)
    for floor in ("black", "mean_frame", "copy_last"):
        assert sheet["mse_tracker"]["value"] < sheet[f"mse_{floor}"]["value"]


def test_only_sparse_cells_are_asked_about_their_activation(sheets):
    names = {"active_utilisation", "activation_change_share", "mse_dense_test"}
    assert names <= sheets[SPARSE].keys()
    for entry in (SPRITES, SCOFF):
        assert not names & sheets[entry].keys()
        assert sum(sheets[entry]["utilisation_by_cell"]["value"]) == pytest.approx(1, abs=1e-4)


def test_shares_are_shares_and_every_cell_is_switched_off(sheets):
    sheet = sheets[SPRITES]
    for name in (
        "mcl",
        "acl",
        "mcl_unmasked",
        "acl_unmasked",
        "single_object_share",
        "single_object_share_given",
        "duplicates_share",
    ):
        assert 0 <= sheet[name]["value"] <= 1, name
    assert sheet["acl"]["value"] <= sheet["mcl"]["value"]
    assert len(sheet["mse_by_cell_off"]["value"]) == len(sheet["f1_by_cell_off"]["value"]) == 6
    for name in ("read_by_cell", "light_by_cell"):
        shares = sheet[name]["value"]
        assert len(shares) == 6 and all(0 <= share <= 1 for share in shares), name
    assert sum(sheet["light_by_cell"]["value"]) == pytest.approx(1, abs=1e-4)
    assert "read_by_cell" in sheets[SPARSE] and "light_by_cell" not in sheets[SPARSE]
    assert "mcl" not in sheets[SPARSE], "cells that share one picture track nothing"


def test_untrained_numbers_are_of_the_weights_that_training_starts_from(sheets, tmp_path):
    config = CATALOGUE.find(f"{SPRITES}/smoke/s0")
    sheet, found = sheets[SPRITES], Sheet()
    first = Trainer(config, tmp_path, Team(torch.device("cpu"))).model.eval()
    size = Size.of("smoke")
    clip = config.world.sample(size.clips, TEST_SEED, split="test")
    objects(collect(first, clip, observed), found)
    for name in ("mcl", "acl", "completion_ratio", "single_object_share"):
        assert found.metrics[name]["value"] == sheet[f"{name}_untrained"]["value"], name
    assert sheet["mcl_untrained"]["n"] == sheet["mcl"]["n"], "trained and untrained are held together: the same clips"


class Oracle(VideoModel):
    """Returns the truth: whole objects as its cells' pictures, what is seen of them as masks."""

    def __init__(self, clip):
        super().__init__()
        self.clip = clip
        self.weight = torch.nn.Parameter(torch.ones(1))

    def losses(self, frames, noise):
        return {"error": (frames * self.weight).sum() * 0}

    def rollout(self, frames, *, given, noise=None):
        if frames.shape[1] < self.clip.length:  # part of a clip, watched for the states, of which there are none
            return Rollout(frames=frames[:, 1:], first=1, given=given)
        rest = self.clip.frames.flatten(1)
        which = [int((rest == frame).all(dim=1).nonzero()[0]) for frame in frames.flatten(1)]
        objects = self.clip.object_frames[which, 1:]
        return Rollout(
            frames=frames[:, 1:],
            first=1,
            given=given,
            slot_rgb=objects,
            slot_masks=self.clip.masks[which, 1:],
        )


@pytest.mark.parametrize("world", [MovingMnist(size=16), MovingSprites(size=16, test_clips=16, birth_probability=1)])
@torch.no_grad()
def test_the_truth_scores_best_by_the_same_path(world):
    clip = world.sample(16, TEST_SEED, split="test")
    config = CATALOGUE.find("gru-cat/moving-mnist/smoke/s0").model_copy(update={"world": world})
    sheet = Sheet()
    oc_rims.evaluate(config, Oracle(clip), sheet)
    for name, best in (("mse", 0), ("ssim", 1), ("f1", 1)):
        assert sheet.metrics[name]["value"] == pytest.approx(best, abs=1e-5)
        assert sheet.metrics[f"{name}_by_frame"]["value"] == pytest.approx([best] * 10, abs=1e-5)


def test_whole_objects_are_pure_tracked_and_completed():
    clip = MovingSprites(size=32, test_clips=16, birth_probability=1).sample(16, 0, split="test")
    sheet = Sheet()
    objects(collect(Oracle(clip), clip, observed), sheet)
    values = {name: metric["value"] for name, metric in sheet.metrics.items()}
    assert values["mcl_unmasked"] == values["acl_unmasked"] == 1
    assert values["completion_ratio"] == pytest.approx(0, abs=1e-6)
    assert 0.2 < values["completion_ratio_grey"] < 0.8, "grey is no completion, and yet better than black"
    assert values["duplicates_share"] == pytest.approx(0, abs=0.01)
    assert values["single_object_share"] > 0.9 and values["single_object_share_given"] > 0.9
    assert values["single_object_share_on_objects"] > 0.9


def test_a_second_cell_on_every_object_is_a_duplicate():
    clip = MovingSprites(size=32, test_clips=16, birth_probability=1).sample(4, 0, split="test")
    rollout = Oracle(clip).rollout(clip.frames, given=10)
    assert rollout.slot_rgb is not None and rollout.slot_masks is not None
    rollout.slot_rgb = rollout.slot_rgb.repeat(1, 1, 2, 1, 1, 1)
    rollout.slot_masks = rollout.slot_masks.repeat(1, 1, 2, 1, 1) / 2
    sheet = Sheet()
    objects(observed(clip, rollout), sheet)
    assert sheet.metrics["duplicates_share"]["value"] == pytest.approx(0.5, abs=0.01)


def test_a_jump_counts_if_the_loss_stays_up():
    falling = [100 * 0.98**i for i in range(60)]
    spike = [*falling[:30], 400.0, 300.0, *falling[32:]]
    broken = [*falling[:30], *(200.0 for _ in range(30))]
    assert [oc_rims.lasting_jump(losses) for losses in (falling, spike, broken)] == [False, False, True]
    assert oc_rims.lasting_jump([*falling, float("nan")])
    assert not oc_rims.lasting_jump(falling[:4])


def test_numbers_of_the_training_come_from_its_history():
    config = CATALOGUE.find("gru-cat/moving-mnist/smoke/s0")
    lines = [{"split": "train", "step": step, "error": 100.0 - step} for step in range(1, 21)]
    looks = [{"split": "validation", "step": step, "error": error} for step, error in ((10, 5.0), (20, 7.0))]
    looks[0]["mse"], looks[1]["mse"] = 9.0, 8.0
    sheet = Sheet()
    oc_rims.training(config, [*lines, *looks], sheet)
    values = {name: metric["value"] for name, metric in sheet.metrics.items()}
    assert values["training_loss"] == 80 and values["loss_jump"] == 0
    assert (values["validation_best_step"], values["validation_loss_best"], values["validation_loss"]) == (10, 5, 7)
    assert (values["validation_mse_best_step"], values["validation_mse_best"], values["validation_mse"]) == (20, 8, 8)
    assert values["loss_rise"] < values["loss_rise_short"] < 1


@torch.no_grad()
def test_states_that_depend_on_no_draw_have_no_noise():
    config = CATALOGUE.find("gru-cat/moving-mnist/smoke/s0")
    clip = config.world.sample(6, 0, split="test")
    heard: dict[str, dict[str, float]] = {}
    for name in ("gru-cat", "oc-rims-bcd-6-3"):
        sheet = Sheet()
        oc_rims.audible(oc_rims.untrained(CATALOGUE.find(f"{name}/moving-mnist/smoke/s0")), clip, sheet)
        heard[name] = {key: metric["value"] for key, metric in sheet.metrics.items()}
    assert heard["gru-cat"]["state_noise_untrained"] == 0 < heard["gru-cat"]["state_signal_untrained"]
    assert heard["oc-rims-bcd-6-3"]["state_noise_untrained"] > 0


@torch.no_grad()
def test_slots_that_say_the_same_can_be_exchanged_for_their_mean():
    config = CATALOGUE.find(f"{SPRITES}/smoke/s0")
    torch.manual_seed(0)
    model, clip = config.model.build(config.world.frame_shape).eval(), config.world.sample(2, 0, split="test")

    def asked() -> tuple[float, float, float]:
        sheet = Sheet()
        found = collect(model, clip, oc_rims.measured)
        oc_rims.write_scores(found, "", "predicted by the model", sheet, clip)
        dividing(model, found, clip, sheet)
        return tuple(sheet.metrics[name]["value"] for name in ("mse", "mse_mean_slots", "slot_share"))

    model.slots.start_log_std.fill_(1.0)
    own, pooled, share = asked()
    assert pooled != own and 1 / model.spec.slots < share <= 1
    model.slots.start_log_std.fill_(-torch.inf)
    own, pooled, share = asked()
    assert pooled == pytest.approx(own, rel=1e-5) and share == pytest.approx(1 / model.spec.slots)


def test_models_without_slots_or_with_one_are_not_asked_whether_slots_divide(sheets):
    assert "slot_share" in sheets[SPRITES] and "mse_mean_slots" in sheets[SCOFF]
    assert not {"slot_share", "mse_mean_slots"} & sheets[SPARSE].keys()
