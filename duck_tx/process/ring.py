"""The last lines of something, as many as there is room for, each with a number."""

from __future__ import annotations

from collections import deque
from itertools import islice
from sys import getsizeof
from typing import NamedTuple

__all__ = ["Lines", "Ring"]

LINES = 5000
"""How many lines are kept."""

SIZE = 1024 * 1024
"""Bytes of memory that they may take."""

LONGEST = 8192
"""Characters of a line; the rest of a longer one is left out."""

_CUT = " [...]"


class Lines(NamedTuple):
    """Some of the lines.

    :ivar texts: those, the oldest first.
    :ivar last: the number of the newest line that there is, whether it is among these or not; 0: there is none.
    :ivar missed: how many were asked for that are not kept any more.
    """

    texts: list[str]
    last: int
    missed: int


class Ring:
    """Keeps the last lines, and forgets the oldest.

    :param lines: how many at most.
    :param size: bytes of memory for them at most; the newest line is kept whatever it takes.
    :ivar last: the number of the newest line; the first that came was number 1.
    """

    def __init__(self, lines: int = LINES, size: int = SIZE) -> None:
        self._most = lines
        self._largest = size
        self._kept: deque[str] = deque()
        self._size = 0
        self.last = 0

    def add(self, line: str) -> None:
        """One more line."""
        if len(line) > LONGEST:
            line = line[:LONGEST] + _CUT
        self._kept.append(line)
        self.last += 1
        self._size += getsizeof(line)
        while len(self._kept) > self._most or (self._size > self._largest and len(self._kept) > 1):
            self._size -= getsizeof(self._kept.popleft())

    def newest(self, count: int) -> Lines:
        """So many lines, or all where there are fewer."""
        start = max(len(self._kept) - count, 0)
        return Lines(list(islice(self._kept, start, None)), self.last, 0)

    def after(self, number: int) -> Lines:
        """The lines that came after that one; all that are kept, if there never was one with this number."""
        if not 0 <= number <= self.last:
            number = 0
        wanted = self.last - number
        return Lines(self.newest(wanted).texts, self.last, max(wanted - len(self._kept), 0))
