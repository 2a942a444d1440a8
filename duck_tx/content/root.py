"""Where files are looked for, and how they are opened: inside the root, and regular files only."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Protocol

# A FIFO would block the reactor without O_NONBLOCK; a terminal must not become the server's own.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# O_PATH (Linux) opens folders that may be searched but not listed, as home folders of mode 0711 are.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Finder = Callable[[str], str | None]
"""From a name to the path of a file, or ``None``."""


class Place(Protocol):
    """Files by name."""

    def locate(self, name: str) -> str | None:
        """The path at which ``name`` is to be looked for, ``None`` where there is no such name."""

    def open(self, path: str) -> tuple[int, os.stat_result]:
        """Open a located path (or a sibling of one) for reading: its descriptor, which the caller closes, and
        status.

        :raises OSError: if that cannot be done; ``FileNotFoundError`` for what lies outside or is no regular
            file.
        """


class Root:
    """The files below one folder, which may itself lie behind a symbolic link that changes over time."""

    def __init__(self, path: str) -> None:
        # Made absolute now: a daemon changes its working directory later.
        self._path = os.path.abspath(path)

    def locate(self, name: str) -> str:
        """See :meth:`Place.locate`."""
        return os.path.join(self._path, name)

    def open(self, path: str) -> tuple[int, os.stat_result]:
        """See :meth:`Place.open`.

        Symbolic links are resolved first, and what they come to must lie below the root. Then the resolved
        path is walked from the root, folder by folder, each opened relative to the last without following
        links. A link put there between the two steps is not followed but makes the walk fail, so no timing
        leads outside.
        """
        root = os.path.realpath(self._path, strict=True)
        real = os.path.realpath(path, strict=True)
        prefix = root.rstrip("/") + "/"
        if not real.startswith(prefix):
            raise FileNotFoundError(errno.ENOENT, "leads out of the root", path)
        *folders, base = real[len(prefix) :].split("/")
        folder = os.open(root, _FOLDER)
        try:
            for segment in folders:
                inner = os.open(segment, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            return open_regular(base, path, dir_fd=folder, flags=os.O_NOFOLLOW)
        finally:
            os.close(folder)


class Found:
    """Files that a finder knows, wherever they are: what it finds is taken as meant to be served."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def locate(self, name: str) -> str | None:
        """See :meth:`Place.locate`."""
        path = self._finder(name)
        return None if path is None else os.path.abspath(path)

    def open(self, path: str) -> tuple[int, os.stat_result]:
        """See :meth:`Place.open`."""
        return open_regular(path, path)


def open_regular(path: str, told: str, *, dir_fd: int | None = None, flags: int = 0) -> tuple[int, os.stat_result]:
    """Open the regular file ``path``, which errors call ``told``.

    :raises FileNotFoundError: for a folder, device, FIFO or socket, besides the usual reason.
    """
    descriptor = os.open(path, _READ | flags, dir_fd=dir_fd)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", told)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status
