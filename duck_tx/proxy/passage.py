"""A switch to another protocol, and the tunnel through the proxy that comes of it (RFC 9110 7.8, RFC 8441)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from os import urandom
from typing import TYPE_CHECKING

from duck_tx.proxy.respond import interim_fields
from duck_tx.proxy.trouble import Trouble

if TYPE_CHECKING:
    from duck_tx.http.headers import Fields
    from duck_tx.http.request import Request
    from duck_tx.http.tunnel import Tunnel
    from duck_tx.proxy.answer import AnswerHead
    from duck_tx.proxy.connection import UpstreamConnection
    from duck_tx.proxy.server import Server

__all__ = ["Passage", "Switch"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HALF = 30.0
"""Seconds that one side may go on after the other has said its last."""


class Switch:
    """What a client wants to switch to, and how a server is asked for it.

    A client of HTTP/2 asks with an extended CONNECT, which has no key of its own for a WebSocket (RFC 8441 5): it gets
    one here, and the server's proof is checked in the client's place.

    :ivar lines: of the head of the request.
    """

    __slots__ = ("_is_connect", "_key", "_protocol", "lines")

    def __init__(self, request: Request, protocol: bytes) -> None:
        self._protocol = protocol
        self._is_connect = request.method == b"CONNECT"
        self._key = b""
        self.lines = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % protocol
        if self._is_connect and protocol == b"websocket":
            self._key = b64encode(urandom(16))
            self.lines += b"Sec-WebSocket-Key: %b\r\n" % self._key

    @property
    def is_websocket(self) -> bool:
        """Whether frames of RFC 6455 follow."""
        return self._protocol == b"websocket"

    def must_not_be(self, code: int) -> bool:
        """Whether this answer would mislead the client: to CONNECT, any success opens a tunnel."""
        return self._is_connect and 200 <= code < 300

    def fault(self, head: AnswerHead) -> str:
        """What is wrong with the server's consent; empty if nothing is."""
        said = [value.strip(b" \t").lower() for name, value in head.fields if name.lower() == b"upgrade"]
        if said != [self._protocol]:
            return "it switched to another protocol than it was asked to"
        if self._key:
            proof = b64encode(sha1(self._key + _GUID, usedforsecurity=False).digest())
            if [value for name, value in head.fields if name.lower() == b"sec-websocket-accept"] != [proof]:
                return "its proof of having understood the WebSocket handshake is wrong"
        return ""

    def fields(self, head: AnswerHead) -> Fields:
        """The fields of its answer that the client gets."""
        fields = interim_fields(head)
        return [field for field in fields if field[0].lower() != b"sec-websocket-accept"] if self._key else fields


class Passage:
    """The client's end of a tunnel: hands on what comes from either side, at the pace of the other."""

    __slots__ = ("_client_ended", "_connection", "_server", "_server_ended", "_taken", "_timeout", "_tunnel")

    def __init__(self, server: Server, connection: UpstreamConnection) -> None:
        self._server: Server | None = server
        self._connection = connection
        self._tunnel: Tunnel | None = None
        self._timeout = connection.pool.limits.tunnel_timeout
        self._client_ended = self._server_ended = False
        self._taken = 0

    def begin(self, tunnel: Tunnel, rest: bytes) -> None:
        """The client's tunnel is there; ``rest`` is what the server has sent already."""
        if self._server is None:
            # The client was gone before.
            return
        self._tunnel = tunnel
        self._connection.tunnel(_ServerSide(self))
        self._heard()
        if rest:
            self.from_server(rest)

    def _heard(self) -> None:
        tunnel = self._tunnel
        if tunnel is not None:
            seconds = _HALF if self._client_ended or self._server_ended else self._timeout
            tunnel.deadline = tunnel.request.site.seconds() + seconds

    # What the client does.

    def received(self, data: bytes) -> None:
        self._heard()
        self._connection.outlet.send(data)

    def ended(self) -> None:
        if not self._client_ended:
            self._client_ended = True
            self._heard()
            self._connection.close_sending()

    def blocked(self) -> None:
        self._connection.pause()

    def unblocked(self) -> None:
        self._connection.resume()

    def expired(self) -> None:
        tunnel = self._tunnel
        if tunnel is not None and self._server_ended:
            # A slow client may be far from the last that the server has said.
            before, self._taken = self._taken, tunnel.taken
            site = tunnel.request.site
            if self._taken - before > site.limits.write_min_rate * _HALF:
                tunnel.deadline = site.seconds() + _HALF
                return
        self._cut()

    def going_away(self) -> None:
        # What is spoken in there is not known here, so there are no words to say goodbye with.
        self.server_ended()
        self.ended()

    def lost(self) -> None:
        self._tunnel = None
        if self._client_ended and self._server_ended and not self._connection.outlet.backlogged:
            self._connection.close()
        else:
            self._connection.abort()
        self._leave()

    # What the server does.

    def from_server(self, data: bytes) -> None:
        """It sent something."""
        self._heard()
        if self._tunnel is not None:
            self._tunnel.write(data)

    def server_ended(self) -> None:
        """It will say no more."""
        if not self._server_ended:
            self._server_ended = True
            self._heard()
            if self._tunnel is not None:
                self._taken = self._tunnel.taken
                self._tunnel.close()

    def server_lost(self) -> None:
        """The connection broke."""
        self._cut()

    def pause(self) -> None:
        """The server must read first."""
        if self._tunnel is not None:
            self._tunnel.pause()

    def resume(self) -> None:
        """It has read."""
        if self._tunnel is not None:
            self._tunnel.resume()

    # The end.

    def _cut(self) -> None:
        if self._tunnel is not None:
            self._tunnel.abort()
        self._connection.abort()
        self._leave()

    def _leave(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.in_flight -= 1


class _ServerSide:
    """The server's end of it."""

    __slots__ = ("_passage",)

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    def received(self, data: bytes) -> None:
        self._passage.from_server(data)

    def ended(self, trailers: Fields) -> None:
        self._passage.server_ended()

    def troubled(self, trouble: Trouble) -> None:
        self._passage.server_lost()

    def server_blocked(self) -> None:
        self._passage.pause()

    def server_ready(self) -> None:
        self._passage.resume()
