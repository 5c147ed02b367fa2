"""The claims are all there, are judged from run folders alone, and follow the numbers."""

from __future__ import annotations

import json

from rulebook.catalogue import CATALOGUE
from rulebook.claims import CLAIMS, METRICS, VERDICTS, judge, judge_all, write
from rulebook.publishing.tables import claims_counted, claims_table, short_claims_table
from rulebook.results import Results

BY_ID = {claim.id: claim for claim in CLAIMS}


def test_every_claim_of_both_papers_is_there_once():
    wanted = [f"V{i}" for i in range(1, 20)] + [f"O{i}" for i in range(1, 23)]
    assert [claim.id for claim in CLAIMS] == wanted


def test_rules_read_only_metrics_whose_meaning_is_written_down():
    read = {name for claim in CLAIMS for quantity in claim.rule.quantities for name in quantity.metrics}
    assert read <= METRICS.keys()


def test_rules_read_only_runs_that_the_catalogue_asks_for():
    read = {quantity.entry for claim in CLAIMS for quantity in claim.rule.quantities}
    assert read <= CATALOGUE.entries.keys()


def test_claims_point_to_pages_that_exist(repository):
    for claim in CLAIMS:
        assert (repository / "book" / f"{claim.page}.md").exists() or (
            repository / "notebooks" / f"{claim.page.rpartition('/')[2]}.py"
        ).exists(), claim.id


def test_without_runs_nothing_is_tested_and_the_reason_is_given(tmp_path):
    for entry in judge_all(CLAIMS, Results(tmp_path)):
        assert entry["verdict"] == "not tested"
        assert "no evaluated run of" in entry["note"] or "none of its runs" in entry["note"]
        assert entry["ours"] == {"mean": None, "low": None, "high": None, "n_seeds": 0}


def test_the_verdict_follows_the_numbers(tmp_path, add_run):
    for seed in range(3):
        add_run(f"vim-m4-dreams-on/atomic/laptop/s{seed}", rule_accuracy_interior=0.99)
    assert judge(BY_ID["V1"], Results(tmp_path))["verdict"] == "reproduced"
    add_run("vim-m4-dreams-on/atomic/laptop/s1", rule_accuracy_interior=0.5)
    entry = judge(BY_ID["V1"], Results(tmp_path))
    assert entry["verdict"] == "partly" and entry["note"] == "fails for seed 1: at least 0.95 is asked"
    assert entry["ours"]["n_seeds"] == 3


def test_a_claim_tells_the_seeds_of_its_thinnest_part(tmp_path, add_run):
    for seed in range(3):
        add_run(f"vim-m4/atomic/laptop/s{seed}", error_plus_kl=10.0)
        add_run(f"vim-m5/atomic/laptop/s{seed}", error_plus_kl=10.0)
    add_run("vim-m7/atomic/laptop/s0", error_plus_kl=100.0)
    entry = judge(BY_ID["V8"], Results(tmp_path))
    assert entry["verdict"] == "not reproduced" and entry["ours"]["n_seeds"] == 3 and entry["fewest_seeds"] == 1
    assert "1 seed of its thinnest part" in claims_table([entry])
    assert claims_counted([entry]).startswith(
        "1 claims: 0 reproduced, 0 partly, 1 not reproduced, 0 not tested. Of those"
    )
    assert short_claims_table([entry]).endswith("| 1 |")
    for seed in (1, 2):
        add_run(f"vim-m7/atomic/laptop/s{seed}", error_plus_kl=100.0)
    entry = judge(BY_ID["V8"], Results(tmp_path))
    assert entry["fewest_seeds"] == 3 and "thinnest" not in claims_table([entry])
    assert "rest on fewer" not in claims_counted([entry])


def test_a_number_that_was_not_finite_counts_against_the_claim(tmp_path, add_run):
    for seed, value in enumerate((0.99, 0.99, None)):
        add_run(f"vim-m4-dreams-on/atomic/laptop/s{seed}", rule_accuracy_interior=value)
    entry = judge(BY_ID["V1"], Results(tmp_path))
    assert entry["verdict"] == "partly" and entry["ours"]["mean"] is None


def test_smoke_runs_are_never_read(tmp_path, add_run):
    for seed in range(3):
        add_run(f"vim-m4-dreams-on/atomic/smoke/s{seed}", rule_accuracy_interior=0.99)
    assert judge(BY_ID["V1"], Results(tmp_path))["verdict"] == "not tested"


