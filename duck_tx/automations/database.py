"""The history's file: its tables, and what is read from them and written to them.

All of this blocks, and raises :class:`sqlite3.Error` or :class:`OSError` where the disk or the file are not as they
should be.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from operator import attrgetter
from pathlib import Path

from duck_tx.automations.agenda import Memory
from duck_tx.automations.record import Run

__all__ = ["Database", "identity", "is_damage", "set_aside"]

_VERSION = 1

_COLUMNS = 'number, name, due, started, finished, attempt, "by", state, error, output, status, count'
_WITHOUT_OUTPUT = _COLUMNS.replace("output", "''")

_TABLES = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE run ({_COLUMNS.replace("number", "number INTEGER PRIMARY KEY", 1)});
    CREATE INDEX run_of_name ON run (name, number);
    CREATE TABLE memory (name PRIMARY KEY, anchor, last_due, paused, count) WITHOUT ROWID;
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""

_ENDED = "state NOT IN ('running', 'skipped')"

_PRUNE = f"""
    DELETE FROM run WHERE name = :name AND state != 'running'
    AND number IS NOT (SELECT number FROM run WHERE name = :name AND {_ENDED} ORDER BY number DESC LIMIT 1)
    AND (
        started < :oldest
        OR number <= (SELECT number FROM run WHERE name = :name ORDER BY number DESC LIMIT 1 OFFSET :keep)
    )"""

_AT_ONCE = 50
"""Rows that one statement writes.  Each statement gives the interpreter lock away and has to get it back, for which it
waits for milliseconds while other threads compute."""

_PATIENCE = 1.0
"""Seconds for somebody else who has the file locked, to look at it."""


class Database:
    """An open file.

    :param path: made if there is none, for this user only.
    """

    def __init__(self, path: Path) -> None:
        # SQLite itself would let everybody read it, and gives the files beside it the same mode.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(OSError):
            os.fchmod(descriptor, 0o600)
        os.close(descriptor)
        self.identity = identity(path)
        self._connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA journal_size_limit = 8388608")
        # A file that nobody can read as a database is found out here.
        [version] = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            try:
                self._connection.executescript(_TABLES)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                    raise
                raise sqlite3.NotSupportedError(f"it is of another program ({error})") from error
        elif version != _VERSION:
            raise sqlite3.NotSupportedError(f"it has form {version} and this version of duck_tx knows form {_VERSION}")

    def close(self) -> None:
        """What was written stays."""
        with suppress(sqlite3.Error):
            self._connection.close()

    # Reading.

    def last_number(self) -> int:
        """The greatest that any run has; 0 if there is none."""
        [number] = self._connection.execute("SELECT max(number) FROM run").fetchone()
        return number or 0

    def memories(self) -> dict[str, Memory]:
        """What is remembered of each automation."""
        rows = self._connection.execute("SELECT name, anchor, last_due, paused, count FROM memory")
        return {
            name: Memory(anchor=anchor, last_due=last_due, paused=bool(paused), count=count)
            for name, anchor, last_due, paused, count in rows
        }

    def running(self) -> list[Run]:
        """The runs that have begun and not ended, the oldest first."""
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM run WHERE state = 'running' ORDER BY number")
        return [Run(*row) for row in rows]

    def runs(self, name: str, limit: int) -> list[Run]:
        """Those of an automation, the newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM run WHERE name = ? ORDER BY number DESC LIMIT ?", (name, limit)
        )
        return [Run(*row) for row in rows]

    def latest(self) -> dict[str, Run]:
        """The last result of each automation, without its output."""
        # Looks each name up in the index: to look at all runs would take seconds where there are millions.
        rows = self._connection.execute(f"""
            WITH RECURSIVE names(name) AS (
                SELECT min(name) FROM run
                UNION ALL
                SELECT (SELECT min(name) FROM run WHERE name > names.name) FROM names WHERE names.name IS NOT NULL
            )
            SELECT {_WITHOUT_OUTPUT} FROM run WHERE number IN (
                SELECT (SELECT number FROM run WHERE name = names.name AND {_ENDED} ORDER BY number DESC LIMIT 1)
                FROM names
            )""")
        return {run.name: run for run in (Run(*row) for row in rows)}

    # Writing.

    def save(self, runs: Iterable[Run], memories: Mapping[str, Memory], *, durable: bool) -> None:
        """Put these in the place of what is there, all or nothing.

        :param durable: it outlives a failure of the power supply, not only one of the process.
        """
        with self._transaction(durable=durable):
            self._put("run", _COLUMNS, [_row(each) for each in runs])
            self._put(
                "memory",
                "name, anchor, last_due, paused, count",
                [(name, each.anchor, each.last_due, each.paused, each.count) for name, each in memories.items()],
            )

    def _put(self, table: str, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Put rows into a table, in the place of those that have the same key."""
        row = f"({', '.join('?' * (columns.count(',') + 1))})"
        for begin in range(0, len(rows), _AT_ONCE):
            some = rows[begin : begin + _AT_ONCE]
            values = ", ".join([row] * len(some))
            self._connection.execute(
                f"INSERT OR REPLACE INTO {table} ({columns}) VALUES {values}", tuple(chain.from_iterable(some))
            )

    def prune(self, after: str, oldest: float, keep: int, goes_on: Callable[[], bool]) -> str | None:
        """Remove runs that began before ``oldest``, and of each automation all but the newest ``keep``; not its last
        result, nor what runs.

        :param after: the automations whose names follow this by the alphabet.
        :param goes_on: whether there is time for one more.
        :return: the name of the last; ``None`` if that was the last of all.
        """
        name: str | None = after
        with self._transaction(durable=False):
            while name is not None and goes_on():
                [name] = self._connection.execute("SELECT min(name) FROM run WHERE name > ?", (name,)).fetchone()
                self._connection.execute(_PRUNE, {"name": name, "oldest": oldest, "keep": keep})
        return name

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[None]:
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # Some errors have ended it already.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise


_row = attrgetter(*_COLUMNS.replace('"', "").split(", "))


def identity(path: Path) -> tuple[int, int]:
    """Which file has this name now.

    :raises OSError: if none has.
    """
    found = path.stat()
    return found.st_dev, found.st_ino


def is_damage(error: Exception) -> bool:
    """Whether this file can be of no more use; other troubles pass."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return isinstance(error, sqlite3.NotSupportedError) or code & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def set_aside(path: Path) -> Path:
    """Give a file another name, in the place of one that had it before; what SQLite keeps beside it goes along.

    :return: where it is now.
    :raises OSError: if it cannot be renamed.
    """
    aside = path.with_name(path.name + ".damaged")
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
    path.replace(aside)
    return aside
