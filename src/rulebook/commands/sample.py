"""Draw clips of a world: a film strip (PNG) and an animation (GIF).

    rulebook sample atomic
    rulebook sample unseen-attributes --clips 6 --length 15 --seed 1 --out pictures
    rulebook sample moving-mnist --split train
    rulebook sample moving-mnist --profile paper

A world is named as in the catalogue ('rulebook runs'), by a form of the random walk, or by its kind. The worlds of the
paper's digits need MNIST ('rulebook data mnist'); the laptop's are embedded.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from rulebook.catalogue import CATALOGUE
from rulebook.figures.animations import side_by_side, write_gif
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import save, use_house_style
from rulebook.registry import suggestion
from rulebook.training.config import PROFILES, Profile
from rulebook.training.faults import Fault, shown, writing
from rulebook.worlds import WORLDS, Split, World
from rulebook.worlds.random_walk import FORMS


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook sample", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("world", help=f"one of: {', '.join(sorted(worlds()))}")
    parser.add_argument("--out", type=Path, default=Path("samples"), help="folder for both files (default: samples)")
    parser.add_argument("--clips", type=int, default=4, help="how many clips, 1 to 32 (default: 4)")
    parser.add_argument("--length", type=int, help="frames per clip (default: the world's own, 20 at most)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the clips (default: 0)")
    parser.add_argument("--split", choices=get_args(Split), default="test", help="which clips (default: test)")
    parser.add_argument(
        "--profile", choices=PROFILES, default="laptop", help="whose size and digits a world of the catalogue has"
    )
    options = parser.parse_args(arguments)
    if not 1 <= options.clips <= 32:
        raise Fault(f"--clips must be 1 to 32, not {options.clips}.")
    if options.length is not None and not 1 <= options.length <= 100:
        raise Fault(f"--length must be 1 to 100, not {options.length}.")
    world = find(options.world, options.profile)
    length = options.length or min(20, getattr(world, "length", 20))
    try:
        clip = world.sample(options.clips, options.seed, length=length, split=options.split)
    except ValueError as error:
        raise Fault(f"The world '{options.world}' cannot be sampled: {error}") from error
    use_house_style()
    strip, animation = (options.out / f"{options.world}{end}" for end in (".png", ".gif"))
    with writing(strip, "Choose another --out."):
        save(film_strip([Row(f"clip {i + 1}", frames) for i, frames in enumerate(clip.frames)]), strip)
    with writing(animation, "Choose another --out."):
        write_gif(side_by_side(clip.frames), animation)
    print(f"{options.clips} clips of {clip.length} frames: {shown(strip)}, {shown(animation)}")
    return 0


def worlds(profile: Profile = "laptop") -> dict[str, World]:
    """Every world that has a name; where names meet, the catalogue's wins, as this profile trains on it."""
    kinds = {kind: world() for kind, world in WORLDS.classes.items()}
    catalogue = {
        entry.world_name: entry.run(profile, 0).world if profile in entry.recipes else entry.world
        for entry in CATALOGUE.entries.values()
    }
    return {**kinds, **FORMS, **catalogue}  # type: ignore[dict-item]


def find(name: str, profile: Profile = "laptop") -> World:
    known = worlds(profile)
    if name not in known:
        raise Fault(f"There is no world '{name}'{suggestion(name, known)}.")
    return known[name]
