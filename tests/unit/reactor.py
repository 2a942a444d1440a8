"""A reactor in memory that does what is handed to it from elsewhere when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.testing import MemoryReactorClock

__all__ = ["HandedOver"]


class HandedOver(MemoryReactorClock):
    """Twisted's, and ``callFromThread``: what is called that way waits for :meth:`turn`."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], object]] = []

    def callFromThread(self, function: Callable[..., object], *args: Any) -> None:
        """As the reactor's own; a signal handler may use it too."""
        self.waiting.append(lambda: function(*args))

    def turn(self) -> None:
        """Do what was handed over."""
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()
