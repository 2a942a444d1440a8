"""What has been run, and what is remembered of each automation: kept on disk, by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.automations.agenda import Memory
from duck_tx.automations.record import Begin, Run, RunState
from duck_tx.automations.store import Store
from duck_tx.automations.writer import Writer

__all__ = ["HISTORY", "LAST_WORDS", "PATIENCE", "WITHIN", "History"]

_log = Logger()

T = TypeVar("T")

HISTORY = "automations.sqlite3"
"""The name of its file in the state directory."""

WITHIN = 0.2
"""Seconds after which it is written at the latest how a run ended."""

PATIENCE = 2.0
"""Seconds that a run waits to be written before it begins; after that the disk is too slow for it."""

LAST_WORDS = 5.0
"""Seconds that closing the file may take."""

_DAY = 86400


class History:
    """The runs of all automations, and what is remembered of each.

    A disk that is full, slow or read-only, or a damaged file, keeps no run from beginning and ends no schedule: what
    could not be written is kept in memory, and written when that works again.

    Ask nothing before it is open; what is told it once it is closed is forgotten.

    :param reactor: for answers, and for time.
    :param path: the file, made if there is none.
    :param keep_days: days that a run is kept; the last result of each automation is kept longer.
    :param keep_runs: runs of each automation that are kept.
    """

    def __init__(self, reactor: Any, path: Path, *, keep_days: float, keep_runs: int) -> None:
        self._reactor = reactor
        self._keep_days = keep_days
        self._keep_runs = keep_runs
        self._store = Store(path)
        self._writer = Writer(reactor, "duck-automations-history", self._store.write, WITHIN)
        self._is_open = False
        self._is_slow = False
        self._next = 1

    def open(self) -> Deferred[None]:
        """Read what is there; fires when the rest can be asked, and does not fail."""

        def opened(number: int) -> None:
            self._next = number

        now = self._reactor.seconds()
        self._is_open = True
        self._writer.start()
        return self._writer.ask(lambda: self._store.open(now)).addCallback(opened)

    def close(self) -> Deferred[None]:
        """Write what is left; fires when the file is closed, or when a disk that does not answer is left to itself."""
        if not self._is_open:
            return succeed(None)
        self._is_open = False
        closed = self._in_time(self._writer.ask(self._store.close), LAST_WORDS, "the end of the history is lost")
        self._writer.stop()
        return closed

    def memories(self) -> Deferred[dict[str, Memory]]:
        """What is remembered of each automation, by its name."""
        return self._ask(lambda: self._store.memories, {})

    def interrupted(self) -> Deferred[list[Run]]:
        """The runs that had begun and not ended when the history was opened; they are ``interrupted`` by now."""
        return self._ask(lambda: list(self._store.interrupted), [])

    def begin(self, runs: Sequence[Begin], memories: Mapping[str, Memory]) -> Deferred[list[int]]:
        """Write that runs begin and what is remembered from now on, all or nothing.

        :return: a number for each of the runs, when they may begin: it is written, or it is clear that it cannot be.
        """
        numbers = list(range(self._next, self._next + len(runs)))
        self._next += len(runs)
        if not self._is_open:
            return succeed(numbers)
        # What is handed in may change before the thread comes to it.
        begins, remembered = list(runs), dict(memories)

        def write() -> None:
            self._store.begin(
                [
                    Run(number, each.name, each.due, each.started, None, each.attempt, each.by)
                    for number, each in zip(numbers, begins, strict=True)
                ],
                remembered,
            )

        written = self._writer.ask(write)
        return self._in_time(written, PATIENCE, "runs begin before that is written").addCallback(lambda _: numbers)

    def end(
        self,
        number: int,
        finished: float,
        *,
        state: RunState,
        error: str = "",
        output: str = "",
        status: int | None = None,
    ) -> None:
        """Write how a run ended, within :data:`WITHIN` seconds.

        :param finished: seconds since the epoch.
        """
        if self._is_open:
            self._writer.post(self._store.end, number, finished, state, error, output, status)

    def skipped(self, name: str, due: float, why: str) -> None:
        """Write that a run was left out; those in a row with the same reason become one.

        :param due: when it was to begin, in seconds since the epoch.
        """
        number, self._next = self._next, self._next + 1
        if self._is_open:
            self._writer.post(self._store.skip, number, name, due, why)

    def runs(self, name: str, limit: int) -> Deferred[list[Run]]:
        """The runs of an automation, the newest first."""
        return self._ask(lambda: self._store.runs(name, limit), [])

    def latest(self) -> Deferred[dict[str, Run]]:
        """The last result of each automation, by its name, without its output."""
        return self._ask(lambda: self._store.latest, {})

    def pause(self, name: str, paused: bool) -> Deferred[None]:
        """Remember that an automation is paused, or is no more."""
        now = self._reactor.seconds()
        return self._ask(lambda: self._store.pause(name, paused, now), None)

    def prune(self, now: float) -> Deferred[None]:
        """Remove what is old, or too much; what else is asked or told meanwhile need not wait for that.

        :param now: seconds since the epoch.
        """
        return Deferred.fromCoroutine(self._prune(now - self._keep_days * _DAY))

    async def _prune(self, oldest: float) -> None:
        pieces = self._store.prune(oldest, self._keep_runs)
        is_more = True
        while is_more:
            is_more = await self._ask(lambda: next(pieces, self) is not self, False)

    def _ask(self, function: Callable[[], T], otherwise: T) -> Deferred[T]:
        return self._writer.ask(function) if self._is_open else succeed(otherwise)

    def _in_time(self, answer: Deferred[None], seconds: float, otherwise: str) -> Deferred[None]:
        """Fires with the answer, which is not waited for beyond so many seconds.

        :param otherwise: what becomes of it then, for the log.
        """

        def give_up() -> None:
            if not self._is_slow:
                self._is_slow = True
                _log.warn(
                    "automations: the disk of the history has not answered for {seconds:g} s; {otherwise}",
                    seconds=seconds,
                    otherwise=otherwise,
                )
            answer.callback(None)

        def answered(result: Failure | None) -> None:
            if isinstance(result, Failure):
                _log.failure("automations: the history failed", failure=result)
            if late.active():
                late.cancel()
                self._is_slow = False

        late = self._reactor.callLater(seconds, give_up)
        return answer.addBoth(answered)
