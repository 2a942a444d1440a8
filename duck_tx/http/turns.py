"""Whose turn it is to accept a connection, where several processes listen on the same socket.

The system wakes all of them for each connection, and has no idea which is the busiest: left to themselves, the first to
be awake would take whatever comes.  So each writes down how many connections it has, in memory that all of them see,
and whoever has more than another leaves the next connection to that one.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.tcp import Server
from twisted.python.failure import Failure

__all__ = ["Board", "InTurn", "Turns", "counted"]

_MOST = 2048
"""Processes that there is room for."""

_PATIENCE = 0.002
"""Seconds that a connection is left to those who have fewer."""

_BOLDEST = 64
"""Connections that are taken without waiting again, where it has been in vain time after time."""


class Board:
    """Memory that several processes see: how many of its cells are in use, then these.

    A cell has the number of one process's connections and 1, or 0 where there is no process.

    :ivar descriptor: for others, whose board is then the same.
    :ivar cells: the first says how many follow.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, 4 * (_MOST + 1))
        self._bytes = memoryview(self._memory)
        self.cells = self._bytes.cast("I")

    @classmethod
    def make(cls) -> Board:
        """A new one, which no other process sees yet."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("duck-turns")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, 4 * (_MOST + 1))
        return cls(descriptor)

    def use(self, cell: int) -> None:
        """Have everybody look at this cell, too."""
        self.cells[0] = max(self.cells[0], cell)
        self.cells[cell] = 0

    def close(self) -> None:
        """Look at it no more."""
        self.cells.release()
        self._bytes.release()
        self._memory.close()
        os.close(self.descriptor)


class Turns:
    """What one process says, and sees of the others.

    :param board: where.
    :param cell: its own.
    """

    def __init__(self, board: Board, cell: int) -> None:
        self._cells = board.cells
        self._cell = cell
        self._connections = 0
        self._takes_part = False

    def join(self) -> None:
        """Accept from now on."""
        self._takes_part = True
        self.count(0)

    def leave(self) -> None:
        """Accept no more."""
        self._takes_part = False
        self._cells[self._cell] = 0

    def count(self, more: int) -> None:
        """Say that there are so many more connections here, or fewer."""
        self._connections += more
        if self._takes_part:
            self._cells[self._cell] = self._connections + 1

    def is_ours(self) -> bool:
        """Whether nobody has clearly fewer connections."""
        own = self._cells[self._cell]
        fewest = min(filter(None, self._cells[1 : self._cells[0] + 1]), default=own)
        return own <= fewest + 1 + own // 16


def counted(kind: type[Server], turns: Turns) -> type[Server]:
    """Transports of this kind that are counted, from the moment that they are accepted."""

    class Counted(kind):  # type: ignore[misc, valid-type]
        is_counted = False

        def __init__(self, *about: Any) -> None:
            super().__init__(*about)
            self.is_counted = True
            turns.count(1)

        def connectionLost(self, reason: Failure) -> None:
            if self.is_counted:
                self.is_counted = False
                turns.count(-1)
            super().connectionLost(reason)

    return Counted


class InTurn:
    """Accepts for a port whenever it is this process's turn.

    :param clock: for the time.
    :param port: a ``twisted.internet.tcp.Port``.
    """

    def __init__(self, clock: Any, port: Any, turns: Turns) -> None:
        self._clock = clock
        self._port = port
        self._turns = turns
        self._accept = port.doRead
        self._boldness = self._left = 0
        self._later: IDelayedCall | None = None
        port.doRead = self._do_read

    def _do_read(self) -> None:
        if self._turns.is_ours():
            self._boldness = self._left = 0
            self._take_one()
        elif self._left:
            self._left -= 1
            self._take_one()
        else:
            self._port.stopReading()
            self._later = self._clock.callLater(_PATIENCE, self._look_again)

    def _take_one(self) -> None:
        # Twisted would take all that queue.
        self._port.numberAccepts = 1
        self._accept()

    def _look_again(self) -> None:
        """Take what nobody else has taken."""
        self._later = None
        self._port.startReading()
        before = self._port.sessionno
        self._take_one()
        if self._port.sessionno != before:
            # Whoever has fewer connections is too busy to come, or is stuck.
            self._boldness = min(2 * self._boldness + 1, _BOLDEST)
            self._left = self._boldness

    def stop(self) -> None:
        """Leave nothing to others any more."""
        self._port.doRead = self._accept
        if self._later is not None:
            self._later.cancel()
            self._later = None
