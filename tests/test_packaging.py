"""The lock, the two commands and the pipeline: what a stranger meets first."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement


@pytest.fixture
def pins(repository) -> dict[str, str]:
    lines = (repository / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines), "plain names, exact versions"
    return {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}


def test_the_lock_satisfies_the_ranges_of_the_package(repository, pins):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    for line in wanted:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[requirement.name.lower().replace("_", "-")]), line


def test_conda_takes_its_pins_from_the_lock(repository):
    environment = yaml.safe_load((repository / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert "-r requirements.lock" in pip


def fake_python(folder: Path, *names: str) -> None:
    """A python that is too old: it knows its version and fails at everything else."""
    for name in names:
        path = folder / name
        path.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
        path.chmod(path.stat().st_mode | stat.S_IEXEC)


def test_an_old_python_is_refused_in_a_sentence(repository, tmp_path):
    fake_python(tmp_path, "python", "python3", *(f"python3.{minor}" for minor in range(11, 16)))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", ".ci/make_venv", str(tmp_path / "venv")],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and not (tmp_path / "venv").exists()
    assert "Rulebook needs Python 3.11 or newer; found: Python 3.9.2." in done.stderr


def test_make_help_lists_the_commands(repository):
    done = subprocess.run(["make", "help"], cwd=repository, capture_output=True, text=True, check=True)
    for target in ("book", "test", "train", "paper", "bench", "clean", "help"):
        assert f"make {target} " in done.stdout


@pytest.fixture
def house(repository, tmp_path):
    """A folder with the pipeline in it, and no results yet."""
    for name in ("src", "book", "notebooks", "profiles"):
        (tmp_path / name).symlink_to(repository / name)
    for name in ("Snakefile", "requirements.lock"):
        shutil.copy(repository / name, tmp_path)
    return tmp_path


def test_calls_side_by_side_leave_each_others_stamps_alone(house):
    stamp = house / ".snakemake" / "stamps" / "0" / "worlds" / "slot-ae" / "atomic"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    with open(house / ".snakemake" / "stamps" / "0.lock", "w") as other_call:
        fcntl.flock(other_call, fcntl.LOCK_EX)
        assert "stamps/1/worlds/slot-ae/atomic" in plan(house, "trained", "--config", "profile=smoke")
        assert stamp.exists()
    assert "stamps/0/worlds/slot-ae/atomic" in plan(house, "trained", "--config", "profile=smoke")
    assert not stamp.exists(), "what a call that was killed has left is removed"


def test_one_job_that_fails_stops_no_other_and_is_not_forgotten(repository, tmp_path):
    (tmp_path / "profiles").symlink_to(repository / "profiles")
    (tmp_path / "Snakefile").write_text(
        "rule all:\n    input: 'good', 'also', 'bad'\n"
        "rule bad:\n    output: 'bad'\n    priority: 1\n    shell: 'false'\n"
        "rule good:\n    output: 'good'\n    shell: 'touch good'\n"
        "rule also:\n    output: 'also'\n    shell: 'touch also'\n"
    )
    program = Path(sys.executable).with_name("snakemake")
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([str(program), "--cores", "1"], cwd=tmp_path, env=environment, timeout=120)
    assert done.returncode != 0 and (tmp_path / "good").exists() and (tmp_path / "also").exists()
    slurm = yaml.safe_load((repository / "profiles" / "slurm" / "config.yaml").read_text())
    assert slurm["keep-going"] is True


def test_gpus_on_slurm_are_asked_for_by_the_rule_alone(repository):
    """Version 2 of the plugin refuses options of its own, --gres among them, in slurm_extra."""
    profile = yaml.safe_load((repository / "profiles" / "slurm" / "config.yaml").read_text())
    assert "gres" not in str(profile) and "gpu=lambda wildcards" in (repository / "Snakefile").read_text()


def test_the_book_trains_nothing_and_training_plans_every_missing_run(repository, house):
    shutil.copytree(repository / "results", house / "results")
    runs = house / "results" / "runs" / "slot-ae" / "atomic" / "laptop"
    shutil.copytree(runs / "s0", runs / "s99")
    (runs / "s99" / "metrics.json").write_text('{"metrics": {}, "fingerprint": "of other code"}')
    book = plan(house, "book")
    assert "rule book:" in book and "rule train:" not in book
    assert "rulebook evaluate slot-ae/atomic/laptop/s99" in book, "seeds beyond the catalogue's count like the others"
    trained = plan(house, "trained", "--config", "profile=smoke")
    assert "vim-m4/atomic/smoke/s0/provenance.json" in trained
    first, then = (trained.index(f"rulebook train {name}/atomic/smoke/s0") for name in ("slot-ae", "vim-m4"))
    assert first < then, "an earlier stage is trained before those that start from it"


def test_the_embedded_digits_of_a_smoke_run_need_no_mnist(house):
    """The world of the run's own profile is drawn from, and not the paper's, whose digits are real MNIST."""
    stamp = ".snakemake/stamps/0/worlds/gru-cat/moving-mnist/smoke"
    done = snakemake(house, stamp, "--notemp", RULEBOOK_DATA=str(house / "nowhere"))
    assert "rule world:" in done and (house / stamp).exists()


def plan(folder: Path, *words: str) -> str:
    """What snakemake would do."""
    return snakemake(folder, words[0], "-n", "-p", *words[1:])


def snakemake(folder: Path, *words: str, **variables: str) -> str:
    program = Path(sys.executable).with_name("snakemake")
    environment = {**os.environ, "RULEBOOK_ROOT": str(folder), "HOME": str(folder), **variables}
    environment["PATH"] = f"{program.parent}{os.pathsep}{environment['PATH']}"
    command = [str(program), *words, "--cores", "1", "--workflow-profile", "none", "--nolock"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
