"""The history as its thread sees it: what is on disk, and what could not be written so far."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from twisted.logger import Logger

from duck_tx.automations.agenda import Memory
from duck_tx.automations.database import Database, identity, is_damage, set_aside
from duck_tx.automations.record import Run, RunState, ended, kept, newest

__all__ = ["AGAIN", "MOST_OUTPUTS", "MOST_UNWRITTEN", "Store"]

_log = Logger()

T = TypeVar("T")

MOST_UNWRITTEN = 20_000
"""Runs that are kept in memory while they cannot be written."""

MOST_OUTPUTS = 1000
"""Beyond so many, they are kept without what they printed."""

AGAIN = 5.0
"""Seconds after which a file that could not be written is tried again."""

_SLICE = 0.01
"""Seconds that a piece of the pruning takes, as a run that is to begin may be waiting."""

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY}
"""Troubles that leave an open file as good as it was."""


class Store:
    """What is known of all runs, written as far as that is possible.

    Nothing here raises for what is wrong with the disk: the first trouble is a line in the log, and so is its end.
    All of it blocks, and belongs to one thread.

    :param path: the file.
    :param monotonic: the time, for the pause between two attempts.
    :ivar interrupted: the runs that had not ended when the file was opened.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._database: Database | None = None
        self._not_before = 0.0
        self._is_in_trouble = False
        self.interrupted: list[Run] = []
        self._memories: dict[str, Memory] = {}
        self._latest: dict[str, Run] = {}
        self._running: dict[int, Run] = {}
        self._skips: dict[str, Run] = {}
        self._unwritten: dict[int, Run] = {}
        self._unwritten_memories: dict[str, Memory] = {}

    def open(self, now: float) -> int:
        """Read what is there.

        :param now: seconds since the epoch.
        :return: a number that is greater than that of any run.
        """
        number = self._use(Database.last_number)
        self.write()
        # Where nobody knows what is in the file, it may yet become readable: that time goes on makes numbers greater.
        return int(now * 1000) if number is None else number + 1

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._not_before = 0.0
        self.write()
        self._drop()

    # What happens.

    def begin(self, runs: Sequence[Run], memories: Mapping[str, Memory]) -> None:
        """These runs begin, and this is remembered from now on."""
        for run in runs:
            self._skips.pop(run.name, None)
            self._put(run)
        self._remember(memories)
        # To begin twice would do harm; to leave out twice would not, and is no reason to wait for the disk.
        self.write(durable=bool(runs))

    def end(self, number: int, finished: float, state: RunState, error: str, output: str, status: int | None) -> None:
        """A run has ended; it is written with what comes next."""
        run = self._running.pop(number, None)
        if run is not None:
            self._put(kept(run.ended(finished, state, error, output, status)))

    def skip(self, number: int, name: str, due: float, why: str) -> None:
        """A run was left out; those in a row with the same reason are one."""
        before = self._skips.get(name)
        if before is not None and before.error == why:
            run = replace(before, finished=due, count=before.count + 1)
        else:
            run = kept(Run(number, name, due, started=due, finished=due, state="skipped", error=why))
        self._skips[name] = run
        self._put(run)

    def pause(self, name: str, paused: bool, now: float) -> None:
        """An automation is paused, or is no more.

        :param now: its anchor, if nothing is known of it.
        """
        known = self._memories.get(name) or Memory(anchor=now, last_due=None, paused=paused, count=0)
        self._remember({name: replace(known, paused=paused)})
        self.write(durable=True)

    def _put(self, run: Run) -> None:
        self._unwritten[run.number] = run
        if run.state == "running":
            self._running[run.number] = run
        elif ended(run) and (run.name not in self._latest or self._latest[run.name].number < run.number):
            self._latest[run.name] = replace(run, output="") if run.output else run

    def _remember(self, memories: Mapping[str, Memory]) -> None:
        self._memories.update(memories)
        self._unwritten_memories.update(memories)

    # What is known.

    @property
    def memories(self) -> dict[str, Memory]:
        """What is remembered of each automation, by its name."""
        return dict(self._memories)

    @property
    def latest(self) -> dict[str, Run]:
        """The last result of each automation, by its name, without its output."""
        return dict(self._latest)

    def runs(self, name: str, limit: int) -> list[Run]:
        """Those of an automation, the newest first."""
        self.write()
        found = self._use(lambda database: database.runs(name, limit)) or []
        by_number = {run.number: run for run in found}
        by_number.update((run.number, run) for run in self._unwritten.values() if run.name == name)
        return newest(by_number.values())[:limit]

    # The file.

    def write(self, *, durable: bool = False) -> None:
        """Write what is not written yet; where it cannot be, it stays for the next time.

        :param durable: it shall outlive a failure of the power supply, too.
        """
        if not self._unwritten and not self._unwritten_memories:
            return
        if self._monotonic() >= self._not_before:
            self._write(durable)
        if len(self._unwritten) > MOST_OUTPUTS:
            last = list(self._unwritten.items())[-MOST_UNWRITTEN:]
            self._unwritten = {number: replace(run, output="") for number, run in last}

    def _write(self, durable: bool) -> None:
        def save(database: Database) -> bool:
            database.save(self._unwritten.values(), self._unwritten_memories, durable=durable)
            return True

        try:
            if not self._use(save):
                return
        except Exception:
            # What the file cannot hold would keep all else from it for ever.
            _log.failure("automations: something in the history cannot be written, and is left out")
        self._unwritten.clear()
        self._unwritten_memories.clear()
        if self._is_in_trouble:
            self._is_in_trouble = False
            _log.info("automations: the history {path} is written again", path=self._path)

    def prune(self, oldest: float, keep: int) -> Iterator[None]:
        """Remove runs that began before ``oldest``, and of each automation all but the newest ``keep``, in pieces."""
        done: str | None = ""
        until = 0.0

        def prune(database: Database) -> str | None:
            return database.prune(done or "", oldest, keep, lambda: self._monotonic() < until)

        while done is not None:
            until = self._monotonic() + _SLICE
            done = self._use(prune)
            yield

    def _use(self, function: Callable[[Database], T]) -> T | None:
        """What ``function`` makes of the file; ``None`` if that cannot be used now."""
        # A second time with a new one, where the first is damaged.
        for _ in range(2):
            try:
                database = self._current()
                return None if database is None else function(database)
            except sqlite3.ProgrammingError:
                raise
            except (sqlite3.Error, OSError) as error:
                if not self._replaces(error):
                    break
        return None

    def _current(self) -> Database | None:
        """The file, open; ``None`` while one that could not be opened is left alone.

        :raises OSError: if it cannot be opened.
        :raises sqlite3.Error: if it cannot be used.
        """
        if self._database is not None and not self._is_there(self._database):
            _log.warn("automations: the history {path} was removed, a new one begins", path=self._path)
            self._start_over()
        if self._database is None and self._monotonic() >= self._not_before:
            self._adopt(Database(self._path))
        return self._database

    def _is_there(self, database: Database) -> bool:
        try:
            return identity(self._path) == database.identity
        except FileNotFoundError:
            return False

    def _adopt(self, database: Database) -> None:
        """Go on with a file that was just opened."""
        try:
            running, memories, latest = database.running(), database.memories(), database.latest()
        except BaseException:
            database.close()
            raise
        self._database = database
        self._memories = memories | self._memories
        self._latest = latest | self._latest
        for run in running:
            if run.number not in self._running and run.number not in self._unwritten:
                self.interrupted.append(replace(run, state="interrupted"))
                self._put(self.interrupted[-1])

    def _start_over(self) -> None:
        """Give the file up; what is known goes into the next one."""
        self._drop()
        self._unwritten = self._running | {run.number: run for run in self._latest.values()} | self._unwritten
        self._unwritten_memories = dict(self._memories)

    def _drop(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _replaces(self, error: Exception) -> bool:
        """Do what can be done about an error.

        :return: whether there is to be a new file, as this one can be of no more use.
        """
        reason = getattr(error, "strerror", None) or str(error)
        code = getattr(error, "sqlite_errorcode", None)
        if is_damage(error):
            self._start_over()
            try:
                aside = set_aside(self._path)
            except OSError as other:
                reason = f"{reason}, and it cannot be renamed: {other.strerror}"
            else:
                _log.error(
                    "automations: the history {path} is damaged ({reason}). It is {aside} now, and a new one begins:"
                    " runs before this are missing in it, and what was paused before the start may be no more.",
                    path=self._path,
                    reason=reason,
                    aside=aside,
                )
                return True
        elif code not in _PASSING:
            self._drop()
        self._not_before = self._monotonic() + AGAIN
        if not self._is_in_trouble:
            self._is_in_trouble = True
            _log.error(
                "automations: the history {path} cannot be used: {reason}. Automations run on; what becomes of them is"
                " kept in memory, and written when that works again.",
                path=self._path,
                reason=reason,
            )
        return False
