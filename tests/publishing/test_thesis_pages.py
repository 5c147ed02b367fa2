"""What the pages on the thesis compute: layers, settings, the choice of a step, tracking, and what they read."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rulebook.catalogue import CATALOGUE
from rulebook.layers.thesis_vision import whole_norm
from rulebook.publishing.notebooks import read_source
from rulebook.publishing.pages import Shelf
from rulebook.publishing.thesis_layers import between, encoder_table, lines, side_by_side
from rulebook.publishing.thesis_printed import AUTHOR_PARAMETERS, TRACKED, architectures, cost, hyperparameters
from rulebook.publishing.thesis_selection import LAST, LOWEST, by_free_running, selection, verdict
from rulebook.publishing.thesis_tables import OneProfile
from rulebook.publishing.thesis_tracking import fewer, tracking_table
from rulebook.results import Results

BCD, SBD = "oc-rims-bcd-6-3/moving-mnist", "oc-rims-sbd-6-3/moving-sprites"


def finished(folder, config="{}", history=()):
    (folder / "weights.safetensors").touch()
    (folder / "provenance.json").write_text("{}")
    (folder / "config.yaml").write_text(config)
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history))


# --- layers and settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("elu", "norm"), [(False, False), (True, False), (False, True), (True, True)])
def test_what_lies_between_two_layers_is_found_in_the_numbers(elu, norm):
    gave = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    received = F.elu(gave) if elu else gave
    received = (whole_norm(received) if norm else received).flatten(1)
    assert between(gave, received) == ("ELU" if elu else "", norm)


def test_what_is_neither_elu_nor_norm_is_refused():
    gave = torch.linspace(-1, 1, 8).reshape(2, 4)
    with pytest.raises(ValueError, match="no ELU and no LayerNorm"):
        between(gave, gave.relu())


def test_lines_of_an_encoder_follow_its_order():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.linear = nn.Conv2d(1, 3, 2, 2), nn.Linear(12, 5)

        def forward(self, x):
            return self.linear(whole_norm(F.elu(self.conv(x))).flatten(1))

    torch.manual_seed(0)
    frames = torch.rand(2, 1, 4, 4)
    expected = [("Conv2d", "ELU", "(3, 2, 2)"), ("LayerNorm", "", ""), ("Flatten", "", ""), ("Linear", "", "5")]
    assert lines(Net(), frames) == expected


def test_table_a_1_is_as_printed_and_a_2_differs_where_the_code_does():
    assert set(encoder_table("Table A.1")["difference"]) == {"same"}
    table = encoder_table("Table A.2")
    ours = table[table["difference"] == "ours only"]
    assert ours["layer"].tolist() == ["LayerNorm", "Linear"]
    assert table[table["difference"] == "thesis only"]["printed in the thesis"].tolist() == ["Flatten"]


def test_lines_that_only_one_has_stand_alone():
    table = side_by_side([("A", "", ""), ("B", "", "1")], (("A", "", ""), ("C", "ELU", "")))
    assert table["difference"].tolist() == ["same", "ours only", "thesis only"]
    assert table["printed in the thesis"].tolist() == ["A", "-", "C, ELU"]


def test_settings_of_the_paper_profile_are_the_thesis_s():
    table = hyperparameters().set_index("hyperparameter")
    epochs, steps = "epochs (code, ours: of 10,000 clips)", "steps (Moving MNIST)"
    assert table.loc[steps, "ours, paper"] == table.loc[steps, "author's code"]
    drawn = "predicted frames drawn per step"
    assert table.loc[drawn, "ours, laptop"] == "4; GRU, RIMs, ConvLSTM, CAT: 8"
    for name in ("batch size", epochs, drawn, "input value size", "hidden state size", "slot size"):
        assert table.loc[name, "ours, paper"] == table.loc[name, "thesis"], name
    assert table.loc["frame size", "ours, laptop"] != table.loc["frame size", "thesis"]


def test_architectures_are_told_apart():
    table = architectures().set_index("model")
    assert table.loc["RIMs", "dynamics"] != table.loc["GRU", "dynamics"] != table.loc["OC-SCOFF", "dynamics"]
    assert table.loc["OC-RIMs", "slots refined in every frame"] == "✓"
    assert table.loc["RIMs", "slots refined in every frame"] == "✗"


def test_costs_are_those_of_the_author_s_code():
    parameters, operations = cost("rims-cat-6/moving-mnist", "paper")
    assert parameters == AUTHOR_PARAMETERS["rims-cat-6/moving-mnist"] and operations > parameters


# --- runs ---------------------------------------------------------------------------------------------------------


def test_a_shelf_of_one_profile_never_mixes_frames_of_two_sizes(add_run, tmp_path):
    for name in (f"{BCD}/laptop/s0", f"{BCD}/paper/s0", "gru-cat/moving-mnist/laptop/s0"):
        finished(add_run(name, mse=1.0))
    shelf = OneProfile(Results(tmp_path), BCD, "gru-cat/moving-mnist")
    assert shelf.profile == "laptop" and [run.profile for run in shelf.runs(BCD)] == ["laptop"]
    assert f"profile `paper` of `{BCD}`" in shelf.left_out()
    finished(add_run("gru-cat/moving-mnist/paper/s0", mse=1.0))
    assert OneProfile(Results(tmp_path), BCD, "gru-cat/moving-mnist").profile == "paper"


def _trained(add_run, entry, losses, seed=0):
    """A run whose validation loss took this way, 10 steps apart."""
    best = min(losses)
    folder = add_run(
        f"{entry}/laptop/s{seed}",
        validation_loss=losses[-1],
        validation_loss_best=best,
        validation_best_step=10 * (losses.index(best) + 1),
    )
    history = [
        {"split": "validation", "step": 10 * (i + 1), "error": loss, "mse": 2 * loss} for i, loss in enumerate(losses)
    ]
    finished(folder, f"training: {{steps: {10 * len(losses)}}}", history)


def test_choosing_by_validation_tells_step_loss_and_order(add_run, tmp_path):
    _trained(add_run, BCD, [9.0, 4.0, 6.0])
    _trained(add_run, "gru-cat/moving-mnist", [9.0, 7.0, 5.0])
    shelf = Shelf(Results(tmp_path), BCD, "gru-cat/moving-mnist")
    table = selection(shelf, *shelf.entries)
    assert table["at step"].tolist() == [20, 30] and table["higher by"].tolist() == ["50.0%", "0.0%"]
    assert table["free-running MSE, last step"].tolist() == [12, 10] and table["at that step"].tolist() == [8, 10]
    told = verdict(table)
    assert "in 1 of 2 runs" in told and "order of the models would change" in told
    assert "stays the same" in verdict(table.assign(**{LAST: [4.0, 5.0], LOWEST: [4.0, 5.0]}))
    assert verdict(pd.DataFrame()) == ""
    assert table["lowest MSE"].tolist() == [8, 10] and table["at its step"].tolist() == [20, 30]
    told = by_free_running(table)
    assert told.startswith(
        "By free-running MSE another step would be chosen in 1 of 2 runs, with an MSE lower by 33.3% at most."
    )
    assert "on the very clips that it reports" in told


def test_table_4_4_has_untrained_models_beside_the_trained(add_run, tmp_path):
    for seed, mcl in enumerate((0.8, 0.9)):
        finished(add_run(f"{SBD}/laptop/s{seed}", mcl=mcl, acl=0.7, mcl_untrained=mcl - 0.25))
    table = tracking_table(Shelf(Results(tmp_path), *TRACKED))
    row = table[(table["decoder"] == "SBD") & (table["modules"] == "6, 3")].iloc[0]
    assert (
        row["MCL"] == pytest.approx(0.85)
        and row["MCL, untrained"] == pytest.approx(0.6)
        and row["MCL, thesis"] == 0.7521
    )
    assert row["MCL, every seed"] == "0.8, 0.9"
    average = table.iloc[-1]
    assert average["input"] == "average" and average["MCL"] == pytest.approx(0.85)
    assert average["MCL, thesis"] == pytest.approx(0.7703, abs=1e-4), "as the thesis prints it"
    assert (table["profile"] == "not trained yet").sum() == len(TRACKED) - 1


def test_fewer_duplicates_are_said_only_where_intervals_are_apart(add_run, tmp_path):
    single = "oc-rims-bcd-6-3-single-norm/moving-mnist"
    for seed in range(3):
        finished(add_run(f"{BCD}/laptop/s{seed}", duplicates_share=0.5 + seed / 100, duplicates_share_unmasked=0.5))
    shelf = Shelf(Results(tmp_path), BCD, single)
    assert fewer(shelf, single, BCD) == ""
    finished(add_run(f"{single}/laptop/s0", duplicates_share=0.2, duplicates_share_unmasked=0.5))
    assert "a single seed cannot tell" in fewer(Shelf(Results(tmp_path), BCD, single), single, BCD)
    for seed in range(1, 4):
        finished(add_run(f"{single}/laptop/s{seed}", duplicates_share=0.2 + seed / 100, duplicates_share_unmasked=0.5))
    told = fewer(Shelf(Results(tmp_path), BCD, single), single, BCD)
    assert "**fewer duplicates** under masks" in told and "**no clear difference in duplicates** on own" in told


@pytest.mark.parametrize("stem", ["30_oc_rims", "31_prediction", "32_objects"])
def test_pages_read_every_entry_that_they_name(stem, repository):
    source = read_source(stem, repository)
    body = source.text.partition("# %%")[2]
    named = set(re.findall(r'"([\w-]+/moving-(?:mnist|sprites))"', body)) & CATALOGUE.entries.keys()
    if "Results()" in body and "OneProfile" in body:
        assert named <= set(source.reads)
    assert set(source.reads) <= CATALOGUE.entries.keys()
    if "TRACKED" in body:
        assert TRACKED.keys() <= set(source.reads)
