"""Bring MNIST into the data folder, or say what lies there.

    rulebook data              what the data folders hold, and whether it is right
    rulebook data mnist        download MNIST's four files, with checksums, into data/mnist

Nothing needs this: Moving MNIST draws the small digits that come with the package unless its settings say
digits.source mnist. RULEBOOK_DATA names another data folder.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rulebook.training.faults import writing
from rulebook.worlds.datafiles import (
    MNIST_FILES,
    STANDARD_TEST,
    DataError,
    data_folders,
    download_mnist,
    load_mnist,
    load_standard_test,
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "rulebook data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("what", nargs="?", choices=["mnist"], help="what to bring; nothing: only look")
    parser.add_argument("--folder", type=Path, help="data folder (default: $RULEBOOK_DATA, else data)")
    options = parser.parse_args(arguments)
    if options.what is None:
        return 0 if look() else 1
    folder = options.folder or Path(os.environ.get("RULEBOOK_DATA") or "data")
    with writing(folder / "mnist", "Choose another --folder."):
        download_mnist(folder / "mnist", print)
    return 0


def look() -> bool:
    """One line for each file that a world could read; whether none that is there is broken."""
    print(f"Data folders, in the order in which they are searched: {', '.join(str(f) for f in data_folders())}")
    right = True
    for name in (*MNIST_FILES, STANDARD_TEST):
        try:
            shape = (load_standard_test() if name == STANDARD_TEST else load_mnist(name)).shape
            print(f"{name}: right, {' x '.join(str(n) for n in shape)}")
        except DataError as error:
            print(f"{name}: {error}")
            right = right and not lies_here(name)
    return right


def lies_here(name: str) -> bool:
    """Whether a file of this name lies where it is sought, right or not."""
    places = (name, f"mnist/{name}", f"mnist/{name}.gz")
    return any((folder / place).is_file() for folder in data_folders() for place in places)
