"""A system clock that is set, by a person or by the network, while somebody waits for a time to come."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["Jumps", "SetClock", "timer_descriptor"]

_REALTIME = 0
_ABSOLUTE, _CANCEL_ON_SET = 1, 2
_NEVER = struct.pack("qqqq", 0, 0, 1 << 32, 0)
"""A ``struct itimerspec`` for a moment that nobody lives to see."""


class Jumps:
    """By how much the clock has been set.

    :param wall: the time of day, in seconds since the epoch.
    :param monotonic: seconds since some moment, whatever becomes of the clock; it may stand still while the machine
        sleeps, which then counts as a jump.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def since(self) -> float:
        """Seconds that the clock has been put forward by since the last look; negative if it was put back."""
        earlier, self._offset = self._offset, self._wall() - self._monotonic()
        return self._offset - earlier


@implementer(IReadDescriptor)
class SetClock:
    """Tells at once when the clock of the system has been set; timers of the reactor count by that clock, so that one
    put back keeps all of them waiting.

    :param reactor: waits for it.
    :param descriptor: of a timer that is cancelled then, closed here; see :func:`timer_descriptor`.
    :param told: called when it has been.
    """

    def __init__(self, reactor: Any, descriptor: int, told: Callable[[], object]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._told = told
        reactor.addReader(self)

    def fileno(self) -> int:
        """That of the timer; -1 when it is closed."""
        return self._descriptor

    def logPrefix(self) -> str:
        """What the reactor calls this."""
        return "clock"

    def doRead(self) -> None:
        """The clock has been set."""
        # Reading is what says so, with an error, and makes the timer wait for the next time.
        with suppress(OSError):
            os.read(self._descriptor, 8)
        self._told()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is done with it."""
        self.stop()

    def stop(self) -> None:
        """Listen no more."""
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1


def timer_descriptor() -> int | None:
    """A timer that becomes readable when the clock is set (``timerfd_create(2)``, TFD_TIMER_CANCEL_ON_SET); ``None``
    where the system has none: there a jump is noticed at the next due time."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.timerfd_create(_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    if library.timerfd_settime(descriptor, _ABSOLUTE | _CANCEL_ON_SET, _NEVER, None):
        os.close(descriptor)
        return None
    return descriptor
