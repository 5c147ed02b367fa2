"""A run's folder: one writer, the settings, the history, and what a finished run leaves behind.

config.yaml          the settings, fully resolved
history.jsonl        one line per log or validation
weights.safetensors  the model, floating point numbers in half precision
manifest.json        sha256 and size of the three above; says so if the weights were dropped (``rulebook slim``)
provenance.json      where the weights come from; written last, so its presence says that the run is finished
broken.json          where and why a loss or a weight was no number; gone once the run is past that step
last.ckpt            to resume (never in git), previous.ckpt the one before it
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from rulebook.training import checkpoints
from rulebook.training.config import RunConfig
from rulebook.training.faults import Fault, shown, writing
from rulebook.training.settings import differences, plain, read_yaml, to_yaml, with_defaults

CONFIG, HISTORY, WEIGHTS = "config.yaml", "history.jsonl", "weights.safetensors"
MANIFEST, PROVENANCE, LOCK = "manifest.json", "provenance.json", "run.lock"
BROKEN = "broken.json"
LARGEST = torch.finfo(torch.half).max
"""The largest number that shipped weights can hold."""


def lock(folder: Path, run: str) -> IO[str]:
    """Make the folder and hold it against other writers, until the returned file is closed or the process ends."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        held = open(folder / LOCK, "w")  # noqa: SIM115
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise Fault(
            f"Another process is writing {run} in {shown(folder)}: wait for it, or use another --root."
        ) from error
    return held


@contextmanager
def locked(folder: Path, run: str) -> Iterator[None]:
    """Hold a run's folder for a moment."""
    held = lock(folder, run)
    try:
        yield
    finally:
        held.close()


