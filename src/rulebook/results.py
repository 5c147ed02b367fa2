"""Run folders in, pandas frames out: what notebooks, claims and tables read.

    results/runs/<variant>/<world>/<profile>/s<seed>/{config.yaml, history.jsonl, metrics.json, ...}

Nothing here imports a model: frames of numbers are all that most pages need. Frames alone need pandas, which a bare
server does not have: what lists runs must do without.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rulebook.training.faults import Fault, shown

if TYPE_CHECKING:
    import pandas as pd

METRIC_COLUMNS = ["run", "variant", "world", "profile", "seed", "metric", "value", "unit", "n", "definition"]


def project_root() -> Path:
    """The folder that holds results/: $RULEBOOK_ROOT, else the checkout that this package lies in, else this folder."""
    named = os.environ.get("RULEBOOK_ROOT")
    if named:
        return Path(named).resolve()
    package = Path(__file__).resolve().parent
    return package.parents[1] if package.parent.name == "src" else Path.cwd()


def runs_root(named: Path | None = None) -> Path:
    """The folder of all runs: the one that was named, else results/runs of the project."""
    return named if named is not None else Path(shown(project_root() / "results" / "runs"))


@dataclass(frozen=True)
class Run:
    """One run folder, read on demand."""

    path: Path
    variant: str
    world: str
    profile: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.variant}/{self.world}/{self.profile}/s{self.seed}"

    @property
    def finished(self) -> bool:
        """Nothing is left to train: weights are there, or were dropped on purpose; provenance.json is written last."""
        return (self.path / "provenance.json").exists() and (self.has_weights or self.dropped)

    @property
    def has_weights(self) -> bool:
        return (self.path / "weights.safetensors").exists()

    @cached_property
    def dropped(self) -> bool:
        """Of a run without weights: its manifest says that its numbers alone were kept ('rulebook slim')."""
        files = _read_json(self.path / "manifest.json").get("files")
        entry = files.get("weights.safetensors") if isinstance(files, dict) else None
        return not self.has_weights and isinstance(entry, dict) and entry.get("dropped") is True

    @cached_property
    def broken(self) -> dict[str, Any]:
        """Of a run whose loss or weights ceased to be numbers: at which 'step', and 'why'; empty for all others."""
        return {} if self.finished else _read_json(self.path / "broken.json")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        return _read_json(self.path / "provenance.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        path = self.path / "config.yaml"
        return yaml.safe_load(path.read_text()) if path.exists() else {}

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Every number of the run by its name, each with value, unit, n and definition; empty if not evaluated."""
        stored = _read_json(self.path / "metrics.json")
        metrics = stored.get("metrics", {})
        if not isinstance(metrics, dict):
            raise Fault(f"{self.name}/metrics.json is damaged. Restore it from git or evaluate the run again.")
        for name, entry in metrics.items():
            if not isinstance(entry, dict) or "value" not in entry:
                raise Fault(f"{self.name}/metrics.json: '{name}' has no value. Evaluate the run again.")
        return metrics

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per line of history.jsonl; a torn last line is left out."""
        import pandas as pd

        rows = []
        path = self.path / "history.jsonl"
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict):
                break
            rows.append(row)
        return pd.json_normalize(rows)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text())
    except ValueError as error:
        where = "/".join(path.parts[-5:])
        raise Fault(f"{where} is damaged ({error}). Restore it from git or evaluate the run again.") from error
    return value if isinstance(value, dict) else {}


class Results:
    """All run folders below ``root``/results/runs, or below ``runs`` where they are kept elsewhere."""

    def __init__(self, root: Path | str | None = None, runs: Path | None = None):
        self.root = Path(root) if root is not None else project_root()
        self.runs = runs if runs is not None else self.folder / "runs"

    @property
    def folder(self) -> Path:
        return self.root / "results"

    def __iter__(self) -> Iterator[Run]:
        """Every run folder that holds settings or metrics, by name."""
        for path in sorted(self.runs.glob("*/*/*/s*")):
            known = (path / "config.yaml").exists() or (path / "metrics.json").exists()
            if known and path.name[1:].isdigit():
                variant, world, profile = path.parts[-4:-1]
                yield Run(path, variant, world, profile, int(path.name[1:]))

    @cached_property
    def all(self) -> tuple[Run, ...]:
        return tuple(self)

    def of(self, entry: str, profile: str | None = None) -> list[Run]:
        """The runs of one catalogue entry ('variant/world'), by seed."""
        found = [run for run in self.all if f"{run.variant}/{run.world}" == entry and profile in (None, run.profile)]
        return sorted(found, key=lambda run: (run.profile, run.seed))

    def best_profile(self, entry: str) -> str | None:
        """'paper' where evaluated runs of it exist, else 'laptop'; None where there is neither."""
        for profile in ("paper", "laptop"):
            if any(run.metrics for run in self.of(entry, profile)):
                return profile
        return None

    def frame(self) -> pd.DataFrame:
        """One row per run: what it is, whether it is finished, how long it took and where."""
        import pandas as pd

        rows = []
        for run in self.all:
            told = run.provenance
            rows.append(
                {
                    "run": run.name,
                    "variant": run.variant,
                    "world": run.world,
                    "profile": run.profile,
                    "seed": run.seed,
                    "finished": run.finished,
                    "evaluated": bool(run.metrics),
                    "training_seconds": told.get("seconds"),
                    "cpu_seconds": told.get("cpu_seconds"),
                    "device": told.get("device"),
                }
            )
        columns = ["run", "variant", "world", "profile", "seed", "finished", "evaluated"]
        columns += ["training_seconds", "cpu_seconds", "device"]
        return pd.DataFrame(rows, columns=columns)

    def metrics(self, entry: str | None = None, profile: str | None = None) -> pd.DataFrame:
        """One row per run and metric; smoke runs are for tests and never among them unless asked for by profile."""
        import pandas as pd

        rows = []
        for run in self.all:
            asked = entry in (None, f"{run.variant}/{run.world}") and profile in (None, run.profile)
            if not asked or (profile is None and run.profile == "smoke"):
                continue
            for name, entry_ in run.metrics.items():
                rows.append(
                    {
                        "run": run.name,
                        "variant": run.variant,
                        "world": run.world,
                        "profile": run.profile,
                        "seed": run.seed,
                        "metric": name,
                        **{key: entry_.get(key) for key in ("value", "unit", "n", "definition")},
                    }
                )
        return pd.DataFrame(rows, columns=METRIC_COLUMNS)

    def histories(self, entry: str, profile: str | None = None) -> pd.DataFrame:
        """The histories of all seeds of one entry below each other, with a column 'seed'."""
        import pandas as pd

        frames = [run.history.assign(seed=run.seed, profile=run.profile) for run in self.of(entry, profile)]
        frames = [frame for frame in frames if len(frame) and "step" in frame]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"step": [], "seed": [], "profile": []})

    def table(self, name: str) -> pd.DataFrame:
        """results/tables/<name>.csv, as a notebook wrote it."""
        import pandas as pd

        return pd.read_csv(self.folder / "tables" / f"{name}.csv")

    def save_table(self, name: str, frame: pd.DataFrame) -> Path:
        """Write results/tables/<name>.csv, from which pages build their tables."""
        path = self.folder / "tables" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
        return path
