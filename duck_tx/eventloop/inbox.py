"""What other threads have for a thread that has more to do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

__all__ = ["TURN", "Inbox"]

_log = Logger()

TURN = 0.002
"""Seconds that anything here takes of a thread that others need, too; what is left waits for its next turn."""

_MANY = 100

_SOON = 0.02


class Inbox:
    """Calls that any thread may leave for one thread, which makes them in the order in which they came.

    Each way to wake a thread that waits for its sockets is a system call, in which the interpreter lock changes hands.
    So only the first of several calls does that; and thousands that come together are made in short turns.

    :param wake: has a function called on the thread; for any thread.
    """

    def __init__(self, wake: Callable[[Callable[[], None]], object]) -> None:
        self._wake = wake
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._taken = 0.0
        self._is_awake = False

    @property
    def is_behind(self) -> bool:
        """Whether many calls wait that will all be made soon, as those before them were."""
        return len(self._waiting) > _MANY and time.monotonic() - self._taken < _SOON

    def put(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have this called."""
        self._waiting.append((function, arguments))
        if not self._is_awake:
            self._is_awake = True
            try:
                self._wake(self._take)
            except RuntimeError:
                # A loop that is closed.
                self._is_awake = False
                raise

    def _take(self) -> None:
        # In this order: what comes from here on wakes again.
        self._is_awake = False
        waiting = self._waiting
        self._taken = time.monotonic()
        end = self._taken + TURN
        while waiting:
            function, arguments = waiting.popleft()
            try:
                function(*arguments)
            except Exception:
                _log.failure("what came from another thread failed")
            if waiting and time.monotonic() >= end:
                # What has come meanwhile has woken already.
                if not self._is_awake:
                    self._is_awake = True
                    self._wake(self._take)
                return
