"""Leases: runs that are started side by side on a machine with several GPUs spread over them by themselves.

A lease is a lock on a file per user, device and place. It ends with the process, however that ends. Whoever finds
every device taken waits for none: models are small, so it shares the device with the fewest runs.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from pathlib import Path
from typing import IO

import torch

PLACES = 16
"""Runs per device beyond which nobody counts any more."""
HELD: list[IO[str]] = []
"""Open while this process lives: closing a file gives its lease back."""


def lease(device: torch.device, run: str) -> torch.device:
    """For 'a CUDA device' the one with the fewest runs on it, where there are several and torchrun deals out none."""
    count = torch.cuda.device_count() if device.type == "cuda" and device.index is None else 0
    if count < 2 or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return device
    for place in range(PLACES):
        for index in range(count):
            if take(index, place):
                beside = f", beside {place} other run(s)" if place else ""
                print(f"{run} takes cuda:{index} of {count} devices{beside}.", flush=True)
                return torch.device("cuda", index)
    print(f"{run} takes cuda:0 of {count} devices: no lease is to be had in {tempfile.gettempdir()}.", flush=True)
    return torch.device("cuda", 0)


def take(index: int, place: int) -> bool:
    """Whether this place on a device is now ours."""
    shown = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    known_as = shown[index] if index < len(shown) and shown[index] else str(index)  # as other processes know it
    known_as = re.sub(r"[^\w-]", "_", known_as)
    path = Path(tempfile.gettempdir()) / f"rulebook-{os.getuid()}-cuda-{known_as}-{place}.lock"
    try:
        file = open(path, "a")  # noqa: SIM115
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    HELD.append(file)
    return True
