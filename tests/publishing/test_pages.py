"""Sentences that pages make of runs."""

from rulebook.publishing.pages import Shelf, spoken
from rulebook.results import Results


def test_a_mean_is_told_with_its_range():
    assert spoken([]) == "not measured yet"
    assert spoken([0.5]) == "0.5 (1 seed)"
    assert spoken([0.9, 1.0, 0.95]) == "0.95 (0.9 to 1 over 3 seeds)"


def test_a_shelf_names_what_is_missing_and_leaves_smoke_runs_out(add_run, tmp_path):
    for name in ("vim-m4/atomic/laptop/s0", "vim-m4/atomic/laptop/s1", "vim-m5/atomic/smoke/s0"):
        folder = add_run(name, error=1.0)
        (folder / "weights.safetensors").touch()
        (folder / "provenance.json").write_text("{}")
    add_run("vim-m7/atomic/laptop/s0", error=1.0)  # evaluated, but its weights are not there
    shelf = Shelf(Results(tmp_path), "vim-m4/atomic", "vim-m5/atomic", "vim-m7/atomic")
    assert shelf.by_seed("vim-m4/atomic", "error") == {0: 1.0, 1: 1.0}
    assert shelf.here("vim-m4/atomic") and not shelf.here("vim-m4/atomic", "vim-m5/atomic")
    told = shelf.missing()
    assert "`vim-m5/atomic`" in told and "`vim-m7/atomic`" in told and "`vim-m4/atomic`" not in told
    assert "2 seeds, profile `laptop`" in shelf.made_by()


def test_runs_that_broke_off_are_named_where_runs_are_shown(add_run, tmp_path):
    for seed in (0, 1):
        folder = add_run(f"vim-m4/atomic/laptop/s{seed}", error=1.0)
        (folder / "weights.safetensors").touch()
        (folder / "provenance.json").write_text("{}")
    assert "broke" not in Shelf(Results(tmp_path), "vim-m4/atomic").made_by().lower()
    (folder / "provenance.json").unlink()
    (folder / "broken.json").write_text('{"step": 7, "why": "The loss is no number."}')
    told = Shelf(Results(tmp_path), "vim-m4/atomic").made_by()
    assert "1 seed, profile `laptop`" in told and "`vim-m4/atomic` (seed 1, step 7)" in told
