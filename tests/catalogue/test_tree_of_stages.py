"""Every run that starts from another one can be trained: that other run is planned too."""

from rulebook.catalogue import CATALOGUE
from rulebook.training.config import PROFILES


def test_what_a_run_starts_from_is_planned():
    planned = {run.name for profile in PROFILES for run in CATALOGUE.runs(profile)}
    runs = [run for profile in PROFILES for run in CATALOGUE.runs(profile) if run.start_from]
    assert runs
    assert [run.name for run in runs if run.start_from not in planned] == []
