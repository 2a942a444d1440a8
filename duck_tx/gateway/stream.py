"""A response body that an application makes bit by bit, between its thread and the connection."""

from __future__ import annotations

import threading
from collections import deque

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from duck_tx.gateway.outbox import Postbox
from duck_tx.gateway.spool import Spool
from duck_tx.http.request import Request
from duck_tx.http.response import Block

__all__ = ["ClientGone", "ResponseStream"]

_log = Logger()
_EVENTS = b"\r\ncontent-type: text/event-stream"
_PIECE = 65_536
_AT_ONCE = 262_144
"""Bytes for one turn of the reactor, so that a quick reader of a long spool leaves other clients their turn."""


class ClientGone(Exception):
    """Nobody is there any more to take the response."""


@implementer(IPushProducer)
class ResponseStream:
    """Takes pieces on a gateway thread, sends them on the reactor thread.

    Pieces wait in memory, beyond ``memory`` bytes in a temporary file; when that holds ``spool`` bytes, :meth:`put`
    waits for the client, so a thread is held only by a response whose rest is larger than both.

    :param memory: bytes; a single piece is kept in memory even if it is larger, as that is where it is.
    :param spool: bytes; 0 for no temporary file.
    """

    def __init__(self, request: Request, outbox: Postbox, memory: int, spool: int) -> None:
        self._request = request
        self._outbox = outbox
        self._memory = memory
        self._limit = spool
        self._room = threading.Condition(threading.Lock())
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._spool: Spool | None = None
        self._spooling = False
        self._ended = False
        self._broken = False
        self._gone = False
        self._due = False
        self._paused = False

    # On the gateway thread.

    @property
    def is_gone(self) -> bool:
        """Whether nobody takes anything more."""
        return self._gone

    def put(self, data: bytes) -> None:
        """Send a piece.

        :raises ClientGone: when the client has left, or is cut off because there is no room on the disk.
        """
        if not data:
            return
        if not self._keep(data):
            try:
                self._put_in_spool(data)
            except OSError as error:
                _log.error(
                    "{asked}: the response was cut off, as it could not be spooled: {error}",
                    asked=self._request.asked, error=error,
                )  # fmt: skip
                self.fail()
                raise ClientGone from None
        self._schedule()

    def _keep(self, data: bytes) -> bool:
        """Keep a piece in memory, if it may be; the order is that of memory, then spool."""
        with self._room:
            while not self._gone:
                spooled = self._spool is not None and self._spool.waiting
                if not spooled and (not self._pieces or self._held + len(data) <= self._memory):
                    self._pieces.append(data)
                    self._held += len(data)
                    return True
                if self._limit:
                    return False
                self._room.wait()
            raise ClientGone

    def _put_in_spool(self, data: bytes) -> None:
        spool = self._spool
        if spool is None:
            spool = self._spool = Spool(self._limit)
        left = memoryview(data)
        while left:
            with self._room:
                while spool.full and not self._gone:
                    self._room.wait()
                if self._gone:
                    self._close()
                    raise ClientGone
                self._spooling = True
            try:
                # Beside the lock: the reactor never waits for the disk to take what a thread writes.
                left = left[spool.write(left) :]
            finally:
                with self._room:
                    self._spooling = False
                    if self._gone:
                        self._close()
            self._schedule()

    def end(self) -> None:
        """There are no more pieces."""
        self._ended = True
        self._schedule()

    def fail(self) -> None:
        """The application failed half-way: the client must not take the response for whole."""
        if not self._ended:
            self._broken = True
            self._schedule()

    def _schedule(self) -> None:
        if not self._due and not self._paused:
            self._due = True
            self._outbox.now(self._flush)

    # On the reactor thread.

    def begin(self, line: bytes, code: int, block: Block, alone: bool) -> None:
        """Begin the response; what is put follows, and the head does not wait for it if it goes ``alone``."""
        self._request.begin(line, code, block)
        if alone:
            self._request.write(b"")
        self._request.registerProducer(self, True)
        if not self._gone and _EVENTS in b"\r\n" + block.lines.lower():
            self._request.site.end_at_farewell(self._say_farewell)

    def _say_farewell(self) -> None:
        """The server stops, which alone ends a stream of events."""
        if not self._gone:
            self._flush()
        if not self._gone:
            self.abandon()
            self._request.unregisterProducer()
            self._request.finish()

    def _flush(self) -> None:
        self._due = False
        room = _AT_ONCE
        while not self._paused and not self._gone:
            broken, ended = self._broken, self._ended
            try:
                data = self._next()
            except OSError as error:
                _log.error(
                    "{asked}: the response was cut off, as its spool could not be read: {error}",
                    asked=self._request.asked, error=error,
                )  # fmt: skip
                data, broken = b"", True
            if data:
                self._request.write(data)
                room -= len(data)
                if room <= 0 and not self._paused and self._waiting:
                    self._due = True
                    self._outbox.later(self._flush)
                    return
            elif broken:
                self.abandon()
                self._request.channel.abort()
            elif ended:
                self.abandon()
                self._request.unregisterProducer()
                self._request.finish()
            else:
                return

    @property
    def _waiting(self) -> bool:
        return bool(self._pieces) or (self._spool is not None and self._spool.waiting > 0)

    def _next(self) -> bytes:
        with self._room:
            if self._pieces:
                data = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self._held = 0
            elif self._spool is not None:
                data = self._spool.read(_PIECE)
            else:
                return b""
            self._room.notify()
            return data

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._flush()

    def stopProducing(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Nobody takes anything more: let the thread know at its next piece."""
        self._request.site.farewells.discard(self._say_farewell)
        with self._room:
            self._gone = True
            self._pieces.clear()
            if not self._spooling:
                self._close()
            self._room.notify()

    def _close(self) -> None:
        if self._spool is not None:
            self._spool.close()
