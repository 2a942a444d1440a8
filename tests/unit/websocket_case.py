"""A WebSocket in memory, on a tunnel that leads nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from duck_tx.http.limits import Limits
from duck_tx.http.tunnel import TunnelEnd
from duck_tx.websocket.connection import WebSocket
from duck_tx.websocket.handshake import examine
from duck_tx.websocket.limits import WebSocketLimits
from tests.case import UnitTestCase
from tests.unit.websocket_frames import ServerFrames

NEVER = float("inf")
KEY_FIELD = (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==")
FIELDS: Sequence[tuple[bytes, bytes]] = (
    (b"Host", b"duck.example"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    KEY_FIELD,
    (b"Sec-WebSocket-Version", b"13"),
)


class MemoryTunnel:
    """A tunnel whose client has all that was written, and reads it when the test says so.

    :ivar written: what was written, in one piece for each write.
    :ivar taken: how much of it the client's system has.
    :ivar flowing: it is read.
    :ivar closed: our side has said that it is done.
    :ivar hung_up: it was ended behind what was written.
    :ivar aborted: it was cut.
    """

    def __init__(self, request: MemoryRequest, end: TunnelEnd) -> None:
        self.request = request
        self.end = end
        self.written: list[bytes] = []
        self.backlogged = False
        self.taken = 0
        self.deadline = NEVER
        self.flowing = True
        self.closed = self.hung_up = self.aborted = self.over = False

    def write(self, data: bytes) -> None:
        assert not self.closed, "written behind the end"
        if not self.aborted:
            self.written.append(data)

    def pause(self) -> None:
        self.flowing = False

    def resume(self) -> None:
        self.flowing = True

    def close(self) -> None:
        self.closed = True

    def hang_up(self) -> None:
        self.hung_up = True
        self.lose()

    def abort(self) -> None:
        self.aborted = True
        self.lose()

    # What the client does.

    def block(self) -> None:
        """The client reads no more."""
        self.backlogged = True
        self.end.blocked()

    def unblock(self) -> None:
        """The client reads on."""
        self.backlogged = False
        self.end.unblocked()

    def lose(self) -> None:
        """The connection is gone."""
        if not self.over:
            self.over = True
            self.end.lost()


class MemoryRequest:
    """A handshake, as it is asked for.

    :ivar answer: header fields of the response, once there is one.
    """

    uri = b"/duck"
    asked = "GET /duck"

    def __init__(
        self,
        clock: Clock,
        fields: Sequence[tuple[bytes, bytes]] = FIELDS,
        method: bytes = b"GET",
        upgrade: bytes = b"websocket",
        host: bytes = b"duck.example",
    ) -> None:
        self.site = SimpleNamespace(seconds=clock.seconds, limits=Limits(write_min_rate=1000))
        self.raw_headers = list(fields)
        self.method = method
        self.upgrade = upgrade
        self.origin = SimpleNamespace(host=host, scheme="http")
        self.answer: list[tuple[bytes, bytes]] | None = None
        self.opened: MemoryTunnel | None = None

    def tunnel(self, fields: list[tuple[bytes, bytes]], end: TunnelEnd) -> MemoryTunnel:
        self.answer = fields
        self.opened = MemoryTunnel(self, end)
        return self.opened


class Echo:
    """Listens, and sends back what it hears.

    :ivar messages: what it has heard.
    :ivar ends: code and reason of each end that it was told of.
    :ivar relieved: how often it was told that it can write again.
    :ivar instead: called with each message, instead of sending it back.
    """

    socket: WebSocket

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.ends: list[tuple[int, str]] = []
        self.relieved = 0
        self.instead: Callable[[str | bytes], None] | None = None

    def message(self, data: str | bytes) -> None:
        assert not self.ends, "a message behind the end"
        self.messages.append(data)
        if self.instead is not None:
            self.instead(data)
        elif isinstance(data, str):
            self.socket.send_text(data)
        else:
            self.socket.send_bytes(data)

    def writable(self) -> None:
        assert not self.ends, "writable behind the end"
        self.relieved += 1

    def closed(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))


class Talk:
    """A WebSocket, with both of its ends."""

    def __init__(self, clock: Clock, offer: bytes = b"", **limits: Any) -> None:
        self.clock = clock
        fields = [*FIELDS, (b"Sec-WebSocket-Extensions", offer)] if offer else FIELDS
        request: Any = MemoryRequest(clock, fields)
        self.echo = Echo()
        self.socket = examine(request).accept(None, [], self.echo, WebSocketLimits(**limits))
        self.echo.socket = self.socket
        self.tunnel: MemoryTunnel = request.opened

    def send(self, *pieces: bytes) -> None:
        """The client sends these, each in a segment of its own."""
        for piece in pieces:
            if not self.tunnel.over:
                self.socket.received(piece)

    def wait(self, seconds: float) -> None:
        """Let time pass; the site looks at deadlines once a second."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            if self.tunnel.deadline <= self.clock.seconds() and not self.tunnel.over:
                self.tunnel.deadline = NEVER
                self.socket.expired()

    @property
    def said(self) -> ServerFrames:
        """All that the server has sent."""
        frames = ServerFrames()
        frames.feed(b"".join(self.tunnel.written))
        return frames


class WebSocketCase(UnitTestCase):
    """WebSockets in memory, and a clock that the test moves."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)

    def talk(self, offer: bytes = b"", **limits: Any) -> Talk:
        return Talk(self.clock, offer, **limits)
