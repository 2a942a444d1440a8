"""Which automations have been seen before, as far as a history tells that somebody else may have open."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["seen"]

_PATIENCE = 1.0
"""Seconds for somebody else who has the file locked."""


def seen(path: Path) -> frozenset[str]:
    """The names that a history remembers; none where it cannot be read.  Nothing is made or changed.

    :param path: of its file.
    """
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as connection:
            return frozenset(name for (name,) in connection.execute("SELECT name FROM memory"))
    except sqlite3.Error:
        return frozenset()
