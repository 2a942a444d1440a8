"""A server behind the proxy that the tests play: it answers with the bytes that it is told to, good or bad."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["CLOSE", "HALF_CLOSE", "RESET", "FarConnection", "FarServer", "Step"]

CLOSE, HALF_CLOSE, RESET = "close", "half-close", "reset"

_TURNS = 4

Step = bytes | str
"""Bytes to send, or an end of the connection."""


class FarConnection(Protocol):
    """One connection of the proxy's.

    :ivar received: all that has come.
    :ivar requests: whole heads among it that were answered.
    :ivar ended_well: the proxy has closed it, and not cut it.
    """

    transport: Any
    ended_well = False

    def __init__(self, server: FarServer) -> None:
        self._server = server
        self.received = b""
        self.requests: list[bytes] = []
        self._unread = b""
        self._next: Any = None
        self.closed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        with suppress(OSError):
            # A Unix socket has no such option.
            self.transport.setTcpNoDelay(True)
        self._server.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._server.tell()
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n") + 4) > 3:
            head, self._unread = self._unread[:end], self._unread[end:]
            if head[:1].isalpha():
                self.requests.append(head)
                self._server.answer(self, head)

    def play(self, *steps: Step) -> None:
        """Do these steps, each in a segment of its own."""
        self._next = None
        if not steps:
            return
        step, *rest = steps
        if isinstance(step, bytes):
            self.transport.write(step)
            if rest:
                self._wait(_TURNS, rest)
        elif step == CLOSE:
            self.transport.loseConnection()
        elif step == HALF_CLOSE:
            self.transport.loseWriteConnection()
        else:
            self.transport.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abortConnection()

    def _wait(self, turns: int, rest: list[Step]) -> None:
        """Let a proxy in this process read what was sent; for one in another there is the pause."""
        seconds = self._server.pause
        if seconds or not turns:
            self._next = self._server.reactor.callLater(seconds, self.play, *rest)
        else:
            self._next = self._server.reactor.callLater(0, self._wait, turns - 1, rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._next is not None:
            self._next.cancel()
        self.ended_well = isinstance(reason.value, ConnectionDone)
        self.closed.callback(None)
        self._server.tell()


class FarServer(Factory):
    """Listens on a free port.

    :ivar connections: all that there were.
    :ivar pause: seconds between two steps; 0: some turns of the reactor.
    :ivar scripts: the steps for the next requests, by the path that they ask for.
    :ivar answer: called with each request's head; plays the script.
    """

    noisy = False
    pause = 0.0

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.connections: list[FarConnection] = []
        self.scripts: dict[bytes, tuple[Step, ...]] = {}
        self.answer: Callable[[FarConnection, bytes], None] = self._play
        self._waiting: list[tuple[Callable[[], object], Deferred[None]]] = []
        self._listening = reactor.listenTCP(0, self, interface="127.0.0.1")

    @property
    def port(self) -> int:
        port: int = self._listening.getHost().port
        return port

    def buildProtocol(self, addr: Any) -> FarConnection:
        return FarConnection(self)

    def _play(self, connection: FarConnection, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        connection.play(*self.scripts.get(path, ()))

    def tell(self) -> None:
        """Something has happened."""
        for fact, seen in self._waiting[:]:
            if fact():
                self._waiting.remove((fact, seen))
                seen.callback(None)

    def until(self, fact: Callable[[], object]) -> Deferred[None]:
        """Fires when something has happened that makes ``fact()`` true."""
        seen: Deferred[None] = Deferred()
        self._waiting.append((fact, seen))
        self.tell()
        return seen

    async def stop(self) -> None:
        """Stop listening, cut all connections."""
        stopped = self._listening.stopListening()
        if stopped is not None:
            await stopped
        for connection in self.connections:
            if not connection.closed.called:
                connection.transport.abortConnection()
                await connection.closed
