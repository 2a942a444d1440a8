"""Whether more threads would get more done."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Saturation"]

_WINDOW = 0.01
_FULL = 0.9
_ONE_PROCESSOR = 1.1
_ROOM = 0.7
_STALE = 0.1


class Saturation:
    """Measures how much of one processor this process uses, which is what the interpreter lock allows to Python code.

    :ivar is_full: one processor was used whole when it was last measured.
    :param seconds: the time.
    :param used: the processor time of all threads of the process.
    """

    def __init__(
        self, seconds: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.process_time
    ) -> None:
        self.is_full = False
        self._seconds = seconds
        self._used = used
        self._since = float("-inf")
        self._used_before = 0.0

    def advice(self) -> int:
        """One thread more (1), fewer (-1), or as many as there are (0); asked often, it knows every ten milliseconds.

        Fewer, if the process uses one processor whole: then its threads only wait for each other.  If it uses more than
        one, they are at work outside the lock.
        """
        now = self._seconds()
        elapsed = now - self._since
        if elapsed < _WINDOW:
            return 0
        used = self._used()
        share = (used - self._used_before) / elapsed
        self._since, self._used_before = now, used
        # If nobody asked for long, it says nothing about now.
        is_fresh = elapsed < _STALE
        self.is_full = is_fresh and _FULL <= share <= _ONE_PROCESSOR
        if self.is_full:
            return -1
        return 1 if is_fresh and share < _ROOM else 0
