"""Calling the application on the reactor thread itself, several requests in a row."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

__all__ = ["ReactorTurns"]

_log = Logger()

_CALLS_AT_ONCE = 16
_SECONDS_AT_ONCE = 0.004


class ReactorTurns:
    """What :class:`~duck_tx.gateway.threads.GatewayThreads` and its outbox are, without threads.

    The requests that are read in one turn of the reactor are called for in a row in the next, and their responses leave
    together after that; only the pieces of streamed responses leave at once.  One after the other, server and
    application would push each other out of the processor's caches: in rows of 16, a small Django page with everything
    around it takes a sixth less time.  A row ends after four milliseconds, so that no response waits longer for others.

    :param clock: gives the turns.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._call_later = clock.callLater
        self._queue: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._posted: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._in_turn = False
        self._due = False

    @property
    def waiting(self) -> int:
        """Calls that have not begun."""
        return len(self._queue)

    def callInThread(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function`` called in the next turn."""
        self._queue.append((function, args))
        self._next_turn()

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function`` called after this row of calls."""
        self._posted.append((function, args))
        if not self._in_turn:
            self._next_turn()

    later = post

    def now(self, function: Callable[..., object], *args: Any) -> None:
        """Call ``function``: a piece of a response has to be on its way before the application makes the next."""
        function(*args)

    def _next_turn(self) -> None:
        if not self._due:
            self._due = True
            self._call_later(0, self._turn)

    def _turn(self) -> None:
        self._due = False
        self._in_turn = True
        try:
            until = time.monotonic() + _SECONDS_AT_ONCE
            for _ in range(min(len(self._queue), _CALLS_AT_ONCE)):
                _call(self._queue)
                if time.monotonic() > until:
                    break
            for _ in range(len(self._posted)):
                _call(self._posted)
        finally:
            self._in_turn = False
            if self._queue or self._posted:
                self._next_turn()


def _call(calls: deque[tuple[Callable[..., object], tuple[Any, ...]]]) -> None:
    function, args = calls.popleft()
    try:
        function(*args)
    except Exception:
        _log.failure("a call of the gateway failed")