def test_the_papers_size_is_preferred_but_only_where_it_is_complete(tmp_path, add_run):
    for seed in range(3):
        for modules in (1, 4):
            add_run(f"vim-m{modules}/atomic/laptop/s{seed}", gaussian_kl=modules)
        add_run(f"vim-m1/atomic/paper/s{seed}", gaussian_kl=100.0)
    assert judge(BY_ID["V7"], Results(tmp_path))["profile"] == "laptop"
    for seed in range(3):
        add_run(f"vim-m4/atomic/paper/s{seed}", gaussian_kl=1.0)
    entry = judge(BY_ID["V7"], Results(tmp_path))
    assert entry["profile"] == "paper" and entry["verdict"] == "reproduced" and entry["ours"]["mean"] == 100


def test_a_seed_without_the_metric_is_not_passed_over(tmp_path, add_run):
    for seed in range(3):
        add_run(f"vim-m4-dreams-on/atomic/laptop/s{seed}", rule_accuracy_interior=0.99)
    add_run("vim-m4-dreams-on/atomic/laptop/s3", error_5_frames=1.0)
    entry = judge(BY_ID["V1"], Results(tmp_path))
    assert entry["verdict"] == "not tested"
    assert entry["note"] == "vim-m4-dreams-on/atomic/laptop/s3 has no rule_accuracy_interior"


def test_claims_json_is_written_only_when_it_changes(tmp_path):
    entries = judge_all(CLAIMS, Results(tmp_path))
    path = tmp_path / "results" / "claims.json"
    assert write(entries, path) and not write(entries, path)
    stored = json.loads(path.read_text())
    assert len(stored) == len(CLAIMS) and all(entry["verdict"] in VERDICTS for entry in stored)
    fields = {"id", "paper", "where", "statement", "paper_value", "unit", "ours", "profile", "rule", "verdict", "page"}
    assert all(fields <= entry.keys() for entry in stored)


def test_the_shipped_claims_are_those_of_the_shipped_runs(repository):
    stored = json.loads((repository / "results" / "claims.json").read_text())
    assert stored == json.loads(json.dumps(judge_all(CLAIMS, Results(repository)))), "run 'rulebook claims'"


def broken(folder):
    (folder / "metrics.json").unlink()
    (folder / "broken.json").write_text('{"step": 7, "why": "The loss is no number."}')


def test_a_run_that_broke_off_counts_though_it_has_no_numbers(tmp_path, add_run):
    for seed in range(3):
        folder = add_run(f"vim-m4-dreams-on/atomic/laptop/s{seed}", rule_accuracy_interior=0.99)
    broken(folder)
    entry = judge(BY_ID["V1"], Results(tmp_path))
    assert entry["verdict"] == "partly" and "seed 2" in entry["note"]
    assert (entry["runs"], entry["broken_runs"]) == (3, 1)
    assert "1 of its 3 runs broke in training" in claims_table([entry])


def test_a_loss_that_jumped_for_good_is_told_beside_the_numbers(tmp_path, add_run):
    add_run("oc-rims-sbd-6-3/moving-sprites/laptop/s0", mse=20.0, mse_no_communication=50.0, loss_jump=0)
    entry = judge(BY_ID["O18"], Results(tmp_path))
    assert entry["broken_runs"] == 0 and "broke" not in claims_table([entry])
    add_run("oc-rims-sbd-6-3/moving-sprites/laptop/s0", mse=20.0, mse_no_communication=50.0, loss_jump=1)
    assert "1 of its 1 runs broke in training" in claims_table([judge(BY_ID["O18"], Results(tmp_path))])


def test_intervals_of_shares_end_at_zero_and_one(tmp_path, add_run):
    for seed, share in enumerate((0.90, 0.95, 0.999)):
        add_run(f"vim-m4-dreams-on/atomic/laptop/s{seed}", rule_accuracy_interior=share)
    entry = judge(BY_ID["V1"], Results(tmp_path))
    assert entry["ours"]["high"] > 1 and "to 1;" in claims_table([entry])


def test_runs_that_broke_off_speak_for_the_claim_that_a_model_fails(tmp_path, add_run):
    for seed in range(3):
        add_run(f"oc-rims-bcd-6-3/moving-mnist/laptop/s{seed}", mse=20 + seed / 10)
    for seed in range(5):
        folder = add_run(f"oc-scoff-bcd/moving-mnist/laptop/s{seed}", mse=30 + seed / 10, loss_jump=1)
        if seed in (0, 3):
            broken(folder)
    assert judge(BY_ID["O20"], Results(tmp_path))["verdict"] == "reproduced"
    for seed in range(5):
        broken(add_run(f"oc-scoff-bcd/moving-mnist/laptop/s{seed}"))
    entry = judge(BY_ID["O20"], Results(tmp_path))
    assert entry["ours"]["mean"] == 1 and entry["verdict"] == "reproduced"
    assert json.dumps(entry, allow_nan=False)
    broken(add_run("oc-rims-bcd-6-3/moving-mnist/laptop/s0"))
    assert judge(BY_ID["O20"], Results(tmp_path))["verdict"] == "not reproduced", "RIM cells fail as well"
