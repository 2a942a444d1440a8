"""The slot of one worker: whoever it is, whatever becomes of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.process.backoff import Backoff
from duck_tx.process.check import tell
from duck_tx.process.worker import Worker
from duck_tx.promise import follow, settled

__all__ = ["Slot"]

_log = Logger()

_SHORTEST_REST, _LONGEST_REST = 5.0, 600.0
"""Seconds between two workers where a new one takes as much memory as the one before."""


class Slot:
    """A slot keeps its number, its history, and at most one worker that serves.

    A successor starts beside the worker, and takes over when it is ready.  Who has been told to leave has no slot any
    more.

    :param clock: for delays.
    :param launch: starts a worker, for this slot, with or without the startup commands; raises ``OSError``.
    :param dismiss: has a worker leave whose slot is another's; fires when that accepts no more.
    :param draw: gives numbers from 0 up to 1.
    :param name: what a worker here is called, in a sentence.

    :ivar worker: who serves, or is about to; ``None`` between a failure and the next attempt.
    :ivar successor: who will.
    """

    def __init__(
        self,
        number: int,
        clock: IReactorTime,
        launch: Callable[[Slot, bool], Worker],
        dismiss: Callable[[Worker], Deferred[Any]],
        draw: Callable[[], float] = random.random,
        *,
        name: str = "",
    ) -> None:
        self.number = number
        self.name = name or f"worker {number}"
        self.worker: Worker | None = None
        self.successor: Worker | None = None
        self._clock = clock
        self._launch = launch
        self._dismiss = dismiss
        self._backoff = Backoff(draw=draw)
        self._in_vain = Backoff(base=_SHORTEST_REST, cap=_LONGEST_REST, draw=draw)
        self._next: IDelayedCall | None = None
        self._is_open = True
        self._rests_until = 0.0

    @property
    def age(self) -> float:
        """That of the worker, in seconds; 0 without one."""
        return 0.0 if self.worker is None else self.worker.age

    def workers(self) -> Iterator[Worker]:
        """Who is here."""
        for worker in (self.worker, self.successor):
            if worker is not None:
                yield worker

    def begin(self, *, runs_commands: bool = False) -> Worker:
        """Have a worker start here; if it cannot serve, that is the caller's to know.

        :raises ApplicationError: if there can be no new process.
        """
        try:
            self.worker = self._launch(self, runs_commands)
        except OSError as error:
            raise self._no_process(error) from error
        return self.worker

    def open(self) -> Deferred[None]:
        """Have a worker here from now on; fires when the first attempt has succeeded or failed."""
        self._next = None
        try:
            worker = self.begin()
        except ApplicationError as error:
            self._again(str(error), 0.0)
            decided: Deferred[None] = Deferred()
            decided.callback(None)
            return decided

        def look(_: None) -> None:
            # Whom this process or somebody else has asked to end meanwhile is none that failed.
            if worker.why_not and self._is_open and self.worker is worker:
                tell(ApplicationError(worker.why_not))

        return follow(worker.decided).addCallback(look)

    def _no_process(self, error: OSError) -> ApplicationError:
        where = f"{error.filename}: " if error.filename else ""
        return ApplicationError(f"{self.name} could not be started: {where}{error.strerror}.")

    def close(self) -> None:
        """Have none here any more: no other comes for one that ends."""
        self._is_open = False
        self._wait_no_more()

    # When one ends.

    def ended(self, worker: Worker) -> None:
        """A worker of this slot is gone."""
        if self._vacated(worker):
            self._again(f"{self.name}: {worker.ending}", worker.age)

    def left(self, worker: Worker) -> None:
        """A worker of this slot leaves, as somebody has asked it to."""
        if self._vacated(worker):
            _log.info("{name} was asked to end, replaced at once", name=self.name)
            self.open()

    def _vacated(self, worker: Worker) -> bool:
        """Take note that a worker serves here no more; whether another has to be started for it."""
        if self.successor is worker:
            self.successor = None
        if self.worker is not worker:
            return False
        self.worker = None
        return self._is_open and self.successor is None

    def _again(self, what: str, lived: float) -> None:
        """Say what happened, and start a worker when its time has come."""
        delay = self._backoff.failed(lived)
        failures = self._backoff.failures
        _log.warn(
            "{what} after {lived:.1f} s, replaced {when}{again}",
            what=what.removesuffix("."),
            lived=lived,
            when=f"in {delay:.1f} s" if delay else "at once",
            again=f" ({failures} failures in a row)" if failures > 1 else "",
        )
        self._next = self._clock.callLater(delay, self.open)

    def _wait_no_more(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    # When another is wanted.

    def overdue(self) -> str:
        """Why another has to take the slot; empty while the worker may stay."""
        if self.worker is None or self.successor is not None or self._clock.seconds() < self._rests_until:
            return ""
        return self.worker.overdue()

    async def replace(self, *, runs_commands: bool = False) -> None:
        """Have another worker serve here: the earlier one leaves when that is ready.

        :raises ApplicationError: if it cannot serve; the earlier one stays.
        """
        began = self._clock.seconds()
        try:
            successor = self.successor = self._launch(self, runs_commands)
        except OSError as error:
            self._give_way(began)
            raise self._no_process(error) from error
        await follow(successor.decided)
        if self.successor is not successor or successor.why_not or not self._is_open:
            why_not = successor.why_not or f"{self.name} was asked to end before it had begun."
            if self.successor is successor:
                self.successor = None
            if self._is_open:
                self._give_way(began)
            raise ApplicationError(why_not)
        self._wait_no_more()
        earlier, self.worker, self.successor = self.worker, successor, None
        if earlier is not None:
            await settled(self._dismiss(earlier))

    async def recycle(self) -> None:
        """Have another worker serve here, as it is time for the earlier one to go.

        Where that took too much memory as soon as it was there, so will the next: it may stay, every time for longer.

        :raises ApplicationError: as :meth:`replace`.
        """
        is_in_vain = self.worker is not None and self.worker.is_born_overdue
        await self.replace()
        self._rests_until = self._clock.seconds() + self._in_vain.failed(0.0 if is_in_vain else math.inf)

    def _give_way(self, began: float) -> None:
        """A successor has failed: the earlier worker goes on, or if it has ended by now, there is another attempt."""
        if self.worker is None and self._next is None:
            self._again(f"{self.name} could not be replaced", self._clock.seconds() - began)
        else:
            self._rests_until = self._clock.seconds() + self._backoff.failed(0.0)
