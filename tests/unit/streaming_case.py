"""Resources that take bodies while they arrive, and open tunnels; and who remembers what it was told."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.web.server import NOT_DONE_YET

from duck_tx.http.head import Rejected
from duck_tx.http.headers import Fields
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.response import serialise, status_line
from duck_tx.http.tunnel import Tunnel
from tests.unit.wire_case import POST, Connection, WireCase

__all__ = [
    "CHUNKED", "UPGRADE", "ArrivingCase", "Opening", "Recorder", "Streaming", "TunnelRecorder", "UpgradedCase", "begin",
    "with_length",
]  # fmt: skip

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

UPGRADE = b"GET /t HTTP/1.1\r\nHost: duck.example\r\nConnection: Upgrade\r\nUpgrade: Quack\r\n\r\n"

_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nServer: duck_tx\r\nDate: *\r\nX-Depth: 9\r\n"
    b"Connection: Upgrade\r\nUpgrade: quack\r\n\r\n"
)


class Recorder:
    """Takes a body, and keeps it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.trailers: Fields | None = None
        self.failures: list[Rejected | None] = []

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def is_over(self) -> bool:
        return self.trailers is not None or bool(self.failures)

    def body_received(self, data: bytes) -> None:
        assert data and not self.is_over
        self.pieces.append(data)

    def body_ended(self, trailers: Fields) -> None:
        assert not self.is_over
        self.trailers = trailers

    def body_failed(self, rejected: Rejected | None) -> None:
        assert not self.is_over
        self.failures.append(rejected)


class Streaming(LeafResource):
    """Keeps its requests until the test answers them.

    :ivar asked: how many times it was asked whether it streams.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.asked = 0

    def streams(self, request: Request) -> bool:
        self.asked += 1
        return True

    def render(self, request: Request) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


def begin(request: Any, code: int = 200, *fields: tuple[bytes, bytes]) -> None:
    """Begin a response."""
    request.begin(status_line(code), code, serialise(fields))


class TunnelRecorder:
    """Remembers what a tunnel has told it."""

    tunnel: Tunnel

    def __init__(self) -> None:
        self.told: list[str | bytes] = []

    def received(self, data: bytes) -> None:
        self.told.append(data)

    def ended(self) -> None:
        self.told.append("ended")

    def blocked(self) -> None:
        self.told.append("blocked")

    def unblocked(self) -> None:
        self.told.append("unblocked")

    def expired(self) -> None:
        self.told.append("expired")

    def going_away(self) -> None:
        self.told.append("going away")

    def lost(self) -> None:
        self.told.append("lost")


class Opening(LeafResource):
    """Opens a tunnel for every request that asks for one."""

    def __init__(self) -> None:
        self.ends: list[TunnelRecorder] = []

    def render(self, request: Request) -> int:
        end = TunnelRecorder()
        self.ends.append(end)
        end.tunnel = request.tunnel([(b"X-Depth", b"9")], end)
        return NOT_DONE_YET


class ArrivingCase(WireCase):
    """A site whose resource takes bodies while they arrive."""

    limits: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        super().setUp()
        self.resource = Streaming()
        self.logged: list[Request] = []
        self.site = self.site_of(self.resource, **self.limits)
        self.site.access_log = self.logged.append
        self.connection = self.connect()
        self.taker = Recorder()

    def ask(self, head: bytes, *pieces: bytes, start: bool = True) -> Any:
        """Send a request whose body does not come with its head; it has begun to be answered."""
        self.connection.send(head, *pieces)
        request = self.resource.requests[-1]
        if start:
            request.body_stream().start(self.taker)
        return request

    def answer(self, request: Any, body: bytes = b"ok") -> None:
        begin(request, 200, (b"Content-Length", b"%d" % len(body)))
        request.write(body)
        request.finish()
        self.connection.settle()

    @property
    def responses(self) -> int:
        return self.connection.received.count(b"HTTP/1.1 200 OK\r\n")


def with_length(size: int) -> bytes:
    """The head of a request with a body of this size."""
    return POST + b"Content-Length: %d\r\n\r\n" % size


class UpgradedCase(WireCase):
    """A site that opens tunnels."""

    def setUp(self) -> None:
        super().setUp()
        self.resource = Opening()
        self.logged: list[Request] = []
        self.site = self.site_of(
            self.resource, write_timeout=10, write_min_rate=100, keepalive_timeout=5, linger_timeout=2
        )
        self.site.access_log = self.logged.append
        self.connection = self.connect()

    def open(self, connection: Connection | None = None, ahead: bytes = b"") -> TunnelRecorder:
        connection = connection or self.connection
        connection.send(UPGRADE + ahead)
        self.assertEqual(connection.take(), _ACCEPTED)
        return self.resource.ends[-1]

    def block(self) -> None:
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.pauseProducing()

    def unblock(self) -> None:
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.resumeProducing()
