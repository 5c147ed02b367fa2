"""Faults: what goes wrong outside the code (settings, files, disk, data), told in one sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Fault(Exception):
    """A fault that a person can mend; its text says what is wrong, where, and what to do."""

    code = 1


class Broken(Fault):
    """A loss or a weight is no number any more."""

    def __init__(self, step: int, why: str, advice: str):
        super().__init__(f"{why} {advice}")
        self.step, self.why = step, why


class Interrupted(Fault):
    """The run was told to stop by a signal, after it had saved."""

    def __init__(self, text: str, code: int):
        super().__init__(text)
        self.code = code


def shown(path: Path) -> str:
    """A path as a person typed it: relative to the working folder where it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def writing(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an error of the file system into a sentence that names the file."""
    try:
        yield
    except OSError as error:
        reason = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EFBIG: "the file would grow beyond the allowed size",
            errno.EROFS: "the file system is read-only",
            errno.EACCES: "permission is denied",
            errno.EPERM: "permission is denied",
            errno.ENOTDIR: "a part of its path is a file, not a folder",
            errno.EEXIST: "a file stands where a folder is needed",
        }.get(error.errno or 0, error.strerror or str(error))
        raise Fault(
            f"Cannot write {shown(path)}: {reason}. {advice or 'Make room or choose another --root.'}"
        ) from error
