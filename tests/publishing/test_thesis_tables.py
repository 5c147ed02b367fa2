"""Rows of the thesis's tables are read off the catalogue and the run folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from rulebook.catalogue import CATALOGUE
from rulebook.publishing.pages import Shelf
from rulebook.publishing.thesis_tables import (
    THESIS,
    against_floors,
    broken,
    compared,
    described,
    floor_lines,
    folded,
    label,
    line,
    prediction_table,
    single_norm_pairs,
)
from rulebook.publishing.thesis_verdicts import verdicts
from rulebook.results import Results
from rulebook.training.faults import Fault

GRU, RIMS = "gru-cat/moving-mnist", "rims-cat-6/moving-mnist"


@pytest.fixture
def shelf(add_run, tmp_path: Path) -> Shelf:
    """Two seeds of GRU at 32x32, none of RIMs."""
    for seed, mse in enumerate((20.0, 22.0)):
        folder = add_run(
            f"{GRU}/laptop/s{seed}", mse=mse, ssim=0.8, f1=0.5, parameters=1_474_610, multiply_adds=7e6,
            mse_copy_last=70.0, ssim_copy_last=0.5, f1_copy_last=0.3,
        )  # fmt: skip
        (folder / "config.yaml").write_text("world: {size: 32}\n")
        (folder / "weights.safetensors").touch()
        (folder / "provenance.json").write_text("{}")
    return Shelf(Results(tmp_path), GRU, RIMS)


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("conv-lstm/moving-mnist", "ConvLSTM"),
        (GRU, "GRU CAT"),
        ("rims-cat-6-active4/moving-mnist", "RIMs CAT 4 / 6"),
        ("oc-rims-bcd-6-3/moving-mnist", "OC-RIMs BCD 6, 3"),
        ("oc-rims-ff-sbd-6/moving-sprites", "OC-RIMs (FF) SBD 6"),
        ("oc-scoff-bcd/moving-mnist", "OC-SCOFF BCD 6, 3"),
        ("oc-rims-sbd-6-3-single-norm/moving-sprites", "OC-RIMs, one normalisation SBD 6, 3"),
    ],
)
def test_models_are_called_as_in_the_thesis(entry, name):
    assert label(entry) == name


def test_every_entry_of_the_thesis_has_a_name_of_its_own_among_those_of_its_world():
    keys = [key for key, entry in CATALOGUE.entries.items() if entry.experiment == "oc-rims" and key in THESIS]
    names = [(key.split("/")[1], *described(key).values()) for key in keys]
    assert len(set(names)) == len(names)


def test_a_line_has_the_thesis_beside_all_seeds(shelf):
    row = line(shelf, GRU)
    assert (row["MSE, thesis"], row["SSIM, thesis"]) == ("89.49", "0.8484")
    assert (row["MSE"], row["every seed"], row["profile"]) == ("21", "20, 22", "laptop")
    assert row["at 64×64"] == "84", "four pixels of the thesis in one of ours"
    assert (row["weights"], row["multiply-adds"]) == ("1.47 M", "7 M")


def test_a_line_without_runs_says_so(shelf):
    row = line(shelf, RIMS)
    assert row["profile"] == "not trained yet" and row["MSE"] == row["at 64×64"] == "-"
    assert row["MSE, thesis"] == "96.25"


def test_another_way_of_testing_does_not_carry_the_value_of_the_row(shelf):
    assert line(shelf, GRU, suffix="_dense_test")["MSE, thesis"] == "-"
    assert line(shelf, GRU, suffix="_dense_test", thesis={"mse": 191.26})["MSE, thesis"] == "191.26"


def test_floors_stand_below_the_models_once(shelf):
    table = prediction_table(shelf, GRU, RIMS, GRU)
    assert list(table["model"]) == ["GRU", "RIMs", "GRU", "no learning: copy of frame 9"]
    assert floor_lines(shelf, RIMS) == []
    assert not table.isna().any().any()


def test_two_are_compared_only_where_both_are_there(shelf, add_run, tmp_path):
    assert "`rims-cat-6/moving-mnist` has no such number" in compared(shelf, "mse", GRU, RIMS)
    assert compared(shelf, "mse", GRU, GRU) == "21 against 21, 95 % intervals overlap"


def test_floors_that_are_not_beaten_are_named(shelf, add_run, tmp_path):
    assert (
        against_floors(shelf, GRU)
        == "Over all predicted frames every model, with every seed, beats copying frame 9 and the mean frame."
    )
    assert against_floors(shelf, RIMS) == ""


def test_a_model_that_wins_over_all_frames_may_lose_the_last_ones(add_run, tmp_path):
    levels = {"mse_copy_last": 70.0, "mse_mean_frame": 30.0, "mse_mean_frame_by_frame": [30.0, 30.0, 30.0]}
    for seed, last in enumerate((29.0, 31.0)):
        folder = add_run(f"{GRU}/laptop/s{seed}", mse=20.0, mse_by_frame=[10.0, 20.0, last], **levels)
        (folder / "weights.safetensors").touch()
        (folder / "provenance.json").write_text("{}")
    told = against_floors(Shelf(Results(tmp_path), GRU), GRU)
    assert told.endswith(
        "Frame by frame, in one seed at least, the mean frame has less error than GRU CAT from frame 12 on."
    )
    add_run(f"{GRU}/laptop/s1", mse=75.0, mse_copy_last=70.0)
    told = against_floors(Shelf(Results(tmp_path), GRU), GRU)
    assert "GRU CAT against copy of frame 9 (1 of 2 seeds)" in told


def test_runs_that_broke_in_training_are_named(add_run, tmp_path):
    for seed, jump in enumerate((0.0, 1.0)):
        folder = add_run(f"{GRU}/laptop/s{seed}", mse=20.0, loss_jump=jump)
        (folder / "weights.safetensors").touch()
        (folder / "provenance.json").write_text("{}")
    add_run(f"{RIMS}/laptop/s0", mse=20.0)
    shelf = Shelf(Results(tmp_path), GRU, RIMS)
    assert "Broke in training: GRU CAT (seed 1)." in broken(shelf, RIMS, GRU)
    assert broken(shelf, RIMS) == ""


def test_a_page_may_only_judge_what_it_reads(shelf):
    table = verdicts(shelf, "O3")
    assert table["verdict"].tolist() == ["not tested"] and "RIMs CAT 6" in table["because"][0]
    assert table["thesis"].tolist() == ["89.49 against 96.25"]
    with pytest.raises(Fault, match="Claim O4 reads gru-cat/moving-sprites"):
        verdicts(shelf, "O4")


def test_single_norm_rows_have_a_twin_that_differs_in_nothing_else():
    for both, one in single_norm_pairs().items():
        for profile, recipe in CATALOGUE.entries[one].recipes.items():
            twin = CATALOGUE.entries[both].recipes[profile].model
            cells = twin.cells.model_copy(update={"renormalise": False})
            assert recipe.model == twin.model_copy(update={"cells": cells})


def test_pages_fold_tables_of_predictions_and_lose_no_number(add_run, tmp_path):
    for seed, mse in enumerate((20.0, 22.0)):
        folder = add_run(f"{GRU}/laptop/s{seed}", mse=mse, ssim=0.8, f1=0.5, parameters=1000, multiply_adds=2e6)
        (folder / "weights.safetensors").touch()
        (folder / "provenance.json").write_text("{}")
        (folder / "config.yaml").write_text("world: {size: 32}\n")
    table = prediction_table(Shelf(Results(tmp_path), GRU, RIMS), GRU, RIMS)
    page = folded(table)
    assert len(page.columns) == len(table.columns) - 2
    assert page["decoder, modules"].tolist() == ["CAT", "CAT 6"]
    assert page["MSE"].tolist() == ["21<br><small>20, 22</small>", "-"]
    assert folded(page).equals(page), "other tables stay as they are"
