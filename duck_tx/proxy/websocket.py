"""A WebSocket on its way through the proxy: a stop of this server is said to the client in words that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duck_tx.proxy.passage import Passage

if TYPE_CHECKING:
    from duck_tx.proxy.connection import UpstreamConnection
    from duck_tx.proxy.server import Server

__all__ = ["FrameEdges", "WebSocketPassage"]

_GOING_AWAY = b"\x88\x02\x03\xe9"
"""A Close frame with the code 1001 (RFC 6455 5.5.1, 7.4.1)."""

_REPLY = 5.0
"""Seconds for client and server to end it between them."""

_CLOSE = 0x8


class FrameEdges:
    """Follows the frames of one direction without looking into them (RFC 6455 5.2).

    :ivar has_closed: a Close frame has begun, and nothing comes after that.
    """

    __slots__ = ("_head", "_left", "has_closed")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self.has_closed = False

    @property
    def is_at_edge(self) -> bool:
        """Whether the next byte begins a frame."""
        return not self._left and not self._head

    def read(self, data: bytes, *, to_edge: bool = False) -> int:
        """Take what passes.

        :param to_edge: no further than to the next edge, which may be here.
        :return: how many bytes were taken.
        """
        at = 0
        while at < len(data) and not (to_edge and self.is_at_edge):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            head = self._head + data[at : at + _MOST - len(self._head)]
            size = _size_of_head(head)
            if len(head) < size:
                self._head = head
                return len(data)
            at += size - len(self._head)
            self._head = b""
            self._left = _length(head)
            self.has_closed = self.has_closed or head[0] & 0xF == _CLOSE
        return at


_MOST = 14
"""Bytes of the longest head of a frame."""


def _size_of_head(head: bytes) -> int:
    """How long a frame's head is; 2 at first, as these bytes say it."""
    if len(head) < 2:
        return 2
    masked, length = head[1] & 0x80, head[1] & 0x7F
    return 2 + (8 if length == 127 else 2 if length == 126 else 0) + (4 if masked else 0)


def _length(head: bytes) -> int:
    """How many bytes follow a head."""
    length = head[1] & 0x7F
    if length < 126:
        return length
    return int.from_bytes(head[2 : 4 if length == 126 else 10], "big")


class WebSocketPassage(Passage):
    """The client's end of a tunnel in which a WebSocket is spoken.

    When this server stops, the client is told between two frames.  Its reply reaches the server, which so hears the
    same, and ends the connection.
    """

    __slots__ = ("_frames", "_has_said", "_is_going")

    def __init__(self, server: Server, connection: UpstreamConnection) -> None:
        super().__init__(server, connection)
        self._frames = FrameEdges()
        self._is_going = self._has_said = False

    def _heard(self) -> None:
        if not self._is_going:
            super()._heard()

    def from_server(self, data: bytes) -> None:
        if self._has_said:
            # There is nothing to be said after that.
            return
        taken = self._frames.read(data, to_edge=self._is_going)
        super().from_server(data[:taken])
        self._say_if_possible()

    def going_away(self) -> None:
        tunnel = self._tunnel
        if tunnel is None or self._frames.has_closed or self._client_ended or self._server_ended:
            super().going_away()
            return
        self._is_going = True
        tunnel.deadline = tunnel.request.site.seconds() + _REPLY
        self._say_if_possible()

    def _say_if_possible(self) -> None:
        if self._is_going and self._frames.is_at_edge and self._tunnel is not None:
            self._has_said = True
            if not self._frames.has_closed:
                self._tunnel.write(_GOING_AWAY)
