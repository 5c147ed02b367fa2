"""How fast this machine is: frames per second of every world, seconds per training step of every model.

rulebook bench
rulebook bench --profile paper --device cuda --json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from rulebook import seeds
from rulebook.catalogue import CATALOGUE
from rulebook.training.config import PROFILES, RunConfig
from rulebook.training.faults import Fault
from rulebook.training.precision import autocast, choose_device


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", choices=PROFILES, default="laptop", help="sizes to measure")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--clips", type=int, default=256, help="clips drawn from every world")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if options.clips < 1:
        raise Fault(f"--clips must be at least 1, not {options.clips}.")
    device = choose_device(options.device)
    rows = [*worlds(options.profile, options.clips), *steps(options.profile, device)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        print(f"{row['what']:40} {row['value']:12.4g} {row['unit']}")
    return 0


def worlds(profile: str, clips: int) -> list[dict[str, Any]]:
    """Frames per second that each world of the catalogue, at the size of the profile, draws on one thread."""
    torch.set_num_threads(1)
    entries = [entry for entry in CATALOGUE.entries.values() if profile in entry.recipes]
    known = {entry.world_name: entry.run(profile, 0).world for entry in entries}  # type: ignore[arg-type]
    rows = []
    for name, world in known.items():
        took = fastest(lambda world=world: world.sample(clips, seed=0, length=10))  # type: ignore[misc]
        rows.append({"what": f"world {name}", "value": clips * 10 / took, "unit": "frames per second"})
    return rows


def steps(profile: str, device: torch.device) -> list[dict[str, Any]]:
    """Seconds of one forward and backward pass, in the longest stage of every entry's training."""
    rows = []
    for key, entry in CATALOGUE.entries.items():
        if profile in entry.recipes:
            run = entry.run(profile, 0)  # type: ignore[arg-type]
            rows.append({"what": f"step {key}", "value": step_seconds(run, device), "unit": "seconds per step"})
    return rows


def step_seconds(run: RunConfig, device: torch.device) -> float:
    stage = run.training.stages[-1]
    frames = run.world.sample(stage.batch, seed=0, length=stage.frames).frames.to(device)
    torch.set_num_threads(run.training.threads)
    model = run.model.build(run.world.frame_shape).to(device)

    def step() -> None:
        with autocast(run.training, device):
            losses = model.losses(frames, seeds.generator(0, "bench"))
        torch.stack(list(losses.values())).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return fastest(step)


def fastest(work: Callable[[], Any], times: int = 3) -> float:
    """The least of a few times, after one to warm up: the one that the machine's other work disturbed least."""
    took = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return min(took[1:])
