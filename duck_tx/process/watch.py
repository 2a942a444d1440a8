"""The watch over worker processes: a look at each of them, again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duck_tx.process.tenure import between_looks

__all__ = ["Watch"]


class Watched(Protocol):
    """A worker."""

    def passed(self, seconds: float) -> None:
        """So much time has passed since the last look."""


class Watch:
    """Tells workers how much time has passed, so that who is silent for too long is given up.

    :param clock: for the time.
    :param limit: gives the seconds of silence that are too many, as they are now.
    :param workers: gives those there are.
    :param looked: called after each look.
    """

    def __init__(
        self,
        clock: IReactorTime,
        limit: Callable[[], float],
        workers: Callable[[], Iterable[Watched]],
        looked: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._workers = workers
        self._looked = looked
        self._last = 0.0
        self._next: IDelayedCall | None = None

    def begin(self) -> None:
        """Look from now on."""
        self._last = self._clock.seconds()
        self._look_later()

    def end(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look_later(self) -> None:
        self._next = self._clock.callLater(between_looks(self._limit()), self._look)

    def _look(self) -> None:
        now = self._clock.seconds()
        elapsed, self._last = now - self._last, now
        # First of all: whatever fails below, the next look comes.
        self._look_later()
        for worker in self._workers():
            worker.passed(elapsed)
        self._looked()
