"""Files that are either the old or the new, whole, and for their owner only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["folder", "settle", "write"]


def folder(path: Path) -> Path:
    """Make a directory, with those above it, readable by its owner only.

    :raises OSError: if that is not possible.
    """
    for each in (*reversed(path.parents), path):
        # ``parents=True`` would make those above readable for all.
        each.mkdir(mode=0o700, exist_ok=True)
    return path


def write(path: Path, content: bytes) -> None:
    """Write a file with mode 0600; it is on the disk when this returns.

    :raises OSError: if that is not possible; what was there before stays.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    settle(path.parent)


def settle(directory: Path) -> None:
    """Have the names in a directory on the disk: after a power failure a link to files must not be all that is left.

    :raises OSError: if that is not possible.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
