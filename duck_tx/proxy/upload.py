"""The body of one request, on its way to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duck_tx.http.head import Rejected
    from duck_tx.http.headers import Fields
    from duck_tx.http.request import Request
    from duck_tx.proxy.connection import UpstreamConnection
    from duck_tx.proxy.exchange import Exchange

__all__ = ["Upload"]

_JOINED = 65_536
"""Bytes of body that leave together with the head."""


class Upload:
    """Takes the body from the client at the pace of the server, and keeps its beginning in case that it must be sent to
    another.

    :ivar length: bytes by Content-Length, ``None`` if it goes out in chunks.
    :ivar is_started: something has been taken from the client, or been asked for.
    :ivar is_sent: all of it is out, or waits in the connection.
    """

    __slots__ = (
        "_connection", "_exchange", "_held", "_is_paused", "_kept", "_kept_at_most", "_stream", "_trailers", "is_sent",
        "is_started", "length",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self._exchange = exchange
        self._stream = request.body_stream()
        self.length = None if request.body_trailers else self._stream.length
        self._connection: UpstreamConnection | None = None
        self._held: list[bytes] | None = None
        # A bytearray: pieces as small as a client can make them would take many times what they hold.
        self._kept: bytearray | None = bytearray()
        self._kept_at_most = 0
        self._trailers: Fields | None = None
        self._is_paused = False
        self.is_started = self.is_sent = False

    @property
    def can_repeat(self) -> bool:
        """Whether all that has been taken is still there."""
        return self._kept is not None

    def send(self, connection: UpstreamConnection, head: bytes, *, waits: bool) -> None:
        """Send the head, and the body behind it.

        :param waits: only the head, until :meth:`go_on` is called.
        """
        self._connection = connection
        self._kept_at_most = connection.pool.limits.replay_memory
        if waits:
            connection.outlet.send(head)
            return
        # What is there already leaves together with the head.
        self._held = [head]
        if not self.is_started:
            self._start()
        elif self._kept is not None:
            if self._kept:
                self._send(bytes(self._kept))
            if self._trailers is not None:
                self._end(self._trailers)
        self._flush()
        if self._is_paused and not connection.outlet.backlogged:
            self.resume()

    def go_on(self) -> None:
        """Send the body now."""
        if not self.is_started:
            self._held = []
            self._start()
            self._flush()

    def _start(self) -> None:
        self.is_started = True
        self._stream.start(self)

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held and self._connection is not None:
            self._connection.outlet.send(b"".join(held))
            if self.is_sent:
                self._connection.sent()

    def _send(self, data: bytes) -> None:
        if self.length is None:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        held, connection = self._held, self._connection
        if held is not None:
            held.append(data)
            if len(data) < _JOINED and sum(map(len, held)) < _JOINED:
                return
            data = b"".join(held)
            self._held = None
        if connection is not None:
            connection.outlet.send(data)

    # Pace.

    def pause(self) -> None:
        """The server must read first."""
        if not self._is_paused:
            self._is_paused = True
            self._stream.pause()

    def resume(self) -> None:
        """The server has read."""
        if self._is_paused:
            self._is_paused = False
            self._stream.resume()
        if self.is_sent and self._connection is not None:
            self._connection.sent()

    # The end of it.

    def rewind(self) -> None:
        """The connection is gone; another one will be given."""
        self._connection = None
        self._held = None
        self.is_sent = False
        if self.is_started and self._trailers is None:
            self.pause()

    def stop(self) -> None:
        """Nobody wants the rest."""
        self._connection = None
        if self._trailers is None:
            self._stream.discard()

    # What the body tells.

    def body_received(self, data: bytes) -> None:
        kept = self._kept
        if kept is not None:
            if len(kept) + len(data) > self._kept_at_most:
                self._kept = None
            else:
                kept += data
        self._send(data)

    def body_ended(self, trailers: Fields) -> None:
        self._trailers = trailers
        self._end(trailers)

    def _end(self, trailers: Fields) -> None:
        self.is_sent = True
        if self.length is None:
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in trailers)
            end = b"0\r\n" + lines + b"\r\n"
            if self._held is not None:
                self._held.append(end)
            elif self._connection is not None:
                self._connection.outlet.send(end)
        if self._held is None and self._connection is not None:
            self._connection.sent()

    def body_failed(self, rejected: Rejected | None) -> None:
        self._exchange.body_failed(rejected)
