"""Every training run that some figure or table needs, as one readable tree.

    experiment -> entry (a model variant on a world) -> profile -> seeds

An entry says what needs it, what it costs and what it is expected to score; its run names are
``variant/world/profile/s<seed>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rulebook.models.base import ModelSpec
from rulebook.registry import suggestion
from rulebook.training.config import PROFILES, Profile, RunConfig, Training
from rulebook.worlds import World


@dataclass(frozen=True)
class Recipe:
    """How one profile of an entry is trained."""

    model: ModelSpec
    training: Training
    seeds: tuple[int, ...] = (0, 1, 2)
    cost: str = ""
    """Expected cost of one run, for people: '25 minutes of one core'."""
    expected: str = ""
    """Expected score, for people."""
    world: World | None = None
    """The world at another size, where this profile cannot afford the entry's own."""


@dataclass(frozen=True)
class Entry:
    """One model variant on one world."""

    experiment: str
    variant: str
    world_name: str
    world: World
    recipes: Mapping[Profile, Recipe]
    needed_by: tuple[str, ...] = ()
    """Ids of the exhibits (figures, tables) and claims that read its runs."""
    start_from: str | None = None
    """Variant/world whose run of the same profile and seed is trained first."""

    def run(self, profile: Profile, seed: int) -> RunConfig:
        recipe = self.recipes[profile]
        return RunConfig(
            experiment=self.experiment,
            variant=self.variant,
            world_name=self.world_name,
            profile=profile,
            seed=seed,
            world=recipe.world or self.world,
            model=recipe.model,
            training=recipe.training,
            start_from=f"{self.start_from}/{profile}/s{seed}" if self.start_from else None,
        )


@dataclass
class Catalogue:
    """All entries, by 'variant/world'."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> Entry:
        key = f"{entry.variant}/{entry.world_name}"
        if key in self.entries:
            raise ValueError(f"The catalogue already has an entry '{key}'.")
        self.entries[key] = entry
        return entry

    def runs(
        self, profile: Profile | None = None, where: Callable[[Entry], bool] = lambda _: True
    ) -> Iterator[RunConfig]:
        """Every run, earlier stages before those that start from them."""
        for entry in sorted(self.entries.values(), key=self._stage):
            for name in PROFILES:
                if name in entry.recipes and profile in (None, name) and where(entry):
                    for seed in entry.recipes[name].seeds:
                        yield entry.run(name, seed)

    def folders(self, root: Path) -> Iterator[str]:
        """Names of all run folders below ``root`` that belong to an entry, smoke runs left out: a seed that is none of
        the recipe's counts in the book like the others."""
        for entry in sorted(self.entries.values(), key=self._stage):
            for profile in (name for name in PROFILES if name != "smoke" and name in entry.recipes):
                place = root / entry.variant / entry.world_name / profile
                seeds = [path.name for path in place.glob("s*") if path.name[1:].isdigit()]
                for seed in sorted(seeds, key=lambda seed: int(seed[1:])):
                    yield f"{entry.variant}/{entry.world_name}/{profile}/{seed}"

    def _stage(self, entry: Entry) -> int:
        """How many runs come before the entry's own."""
        before = self.entries.get(entry.start_from) if entry.start_from else None
        return 0 if before is None else 1 + self._stage(before)

    def find(self, name: str) -> RunConfig:
        """The run of this name, or one sentence that says what there is."""
        parts = name.split("/")
        if len(parts) == 4 and re.fullmatch(r"s(0|[1-9][0-9]*)", parts[3]):
            entry = self.entries.get(f"{parts[0]}/{parts[1]}")
            if entry is not None and parts[2] in entry.recipes:
                return entry.run(parts[2], int(parts[3][1:]))  # type: ignore[arg-type]
        known = [run.name for run in self.runs()]
        raise KeyError(f"There is no run '{name}'{suggestion(name, known)} (see 'rulebook runs').")
