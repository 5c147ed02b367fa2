"""Archives: runs carried from one machine to another in tar files of bounded size.

An archive is a plain tar whose first member, ``index.json``, names every other member with its sha256, the run and
file it belongs to, and its place among the parts of that file (a file larger than an archive is cut in parts). It
names the delivery of each run too: what was packed at once belongs together, and is not mixed with what came before.
Reading trusts nothing: members are read into memory, checked against the index, and written under names that are
spelt out here; nothing is ever extracted by the path that a tar states.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rulebook.training import checkpoints, runfolder
from rulebook.training.checkpoints import LAST, write_whole
from rulebook.training.faults import Fault, shown, writing

INDEX, FORMAT = "index.json", 1
PACKED = "packed.json"
"""In a run's folder, never in git: says that this machine has packed the run."""
SHIPPED = (runfolder.CONFIG, runfolder.HISTORY, runfolder.WEIGHTS, runfolder.MANIFEST, runfolder.PROVENANCE)
METRICS = "metrics.json"
OPTIONAL = (METRICS, runfolder.BROKEN)
CARRIED = (runfolder.CONFIG, runfolder.HISTORY, LAST)
REPORTED = (runfolder.CONFIG, runfolder.HISTORY, runfolder.BROKEN)
"""Of a run that broke: what there is to see of it, without a checkpoint to go on from."""
RUN_NAME = re.compile(r"[\w=+-][\w.=+-]*/[\w=+-][\w.=+-]*/(smoke|laptop|paper)/s\d+")
ARCHIVE = re.compile(r"runs-(\d+)\.tar")
OVERHEAD = 2048
"""Bytes of tar headers, padding and index that one part costs at most."""
LEAST = 0.02
"""Megabytes of the smallest archive that can hold anything."""
LARGEST = 1 << 30
"""Bytes of a member beyond which an archive is refused unread."""


@dataclass(frozen=True)
class Part:
    """One member: a file of a run, or a piece of one."""

    run: str
    file: str
    part: int
    parts: int
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Packed:
    """What a call of ``pack`` did."""

    archives: list[Path]
    runs: list[str]
    left: list[str]
    """Runs that did not fit into the number of archives."""


def pack(root: Path, runs: Iterable[str], names: Iterable[str], out: Path, *, megabytes: float, most: int) -> Packed:
    """Pack the named files of each run, as many runs as fit, into new archives below ``out``."""
    room = int(megabytes * 1e6) - tarfile.RECORDSIZE - OVERHEAD
    if room <= 2 * OVERHEAD:
        raise Fault(f"Archives of {megabytes:g} MB are too small to hold anything: allow at least {LEAST:g} MB.")
    names = tuple(names)
    boxes: list[list[tuple[Part, bytes]]] = []
    deliveries: dict[str, str] = {}
    left = []
    for run in runs:
        parts = list(_parts(root, run, names, room))
        trial = _place([list(box) for box in boxes], parts, room)
        if len(trial) > most:
            left.append(run)
        else:
            boxes = trial
            sums = "".join(f"{part.file} {part.sha256}\n" for part, _ in parts)
            deliveries[run] = hashlib.sha256(sums.encode()).hexdigest()
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    taken = [int(match[1]) for path in out.iterdir() if (match := ARCHIVE.fullmatch(path.name))]
    first = max(taken, default=-1) + 1
    archives = [out / f"runs-{first + i:03d}.tar" for i in range(len(boxes))]
    for path, box in zip(archives, boxes, strict=True):
        write_whole(path, _tar(box, deliveries))
    return Packed(archives, list(deliveries), left)


def _parts(root: Path, run: str, names: tuple[str, ...], room: int) -> Iterator[tuple[Part, bytes]]:
    for name in names:
        path = root / run / name
        if not path.exists() and name in OPTIONAL:
            continue
        data = path.read_bytes()
        step = room - OVERHEAD
        pieces = [data[i : i + step] for i in range(0, len(data), step)] or [b""]
        for i, piece in enumerate(pieces):
            yield Part(run, name, i, len(pieces), hashlib.sha256(piece).hexdigest(), len(piece)), piece


