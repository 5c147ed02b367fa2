"""Train every missing run of a profile, several side by side, in resumable slices, and pack what is finished.

    rulebook paper --minutes 9 --parallel 6
    rulebook paper --profile smoke --parallel 2 --device cpu --only 'slot-ae/*' --out data/archives

Call it again to go on. The archives below --out are filed elsewhere with 'rulebook import'. It needs neither
Snakemake nor a network.
"""

from __future__ import annotations

import fnmatch
import json
import math
import time
from pathlib import Path
from typing import Any

import tyro

from rulebook.catalogue import CATALOGUE
from rulebook.results import runs_root
from rulebook.training.archives import CARRIED, LEAST, OPTIONAL, PACKED, REPORTED, SHIPPED, pack
from rulebook.training.checkpoints import LAST, write_whole
from rulebook.training.config import Profile, RunConfig
from rulebook.training.crew import Crew, told
from rulebook.training.faults import Fault, shown, writing
from rulebook.training.precision import choose_device
from rulebook.training.runfolder import BROKEN, read_broken, read_provenance, weights_dropped


def main(arguments: list[str]) -> int:
    return tyro.cli(paper, args=arguments, prog="rulebook paper", description=__doc__)


def paper(
    minutes: float = math.inf,
    parallel: int = 6,
    profile: Profile = "paper",
    only: str = "*",
    device: str = "auto",
    root: Path | None = None,
    also: Path | None = None,
    out: Path = Path("data/archives"),
    carry_checkpoints: bool = False,
    again: bool = False,
    megabytes: float = 16,
    archives: int = 8,
) -> int:
    """Train and pack.

    Args:
        minutes: Stop training cleanly after so many minutes; packing comes after that.
        parallel: Runs side by side.
        profile: Which runs of the catalogue.
        only: Pattern of run names, such as 'vim-*/atomic/*'; what they start from is trained too.
        device: auto, cpu, cuda; with several CUDA devices, the runs are dealt out over them.
        root: Folder of all runs; results/runs of the project where none is named.
        also: Another folder of finished runs: they are linked into the root and not trained again.
        out: Folder of the archives.
        carry_checkpoints: Pack the checkpoints of unfinished runs too, so that another machine can go on.
        again: Try runs once more that broke in an earlier call; else they are left where they broke.
        megabytes: Largest size of an archive.
        archives: Largest number of archives of one call.
    """
    if parallel < 1 or not minutes >= 0 or archives < 1 or not LEAST <= megabytes < math.inf:
        raise Fault(
            f"--parallel and --archives must be at least 1, --minutes must not be negative, and --megabytes must be at "
            f"least {LEAST:g}."
        )
    with writing(out, "Choose another --out."):  # before anything is trained that could then not be packed
        out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    root = runs_root(root)
    wanted = select(profile, only)
    if also is not None:
        if not also.is_dir():
            raise Fault(f"There is no folder {shown(also)}: --also names one with runs that are finished already.")
        link_finished(wanted, root, also)
    crew = Crew(wanted if again else unbroken(wanted, root), root, choose_device(device), parallel)
    failures = crew.work(started + 60 * minutes)
    pack_finished(wanted, root, out, megabytes, archives, carry_checkpoints)
    missing = [run.name for run in wanted if read_provenance(root / run.name) is None]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} runs of the profile '{profile}' are finished.", flush=True)
    if failures:
        raise Fault(told(failures))
    return 0


def select(profile: Profile, only: str) -> list[RunConfig]:
    """The runs that match, and before each what it starts from."""
    chosen: dict[str, RunConfig] = {}

    def add(run: RunConfig) -> None:
        if run.start_from is not None and run.start_from not in chosen:
            add(CATALOGUE.find(run.start_from))
        chosen[run.name] = run

    for run in CATALOGUE.runs(profile):
        if fnmatch.fnmatchcase(run.name, only):
            add(run)
    if not chosen:
        raise Fault(f"No run of the profile '{profile}' matches --only '{only}' ('rulebook runs' lists them).")
    return list(chosen.values())


def link_finished(runs: list[RunConfig], root: Path, also: Path) -> None:
    """Show finished runs of another folder in this one."""
    for run in runs:
        place, other = root / run.name, also / run.name
        if not place.exists() and read_provenance(other) is not None:
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.unlink(missing_ok=True)  # a link that leads nowhere
                place.symlink_to(other.resolve(), target_is_directory=True)


def is_broken(folder: Path) -> bool:
    """Whether the run broke, and has not got past that place since."""
    return read_broken(folder) is not None and read_provenance(folder) is None


def unbroken(runs: list[RunConfig], root: Path) -> list[RunConfig]:
    """The runs without those that broke in an earlier call: from the same checkpoint most would break again."""
    broken = [run.name for run in runs if is_broken(root / run.name)]
    if broken:
        told_of = read_broken(root / broken[0])
        assert told_of is not None
        print(
            f"{len(broken)} run(s) broke in an earlier call and are left as they are; --again tries them once more. "
            f"First: {broken[0]} at step {told_of['step']}: {told_of['why']}",
            flush=True,
        )
    return [run for run in runs if run.name not in broken]


def pack_finished(
    runs: list[RunConfig], root: Path, out: Path, megabytes: float, most: int, carry_checkpoints: bool
) -> None:
    """Archives of what this machine trained (the runs that have a checkpoint, or broke) and has not packed yet."""
    trained = [run.name for run in runs if (root / run.name / LAST).exists()]
    broken = [run.name for run in runs if is_broken(root / run.name)]
    finished = [name for name in trained if read_provenance(root / name) and not weights_dropped(root / name)]
    fresh = [name for name in finished if not is_packed(root / name)]
    done = pack(root, fresh, (*SHIPPED, *OPTIONAL), out, megabytes=megabytes, most=most)
    made = list(done.archives)
    untold = [name for name in broken if not is_packed(root / name)]
    told_of = pack(root, untold, REPORTED, out, megabytes=megabytes, most=most - len(made))
    made += told_of.archives
    done.left.extend(told_of.left)
    for name in (*done.runs, *told_of.runs):
        write_whole(root / name / PACKED, json.dumps(mark(root / name)).encode())
    carried: list[str] = []
    if carry_checkpoints and len(made) < most:
        open_runs = [name for name in trained if name not in finished]
        more = pack(root, open_runs, (*CARRIED, BROKEN), out, megabytes=megabytes, most=most - len(made))
        made += more.archives
        carried = more.runs
        done.left.extend(more.left)
    for path in made:
        print(f"packed {shown(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    if done.runs or carried:
        print(f"packed {len(done.runs)} finished run(s) and the checkpoints of {len(carried)} more")
    if told_of.runs:
        print(f"packed what there is to see of {len(told_of.runs)} run(s) that broke")
    if done.left:
        print(f"{len(done.left)} run(s) did not fit: call again with another --out. First: {done.left[0]}")


def mark(folder: Path) -> dict[str, Any]:
    """What a packed run is known by: its weights, or where it broke."""
    provenance = read_provenance(folder)
    return {"weights_sha256": provenance.get("weights_sha256")} if provenance else {"broken": read_broken(folder)}


def is_packed(folder: Path) -> bool:
    """Whether these very weights, or this very break, were packed here before."""
    path = folder / PACKED
    try:
        return path.exists() and json.loads(path.read_bytes()) == mark(folder)
    except ValueError:
        return False
