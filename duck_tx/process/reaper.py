"""Process 1 of a container: children whose parents have ended become its own, and somebody has to collect them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

__all__ = ["ReaperService", "is_init"]

_log = Logger()
_THIS_THREAD = 0x20000000
"""__WNOTHREAD of wait(2): children of the calling thread only."""

_INTERVAL = 10.0
"""Seconds between two looks; one who started a process has this long at least to ask how it ended."""


def is_init() -> bool:
    """Whether this process is the first of a container, to whom orphans fall."""
    return sys.platform == "linux" and os.getpid() == 1


class ReaperService(Service):
    """Collects orphans that have ended, and leaves alone what somebody here started.

    To the system an orphan is a child as any other.  Four facts keep them apart: orphans fall to the main thread,
    whereas what another thread started stays with that thread; Twisted knows its own processes; an object of
    :mod:`subprocess` or :mod:`multiprocessing` says which process it waits for; and whoever called ``os.fork`` waits
    for the end, so a child that has ended and is still there at a second look has nobody.

    It has to run on the main thread, as reactors do, and on Linux.

    :param clock: for the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._seen: set[int] = set()
        self._next: Any = None

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._next = self._clock.callLater(_INTERVAL, self._look)

    def stopService(self) -> None:
        """Look no more: what is left ends with the container."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._seen.clear()

    def _look(self) -> None:
        self._next = self._clock.callLater(_INTERVAL, self._look)
        ended = set(_ended())
        again = ended & self._seen
        self._seen = ended
        if not again:
            return
        for pid in again - _awaited():
            # Whoever asked first has it.
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
                _log.debug("collected the orphan {pid}", pid=pid)


def _ended() -> Iterator[int]:
    """Ended children of the main thread, without collecting them."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT | _THIS_THREAD
    try:
        if os.waitid(os.P_ALL, 0, options) is None:
            return
    except ChildProcessError:
        return
    # The system would name the same one again and again, so they are asked for one by one.
    for name in os.listdir("/proc"):
        if name.isdecimal():
            # Most are no children of ours.
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, int(name), options) is not None:
                    yield int(name)


def _awaited() -> set[int]:
    """Processes that somebody here started and may still ask for."""
    from twisted.internet.process import reapProcessHandlers

    pids = set(reapProcessHandlers)
    popen: dict[type, bool] = {}
    for each in gc.get_objects():
        # Not isinstance(): that asks lazy objects of Django what they are, which loads them.
        kind = type(each)
        if kind not in popen:
            popen[kind] = any(base.__name__ == "Popen" for base in kind.__mro__)
        # One that could not start has neither.
        if popen[kind] and getattr(each, "returncode", 0) is None:
            pids.add(getattr(each, "pid", 0))
    return pids
