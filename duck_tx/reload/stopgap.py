"""What answers on the ports while there is no server: a browser would wait otherwise, and nobody know for what."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.protocol import connectionDone as connection_done
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.response import status_line
from duck_tx.reload.live import PREFIX
from duck_tx.reload.page import notice

__all__ = ["Stopgap", "answer"]

_log = Logger()
_BACKLOG = 128
_LONGEST_HEAD = 65_536
_HTML, _PLAIN = b"text/html; charset=utf-8", b"text/plain; charset=utf-8"

_TAG = f'<script src="{PREFIX}script.js" data-stamp="" defer></script>'
"""Its page is of no life of the server, so it loads again in the first."""


def answer(head: bytes, headline: str) -> bytes:
    """What is said to whoever sent this head; nothing to somebody who listens for changes, which are to come.

    :param headline: why there is no server.
    """
    path = head.partition(b" ")[2].partition(b" ")[0]
    if path == PREFIX.encode() + b"events":
        return b""
    if path == PREFIX.encode() + b"script.js":
        kind, status = b"text/javascript; charset=utf-8", 200
        body = Path(__file__).with_name("script.js").read_bytes()
    else:
        kind, status = (_HTML, 503) if b"text/html" in head.lower() else (_PLAIN, 503)
        body = notice(headline, _TAG).encode() if kind is _HTML else f"503 {headline}\n".encode()
    said = b"%bContent-Type: %b\r\nContent-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" % (
        status_line(status),
        kind,
        len(body),
    )
    return said if head.startswith(b"HEAD ") else said + body


class Stopgap:
    """Answers each request with why there is no server, until there is one.

    :param reactor: where.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._doors: list[_Door] = []
        self._visits: set[_Visit] = set()

    def open(self, descriptors: Iterable[int], headline: str) -> None:
        """Accept on these listening sockets, which stay the caller's.

        :param headline: what is said.
        """
        factory = Factory.forProtocol(lambda: _Visit(headline, self._visits))
        factory.noisy = False
        for number in descriptors:
            try:
                self._doors.append(_Door(self._reactor, socket.socket(fileno=os.dup(number)), factory))
            except OSError as error:
                _log.warn("nobody answers until then: {why}", why=error.strerror)

    def close(self) -> None:
        """Accept no more, and let go of those that wait for changes; who has yet to ask is still answered."""
        for door in self._doors:
            door.close()
        self._doors.clear()
        for visit in list(self._visits):
            visit.leave()


@implementer(IReadDescriptor)
class _Door:
    """Accepts on one socket, which is its own."""

    def __init__(self, reactor: Any, sock: socket.socket, factory: Any) -> None:
        self._reactor = reactor
        self._socket = sock
        self._factory = factory
        try:
            sock.setblocking(False)
            # The first server may have failed before it did so.
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        reactor.addReader(self)

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "stopgap"

    def doRead(self) -> None:
        """Somebody comes."""
        with suppress(OSError):
            client = self._socket.accept()[0]
            with client:
                client.setblocking(False)
                self._reactor.adoptStreamConnection(client.fileno(), client.family, self._factory)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has found that it cannot be read from."""
        self.close()

    def close(self) -> None:
        """Accept no more."""
        if self._socket.fileno() != -1:
            self._reactor.removeReader(self)
            self._socket.close()


class _Visit(Protocol):
    """One connection, with one request.

    :param living: holds it while it lasts.
    """

    def __init__(self, headline: str, living: set[_Visit]) -> None:
        self._headline = headline
        self._living = living
        self._head = b""
        self._listens = False

    @property
    def _connection(self) -> Any:
        return self.transport

    def connectionMade(self) -> None:
        """It begins."""
        self._living.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Answer as soon as it is known what is asked; what begins as TLS does is not answered."""
        before, self._head = self._head, self._head + data
        if b"\r\n\r\n" in before:
            return
        if self._head[:1] == b"\x16" or len(self._head) > _LONGEST_HEAD:
            self._connection.abortConnection()
        elif b"\r\n\r\n" in self._head:
            said = answer(self._head, self._headline)
            self._listens = not said
            if said:
                self._connection.write(said)
                self._connection.loseConnection()

    def leave(self) -> None:
        """End it, if it waits for changes."""
        if self._listens:
            self._connection.loseConnection()

    def connectionLost(self, reason: Failure = connection_done) -> None:
        """It is over."""
        self._living.discard(self)
