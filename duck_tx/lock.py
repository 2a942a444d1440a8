"""One at a time among the processes that share a directory.

The system ends a lock with the process that holds it; so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["close", "is_current", "only_one", "open_file", "take", "wait_for"]

_open: set[int] = set()


@contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """Whether nobody else is in such a block for this path, here or in another process.

    :param path: a file, made if there is none.
    :raises OSError: if it cannot be made or locked.
    """
    descriptor = open_file(path)
    try:
        yield take(descriptor)
    finally:
        close(descriptor)


def open_file(path: Path) -> int:
    """A descriptor of a file to lock; to be closed by :func:`close`, which ends the lock as well.

    It is not passed on to programs, and a copy of this process closes its own: a child that outlives its parent would
    keep the lock.

    :param path: made if there is none.
    :raises OSError: if it cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    _open.add(descriptor)
    return descriptor


def take(descriptor: int) -> bool:
    """Lock the file, unless somebody else has, in this process or in another; whether it is ours now.

    :raises OSError: if it cannot be locked.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(descriptor: int, path: Path) -> int:
    """Lock the file when nobody else has it, which may take for ever.

    :return: the descriptor; it is another one, if another file had the path by then.
    :raises OSError: if it cannot be locked; the descriptor is closed.
    """
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_current(descriptor, path):
                return descriptor
        except OSError:
            close(descriptor)
            raise
        close(descriptor)
        descriptor = open_file(path)


def is_current(descriptor: int, path: Path) -> bool:
    """Whether the open file is what others find by its path; one that was removed locks nobody out."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def close(descriptor: int) -> None:
    """Leave the file to others."""
    _open.discard(descriptor)
    os.close(descriptor)


def _forget() -> None:
    for descriptor in list(_open):
        with suppress(OSError):
            close(descriptor)


os.register_at_fork(after_in_child=_forget)
