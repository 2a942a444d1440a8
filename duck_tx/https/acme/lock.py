"""One at a time among the processes that share a directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["only_one"]


@contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """Whether nobody else is in such a block for this path, here or in another process.

    The system ends it with the process that holds it; so there is nothing to clean up after a crash.

    :param path: a file, made if there is none.
    :raises OSError: if it cannot be made or locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