def _place(boxes: list[list[tuple[Part, bytes]]], parts: Iterable[tuple[Part, bytes]], room: int) -> list[Any]:
    """First fit: every part into the first box that has room for it."""
    for part, data in parts:
        for box in boxes:
            if sum(other.bytes + OVERHEAD for other, _ in box) + part.bytes + OVERHEAD <= room:
                box.append((part, data))
                break
        else:
            boxes.append([(part, data)])
    return boxes


def _tar(box: list[tuple[Part, bytes]], deliveries: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    named = {part.run: deliveries[part.run] for part, _ in box}
    index = {"format": FORMAT, "deliveries": named, "members": [asdict(part) for part, _ in box]}
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in [(INDEX, json.dumps(index).encode()), *((_member(part), data) for part, data in box)]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _member(part: Part) -> str:
    return f"{part.run}/{part.file}" + (f".part{part.part}" if part.parts > 1 else "")


def read(paths: Iterable[Path]) -> dict[str, dict[str, bytes]]:
    """Every run's files in these archives, verified and joined; a Fault if anything is amiss in any of them.

    Where a run was delivered several times, the order of the archives does not matter: what got furthest counts, and
    of finished ones the one with its numbers.
    """
    found: dict[tuple[str, str], dict[str, dict[int, tuple[Part, bytes]]]] = {}
    for path in paths:
        for delivery, part, data in _members(path):
            found.setdefault((part.run, delivery), {}).setdefault(part.file, {})[part.part] = (part, data)
    runs: dict[str, list[dict[str, bytes]]] = {}
    for (run, _), files in found.items():
        runs.setdefault(run, []).append({file: _joined(run, file, pieces) for file, pieces in files.items()})
    return {run: _furthest(deliveries, run) for run, deliveries in runs.items()}


def _joined(run: str, file: str, pieces: dict[int, tuple[Part, bytes]]) -> bytes:
    """A file from its parts."""
    parts = next(iter(pieces.values()))[0].parts
    missing = [i for i in range(parts) if i not in pieces]
    if missing:
        raise Fault(
            f"{run}/{file} is spread over several archives, and part {missing[0] + 1} of {parts} is in none of "
            f"those given: give all archives of that delivery together."
        )
    return b"".join(pieces[i][1] for i in range(parts))


def _furthest(deliveries: list[dict[str, bytes]], run: str) -> dict[str, bytes]:
    """Of several deliveries of a run the finished one, or the one that trained longest."""

    def reached(files: dict[str, bytes]) -> tuple[bool, int, bool, str]:
        step = checkpoints.unpack(files[LAST], f"{run}/{LAST}")["step"] if LAST in files else -1
        sums = hashlib.sha256(b"".join(data for _, data in sorted(files.items()))).hexdigest()
        return runfolder.PROVENANCE in files, step, METRICS in files, sums

    weights = {files.get(runfolder.WEIGHTS) for files in deliveries if runfolder.PROVENANCE in files}
    if len(weights) > 1:
        raise Fault(f"The archives hold {run} twice, with other weights each time: import the one that you want alone.")
    return deliveries[0] if len(deliveries) == 1 else max(deliveries, key=reached)


def _members(path: Path) -> Iterator[tuple[str, Part, bytes]]:
    """Every member of an archive, verified, with the delivery that it belongs to."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = tar.getmembers()
            wrong = next((m.name for m in members if not m.isreg() or m.size > LARGEST), None)
            if wrong is not None:
                raise Fault(f"{shown(path)} holds '{wrong}', which is no plain file of a run: nothing was imported.")
            contents = {m.name: tar.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    except (OSError, tarfile.TarError, EOFError) as error:
        raise Fault(f"Cannot read the archive {shown(path)}: {error}. Nothing was imported.") from error
    try:
        index = json.loads(contents.pop(INDEX))
        parts = [Part(**entry) for entry in index["members"]]
        version, deliveries = index["format"], dict(index.get("deliveries", {}))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Fault(f"{shown(path)} has no index: it is not an archive of 'rulebook paper'.") from error
    if version != FORMAT:
        raise Fault(f"{shown(path)} has format {version}; this version of Rulebook reads format {FORMAT}.")
    for part in parts:
        if not RUN_NAME.fullmatch(str(part.run)) or part.file not in (*SHIPPED, *OPTIONAL, LAST):
            raise Fault(
                f"{shown(path)} holds '{part.run}/{part.file}', which is no file of a run: nothing was imported."
            )
        data = contents.pop(_member(part), None)
        if data is None or hashlib.sha256(data).hexdigest() != part.sha256:
            raise Fault(
                f"'{_member(part)}' in {shown(path)} is missing or does not match its sha256: nothing was imported."
            )
        yield str(deliveries.get(part.run, "")), part, data
    if contents:
        raise Fault(
            f"{shown(path)} holds '{sorted(contents)[0]}', which its index does not name: nothing was imported."
        )


def file_run(root: Path, run: str, files: dict[str, bytes]) -> str:
    """Write a verified run into its folder, unless what is there is as good; says what was done."""
    finished = runfolder.PROVENANCE in files
    if finished:
        _check_sums(run, files)
    folder = root / run
    with runfolder.locked(folder, run):
        there = runfolder.read_provenance(folder)
        if there is not None:
            ours = there["weights_sha256"]
            if finished and json.loads(files[runfolder.PROVENANCE])["weights_sha256"] != ours:
                raise Fault(
                    f"{shown(folder)} holds {run} with other weights: delete that folder to take the archive's."
                )
            if finished and METRICS in files and not (folder / METRICS).exists():
                write_whole(folder / METRICS, files[METRICS])
                return f"{run}: already there; its numbers are new"
            return f"{run}: already there"
        if not finished and LAST not in files:
            return _report(folder, run, files)
        if not finished:
            state = checkpoints.unpack(files[LAST], f"{run}/{LAST}")
            standing = checkpoints.load(folder)
            if standing is not None and standing["step"] >= state["step"]:
                return f"{run}: step {standing['step']} is already there"
        # The file that marks the run as finished, or resumable, comes last.
        marks = (runfolder.PROVENANCE, LAST)
        for name in sorted(files, key=lambda name: (name in marks, name)):
            write_whole(folder / name, files[name])
        if finished:
            (folder / runfolder.BROKEN).unlink(missing_ok=True)
        return f"{run}: finished" if finished else f"{run}: step {state['step']}, to go on with"


def _report(folder: Path, run: str, files: dict[str, bytes]) -> str:
    """File what is known of a run that broke elsewhere, unless it is under way here."""
    missing = [name for name in REPORTED if name not in files]
    if missing:
        raise Fault(f"The archives hold {run} without its {missing[0]}: nothing of it was imported.")
    standing = checkpoints.load(folder)
    if standing is not None:
        return f"{run}: step {standing['step']} is already there"
    for name in REPORTED:
        write_whole(folder / name, files[name])
    return f"{run}: broken at step {json.loads(files[runfolder.BROKEN])['step']}"


def _check_sums(run: str, files: dict[str, bytes]) -> None:
    missing = [name for name in SHIPPED if name not in files]
    if missing:
        raise Fault(f"The archives hold {run} without its {missing[0]}: nothing of it was imported.")
    for name, entry in json.loads(files[runfolder.MANIFEST])["files"].items():
        if hashlib.sha256(files.get(name, b"")).hexdigest() != entry["sha256"]:
            raise Fault(f"{run}/{name} does not match the run's own manifest: nothing of it was imported.")
