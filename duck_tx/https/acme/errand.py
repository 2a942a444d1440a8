"""Blocking work beside the reactor that can be given up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Abandoned", "Errand", "Pause"]

T = TypeVar("T")

Pause = Callable[[float], None]
"""Waits so many seconds, or until the work is given up.

:raises Abandoned: if it has been.
"""


class Abandoned(Exception):
    """Nobody waits for this work any more."""


class Errand(Generic[T]):
    """One call on a daemon thread of its own.

    The reactor's pool is not used: a reactor that stops waits for its threads, and an authority may take half a minute
    to not answer.  A process that ends does not wait for a daemon thread.

    :param reactor: told of the end.
    :param call: what to do; it is given a :data:`Pause`, and has to call it wherever it could stop.
    :ivar outcome: fires on the reactor thread with what ``call`` returns or raises.
    """

    def __init__(self, reactor: Any, call: Callable[[Pause], T], name: str) -> None:
        self.outcome: Deferred[T] = Deferred()
        self._reactor = reactor
        self._call = call
        self._is_given_up = threading.Event()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def give_up(self) -> None:
        """Have the call end as soon as it can."""
        self._is_given_up.set()

    def _pause(self, seconds: float) -> None:
        if self._is_given_up.wait(seconds):
            raise Abandoned

    def _work(self) -> None:
        result: T | Failure
        try:
            result = self._call(self._pause)
        except BaseException:
            result = Failure()
        self._reactor.callFromThread(self.outcome.callback, result)