class RunFolder:
    """The folder of one run, held by one writer until ``close``."""

    def __init__(self, root: Path, config: RunConfig):
        self.config = config
        self.path = root / config.name
        self._lock = lock(self.path, config.name)
        self._history: IO[str] | None = None

    def close(self) -> None:
        if self._history is not None:
            with suppress(OSError):  # what a full disk did not take was told when it was written
                self._history.close()
            self._history = None
        self._lock.close()

    @property
    def provenance(self) -> dict[str, Any] | None:
        """What a finished run says of itself; None for one that is not finished."""
        return read_provenance(self.path)

    def check_settings(self) -> None:
        """Refuse if the folder holds a run with other settings."""
        path = self.path / CONFIG
        if path.exists():
            self._same_settings(read_yaml(path), shown(path))

    def load(self) -> dict[str, Any] | None:
        """The checkpoint to go on from, if there is one of these very settings."""
        state = checkpoints.load(self.path)
        if state is not None:
            if not isinstance(state.get("config"), dict):
                raise Fault(f"The checkpoint in {shown(self.path)} does not say of which run it is: delete it.")
            self._same_settings(state["config"], f"the checkpoint in {shown(self.path)}")
        return state

    def _same_settings(self, stored: dict[str, Any], where: str) -> None:
        changed = differences(with_defaults(stored), plain(self.config))
        if changed:
            listed = "; ".join(f"{name} was {old!r}, now {new!r}" for name, (old, new) in changed.items())
            raise Fault(
                f"The settings differ from those of {where}: {listed}. "
                f"Go on with the old settings, or train under another --root or --variant."
            )

    def begin(self, step: int) -> None:
        """Write the settings, drop the history's lines after ``step`` and a torn last one, and open it to go on."""
        checkpoints.write_whole(self.path / CONFIG, to_yaml(self.config).encode())
        path = self.path / HISTORY
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        kept = b""
        for number, line in enumerate(lines, 1):
            try:
                if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                    break
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    break
                raise Fault(
                    f"Line {number} of {shown(path)} is damaged, and others follow: restore the file, or delete "
                    f"{shown(self.path)} to train anew."
                ) from error
            kept += line
        checkpoints.write_whole(path, kept)
        with writing(path):
            self._history = open(path, "a")  # noqa: SIM115
        self._mend(step)

    def note(self, line: dict[str, Any]) -> None:
        """Add a line to the history."""
        assert self._history is not None, "begin opens the history"
        with writing(self.path / HISTORY, "Make room and start the command again: it goes on from its checkpoint."):
            self._history.write(json.dumps(line) + "\n")
            self._history.flush()

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint; the history up to it is forced to disk first."""
        assert self._history is not None, "begin opens the history"
        with writing(self.path / HISTORY, "Make room and start the command again: it goes on from its checkpoint."):
            os.fsync(self._history.fileno())
        checkpoints.save(self.path, state)
        self._mend(state["step"])

    def note_broken(self, step: int, why: str) -> None:
        """Leave a trace of a run that cannot go on: who counts runs must see it too."""
        self._write_json(BROKEN, {"step": step, "why": why})

    def _mend(self, step: int) -> None:
        """Forget where the run broke, once ``step`` whole steps lead past it."""
        broken = read_broken(self.path)
        if broken is not None and step > broken["step"]:
            with writing(self.path):
                (self.path / BROKEN).unlink(missing_ok=True)

    def finish(self, model: nn.Module, provenance: dict[str, Any]) -> None:
        """Write what is shipped; the provenance comes last and marks the run as finished."""
        checkpoints.write_whole(self.path / WEIGHTS, pack_weights(model))
        files = {name: sum_of(self.path / name) for name in (CONFIG, HISTORY, WEIGHTS)}
        self._write_json(MANIFEST, {"files": files})
        self._write_json(PROVENANCE, {**provenance, "weights_sha256": files[WEIGHTS]["sha256"]})
        with writing(self.path):
            (self.path / checkpoints.PREVIOUS).unlink(missing_ok=True)

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        checkpoints.write_whole(self.path / name, (json.dumps(value, indent=2) + "\n").encode())


def sum_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def read_provenance(folder: Path) -> dict[str, Any] | None:
    """The provenance of a finished run, None where there is none."""
    path = folder / PROVENANCE
    if not path.exists():
        return None
    damaged = Fault(f"{shown(path)} is damaged: restore it, or delete it to finish the run anew.")
    try:
        told = json.loads(path.read_bytes())
    except ValueError as error:
        raise damaged from error
    if not isinstance(told, dict) or not {"steps", "weights_sha256"} <= told.keys():
        raise damaged
    return told


def read_broken(folder: Path) -> dict[str, Any] | None:
    """Where and why the last try to go on with a run broke, None where it did not."""
    path = folder / BROKEN
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text())
        return {"step": int(told["step"]), "why": str(told["why"])}
    except (ValueError, KeyError, TypeError) as error:
        raise Fault(f"{shown(path)} is damaged: delete it.") from error


def check_manifest(folder: Path) -> list[str]:
    """What is wrong with a finished run's files, one sentence each; empty if all match their sums."""
    path = folder / MANIFEST
    if not path.exists():
        return [f"{shown(path)} is missing."]
    try:
        sums = {name: entry["sha256"] for name, entry in json.loads(path.read_text())["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{shown(path)} is damaged."]
    wrong = [f"{shown(path)} does not name {name}." for name in (CONFIG, HISTORY, WEIGHTS) if name not in sums]
    for name, stated in sums.items():
        if name == WEIGHTS and weights_dropped(folder):
            continue
        if not (folder / name).exists():
            wrong.append(f"{shown(folder / name)} is missing.")
        elif sum_of(folder / name)["sha256"] != stated:
            wrong.append(f"{shown(folder / name)} does not match its sha256.")
    return wrong


def weights_dropped(folder: Path) -> bool:
    """Whether a finished run has no weights, and its manifest says that this is meant."""
    if (folder / WEIGHTS).exists() or not (folder / MANIFEST).exists():
        return False
    try:
        return json.loads((folder / MANIFEST).read_text())["files"][WEIGHTS].get("dropped") is True
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def drop_weights(folder: Path) -> int:
    """Take a finished run's weights away and note that in its manifest; their sum stays. Returns the bytes saved."""
    manifest = json.loads((folder / MANIFEST).read_text())
    entry = manifest["files"][WEIGHTS] = {**manifest["files"][WEIGHTS], "dropped": True}
    checkpoints.write_whole(folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    with writing(folder / WEIGHTS):
        (folder / WEIGHTS).unlink()
    return entry["bytes"]


def weights_sum(folder: Path) -> str:
    """The sha256 of a run's weights: of the file, or what the provenance keeps of weights that were dropped."""
    if weights_dropped(folder):
        told = read_provenance(folder)
        if told is None:
            raise Fault(f"{shown(folder / PROVENANCE)} is missing, and the weights were dropped: restore it from git.")
        return told["weights_sha256"]
    try:
        return sum_of(folder / WEIGHTS)["sha256"]
    except OSError as error:
        raise Fault(f"Cannot read the weights {shown(folder / WEIGHTS)}: {error.strerror}.") from error


def pack_weights(model: nn.Module) -> bytes:
    """A model's state as safetensors, floating point numbers in half precision."""
    small: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            half = value.detach().half()
            if not half.isfinite().all():
                raise Fault(f"Weight '{name}' has values beyond half precision ({LARGEST:g}) and cannot be shipped.")
            value = half
        small[name] = value.detach().cpu().contiguous().clone()
    return safetensors.torch.save(small)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The shipped weights of a run, floating point numbers widened to float32."""
    path = folder / WEIGHTS
    try:
        weights = safetensors.torch.load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise Fault(f"Cannot read the weights {shown(path)}: {error}.") from error
    return {name: value.to(torch.float32) if value.is_floating_point() else value for name, value in weights.items()}
