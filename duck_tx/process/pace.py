"""So many a second, and no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Pace"]

_T = TypeVar("_T")


class Pace(Generic[_T]):
    """Hands on what it is given, in order and at a bounded rate.  While something waits, its source is paused, so what
    waits is bounded too.

    :param clock: for the time.
    :param rate: how many in a second.
    :param hand_on: called with each.
    :param pause: called when there is more than can be handed on now.
    :param resume: called when that is no longer so.
    """

    def __init__(
        self,
        clock: IReactorTime,
        rate: int,
        hand_on: Callable[[_T], object],
        *,
        pause: Callable[[], object],
        resume: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._hand_on = hand_on
        self._pause = pause
        self._resume = resume
        self._waiting: deque[_T] = deque()
        self._left = 0
        self._until = clock.seconds()
        self._late: IDelayedCall | None = None

    def put(self, items: Iterable[_T]) -> None:
        """Hand these on, now or later."""
        self._waiting.extend(items)
        if self._late is not None:
            return
        self._pass()
        if self._waiting:
            self._pause()
            self._wait()

    def end(self) -> int:
        """Hand on what a second more would allow, and forget the rest: how many those were."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
            self._until = self._clock.seconds()
        self._pass()
        forgotten = len(self._waiting)
        self._waiting.clear()
        return forgotten

    def _wait(self) -> None:
        self._late = self._clock.callLater(max(0.0, self._until - self._clock.seconds()), self._go_on)

    def _go_on(self) -> None:
        self._late = None
        self._pass()
        if self._waiting:
            self._wait()
        else:
            self._resume()

    def _pass(self) -> None:
        now = self._clock.seconds()
        if now >= self._until:
            self._left, self._until = self._rate, now + 1.0
        while self._waiting and self._left:
            self._left -= 1
            self._hand_on(self._waiting.popleft())
