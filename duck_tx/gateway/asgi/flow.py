"""How far the two ends of an ASGI call may be apart: what one has given, and the other taken.

Where the event loop has a thread of its own, each number and each flag here is written by one thread and read by the
other: whoever waits says so first and looks once more then, so that no news is missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from duck_tx.eventloop.bridge import Bridge

__all__ = ["AHEAD", "Inflow", "Outflow"]

AHEAD = 65_536
"""Bytes that either end may be ahead of the other."""

_MANY = 64
"""Messages that may wait for the application, however small."""

T = TypeVar("T", str, bytes)


class Outflow:
    """What an application sends, on its way to a client.

    A piece is taken when the client's connection has room for the next one.

    :ivar ahead: bytes that the application may be ahead.
    """

    __slots__ = ("_bridge", "_given", "_passed", "_room", "_taken", "_waits", "ahead", "is_blocked")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._given = self._passed = self._taken = 0
        self._waits = False
        self._room: asyncio.Event | None = None
        self.ahead = AHEAD
        self.is_blocked = False

    # On the loop.

    def give(self, size: int) -> None:
        """So many bytes are on their way."""
        self._given += size

    @property
    def is_full(self) -> bool:
        """Whether who gives more has to wait."""
        return self._given - self._taken >= self.ahead

    async def room(self) -> None:
        """Wait until there is room for more, or nobody takes anything any more."""
        room = self._room
        if room is None:
            room = self._room = asyncio.Event()
        while self.is_full:
            room.clear()
            self._waits = True
            if not self.is_full:
                break
            await room.wait()

    # On the reactor thread.

    def take(self, size: int) -> None:
        """So many bytes are with the connection."""
        self._passed += size
        if not self.is_blocked:
            self._taken = self._passed
            if self._waits:
                self._accept()

    def block(self) -> None:
        """The client must read first."""
        self.is_blocked = True

    def unblock(self) -> None:
        """The client has read."""
        self.is_blocked = False
        self._accept()

    def open(self) -> None:
        """Nobody takes anything more, so nobody is to wait either."""
        self._passed = 2**62
        self.unblock()

    def _accept(self) -> None:
        self._taken = self._passed
        if self._waits:
            self._waits = False
            self._bridge.enter(self._tell)

    def _tell(self) -> None:
        if self._room is not None:
            self._room.set()


class Inflow(Generic[T]):
    """What a client sends, on its way to an application.

    :ivar pieces: those that wait for it.
    """

    __slots__ = ("_bridge", "_given", "_hearers", "_taken", "_waits", "pieces")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.pieces: deque[T] = deque()
        self._given = self._taken = 0
        self._waits = False
        self._hearers: list[asyncio.Future[None]] = []

    # On the reactor thread.

    def put(self, piece: T) -> bool:
        """One more has come; whether there are so many now that the client has to wait."""
        self._given += len(piece)
        self.pieces.append(piece)
        if self._waits:
            self._waits = False
            self._bridge.enter(self.wake)
            return False
        return self.is_full

    @property
    def is_full(self) -> bool:
        """Whether the client has to wait for the application."""
        return self._given - self._taken >= AHEAD or len(self.pieces) >= _MANY

    def tell(self) -> None:
        """There is news for who waits on the loop."""
        if self._waits:
            self._waits = False
            self._bridge.enter(self.wake)

    # On the loop.

    def wake(self) -> None:
        """Have who waits look again."""
        hearers, self._hearers = self._hearers, []
        for each in hearers:
            if not each.done():
                each.set_result(None)

    def news(self) -> asyncio.Future[None]:
        """What ends when there is news.  To be called before a last look for what has come in between, which nobody
        tells any more."""
        if self._hearers:
            # Who gave up waiting leaves what it waited for.
            self._hearers = [each for each in self._hearers if not each.done()]
        future = self._bridge.loop.create_future()
        self._hearers.append(future)
        self._waits = True
        return future

    def taken(self, size: int) -> None:
        """The application has so many bytes more."""
        self._taken += size
