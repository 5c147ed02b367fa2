"""The pipeline: world -> train, per seed -> evaluate -> notebooks -> book. Every run comes from the catalogue.

    snakemake -c2                                       the book, from the weights that are there
    snakemake -c2 trained                               train what is missing (laptop), resumable
    snakemake -c8 trained --config profile=paper --resources gpu=1
    snakemake trained --config profile=paper --profile profiles/slurm

What is stale is decided here by content, not by dates, which mean nothing after a git clone: a run in git counts as
trained, its metrics carry a fingerprint of weights and code, notebooks one of code and inputs; a run whose weights were
dropped ('rulebook slim') keeps its numbers. Only what a job completes is declared as output (Snakemake deletes declared
outputs of jobs that fail): checkpoints and the last good notebook stay. Steps that decide for themselves leave stamps that the next call removes: they are asked every time.
Several calls may run side by side ('make book' beside 'make train'): each has stamps of its own.
"""

import fcntl
import itertools
import os
import shutil
from pathlib import Path

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation import is_fresh
from rulebook.publishing.notebooks import sources, why_stale
from rulebook.training.config import PROFILES
from rulebook.training.runfolder import weights_dropped

ROOT = Path(workflow.basedir)
HELD = []


def own_stamps():
    """The first folder of stamps that no other call holds, without what a call before left there."""
    for number in itertools.count():
        folder = f".snakemake/stamps/{number}"
        (ROOT / folder).parent.mkdir(parents=True, exist_ok=True)
        lock = open(ROOT / f"{folder}.lock", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        HELD.append(lock)  # until this process ends, however it ends
        shutil.rmtree(ROOT / folder, ignore_errors=True)
        return folder


if workflow.is_main_process:
    os.environ["RULEBOOK_STAMPS"] = own_stamps()


envvars:
    "RULEBOOK_STAMPS",  # processes on other machines (profiles/slurm) are told the folder


STAMPS = os.environ["RULEBOOK_STAMPS"]
PROFILE = config.get("profile", "laptop")
if PROFILE not in PROFILES:
    raise WorkflowError(f"There is no profile '{PROFILE}'; there are: {', '.join(PROFILES)}.")

FINISHED = "results/runs/{run}/provenance.json"
ALL = {run.name: run for run in CATALOGUE.runs()}
RUNS = ROOT / "results" / "runs"
THERE = [name for name in CATALOGUE.folders(RUNS) if (ROOT / FINISHED.format(run=name)).exists()]
STALE_RUNS = [name for name in THERE if not weights_dropped(RUNS / name) and not is_fresh(RUNS / name)]
STALE_NOTEBOOKS = [name for name in sources(ROOT) if STALE_RUNS or why_stale(name, ROOT)]


wildcard_constraints:
    run=r"[^/]+/[^/]+/[^/]+/s\d+",
    name=r"\w+",


rule book:
    input:
        expand(STAMPS + "/evaluated/{run}", run=STALE_RUNS),
        expand(STAMPS + "/notebooks/{name}", name=STALE_NOTEBOOKS),
        STAMPS + "/claims",
    shell:
        "rulebook book"


rule trained:
    input:
        [FINISHED.format(run=name) for name, run in ALL.items() if run.profile == PROFILE],


rule world:
    """Draw from the world once: what it needs (digits, checksums) is there before a run starts."""
    output:
        temp(touch(STAMPS + "/worlds/{variant}/{world}/{profile}")),
    shell:
        "python -c \"from rulebook.catalogue import CATALOGUE;"
        " CATALOGUE.find('{wildcards.variant}/{wildcards.world}/{wildcards.profile}/s0').world.sample(1, seed=0)\""


rule train:
    input:
        world=lambda wildcards: f"{STAMPS}/worlds/{wildcards.run.rsplit('/', 1)[0]}",
        earlier=lambda wildcards: (
            [ancient(FINISHED.format(run=ALL[wildcards.run].start_from))] if ALL[wildcards.run].start_from else []
        ),
    output:
        FINISHED,
    threads: 1
    resources:
        gpu=lambda wildcards: int(ALL[wildcards.run].profile == "paper"),
    shell:
        "rulebook train {wildcards.run} --root results/runs"


rule evaluate:
    input:  # a seed that the catalogue does not name is there, and never trained from here
        lambda wildcards: [ancient(FINISHED.format(run=wildcards.run))] if wildcards.run in ALL else [],
    output:
        temp(touch(STAMPS + "/evaluated/{run}")),
    threads: 1
    shell:
        "rulebook evaluate {wildcards.run} --root results/runs"


rule notebook:
    input:
        expand(STAMPS + "/evaluated/{run}", run=STALE_RUNS),
    output:
        temp(touch(STAMPS + "/notebooks/{name}")),
    threads: 1
    shell:
        "rulebook notebooks {wildcards.name}"


rule claims:
    input:
        expand(STAMPS + "/evaluated/{run}", run=STALE_RUNS),
    output:
        temp(touch(STAMPS + "/claims")),
    shell:
        "rulebook claims --quiet"
