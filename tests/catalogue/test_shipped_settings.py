"""Shipped runs were trained as the catalogue says today: no page calls trained what was trained otherwise."""

from __future__ import annotations

from dataclasses import replace

from rulebook.catalogue import CATALOGUE, Catalogue
from rulebook.training.runfolder import CONFIG
from rulebook.training.settings import differences, plain, read_yaml, with_defaults

EXEMPT: dict[str, str] = {}
"""Dotted setting -> why shipped runs may differ in it from the catalogue. None does: a setting that came after a run
was trained has its default there, which is how it was trained."""


def otherwise(catalogue: Catalogue, runs) -> list[str]:
    """Every setting in which a run folder differs from the catalogue, one sentence each."""
    told = []
    for name in catalogue.folders(runs):
        path = runs / name / CONFIG
        if path.exists():
            changed = differences(with_defaults(read_yaml(path)), plain(catalogue.find(name)))
            told += [f"{name}: {key} was {a!r}, is {b!r}" for key, (a, b) in changed.items() if key not in EXEMPT]
    return told


def test_shipped_runs_were_trained_by_todays_recipes(repository):
    runs = repository / "results" / "runs"
    assert len([name for name in CATALOGUE.folders(runs) if (runs / name / CONFIG).exists()]) > 50
    assert not otherwise(CATALOGUE, runs), "train these anew, or give the changed recipe another variant's name"


def test_a_recipe_edited_later_is_found(repository):
    entry = CATALOGUE.entries["slot-ae/atomic"]
    recipe = entry.recipes["laptop"]
    edited = replace(recipe, training=recipe.training.model_copy(update={"steps": recipe.training.steps + 1}))
    other = Catalogue({"slot-ae/atomic": replace(entry, recipes={**entry.recipes, "laptop": edited})})
    told = otherwise(other, repository / "results" / "runs")
    assert told and all("training.steps was" in line for line in told)
