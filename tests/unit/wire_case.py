"""A connection in memory, with a clock that stands still until it is told to go on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from tests.case import UnitTestCase

_DATE = re.compile(rb"(?<=\r\nDate: )[^\r\n]+")


class Wire(StringTransport):
    """The transport of one connection: what it is given is with the client at once."""

    def __init__(self, client: str = "192.0.2.1") -> None:
        super().__init__(IPv4Address("TCP", "198.51.100.1", 80), IPv4Address("TCP", client, 4711))
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def closed(self) -> bool:
        return self.aborted or self.disconnecting


class Connection:
    """A client's end of a connection to a site."""

    def __init__(self, site: Site, clock: Clock, client: str = "192.0.2.1") -> None:
        self._clock = clock
        self.wire = Wire(client)
        address: IAddress = IPv4Address("TCP", client, 4711)
        self.protocol: Any = site.buildProtocol(address)
        self.protocol.makeConnection(self.wire)
        self._held: list[bytes] = []
        self._told = False

    @property
    def channel(self) -> HTTPChannel:
        assert isinstance(self.protocol, HTTPChannel)
        return self.protocol

    @property
    def held_back(self) -> int:
        """Bytes that the server has not taken from the system."""
        return sum(map(len, self._held))

    def send(self, *pieces: bytes) -> None:
        """Send pieces, each in a segment of its own; they wait in the system while the server does not read."""
        for piece in pieces:
            self._held.append(piece)
            self.settle()

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(200):
            self._clock.advance(0)
            if self.wire.closed and not self._told and self.wire.aborted:
                self.lose()
            if self._told or not self._held or self.wire.producerState != "producing":
                if not any(call.getTime() <= self._clock.seconds() for call in self._clock.getDelayedCalls()):
                    return
            else:
                self.protocol.dataReceived(self._held.pop(0))

    def lose(self) -> None:
        """The connection is gone: because the client left, or as the server wanted it."""
        if not self._told:
            self._told = True
            reason = ConnectionAborted() if self.wire.aborted else ConnectionDone()
            self.protocol.connectionLost(Failure(reason))

    @property
    def received(self) -> bytes:
        """All that has come, with dates as ``*``."""
        return _DATE.sub(b"*", self.wire.value())

    def take(self) -> bytes:
        """What has come since the last time."""
        data = self.received
        self.wire.clear()
        return data


class Waiting(Resource):
    """Keeps its requests until the test answers them."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render(self, request: Any) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


class Hello(Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"Hello, world!"


class WireCase(UnitTestCase):
    """A site in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.site = self.site_of(Hello())

    def site_of(self, resource: IResource, **limits: Any) -> Site:
        return Site(resource, reactor=self.clock, limits=Limits(**limits), seconds=self.clock.seconds)

    def connect(self, site: Site | None = None, client: str = "192.0.2.1") -> Connection:
        return Connection(site or self.site, self.clock, client)

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps small enough for every timer."""
        until = self.clock.seconds() + seconds
        while self.clock.seconds() < until:
            self.clock.advance(min(0.25, until - self.clock.seconds()))

    def outcome(self, site: Site, pieces: Iterable[bytes]) -> tuple[bytes, bool]:
        """What comes for these pieces, and whether the server closes then."""
        connection = self.connect(site)
        connection.send(*pieces)
        connection.settle()
        closed = connection.wire.closed
        connection.lose()
        return connection.received.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""), closed


GET = b"GET / HTTP/1.1\r\nHost: duck.example\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: duck.example\r\n"
HELLO = (
    b"HTTP/1.1 200 OK\r\nServer: duck_tx\r\nDate: *\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n"
    b"Hello, world!"
)
