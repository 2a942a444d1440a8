"""A proxy in memory: a client on one side, a server that the test plays on the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.request import Request
from duck_tx.http.site import Site
from duck_tx.proxy.attempt import Attempt
from duck_tx.proxy.forward import Route
from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.pool import Pool
from duck_tx.proxy.remote import RemoteResource
from duck_tx.proxy.server import Server
from duck_tx.proxy.upstream import Upstream
from tests.unit.logged import logged_lines
from tests.unit.wire_case import Connection, Wire, WireCase

__all__ = ["GET", "OK", "FarEnd", "Network", "ProxyCase"]

GET = b"GET /x HTTP/1.1\r\nHost: duck.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class FarEnd:
    """The server's end of one connection of the proxy's."""

    def __init__(self, factory: Any, made: Deferred[Any]) -> None:
        self._made = made
        self.wire = Wire()
        self.protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 9000))
        self.is_lost = False

    @property
    def was_decided(self) -> bool:
        """Whether the connection was accepted, refused or given up."""
        return self._made.called

    def accept(self) -> None:
        self.protocol.makeConnection(self.wire)
        self._made.callback(self.protocol)

    def refuse(self) -> None:
        self._made.errback(Failure(ConnectionRefusedError()))

    @property
    def received(self) -> bytes:
        return self.wire.value()

    def take(self) -> bytes:
        data = self.wire.value()
        self.wire.clear()
        return data

    @property
    def is_read(self) -> bool:
        """Whether the proxy reads what is sent."""
        return self.wire.producerState == "producing"

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            if not self.is_lost and not self.wire.closed:
                self.protocol.dataReceived(piece)

    def close(self) -> None:
        """End the connection properly, as if the other side had too."""
        self._lose(ConnectionDone())

    def half_close(self) -> None:
        """Say nothing more."""
        self.protocol.readConnectionLost()
        self.settle()

    def reset(self) -> None:
        self._lose(ConnectionLost())

    def settle(self) -> None:
        """If the proxy has closed the connection, tell it that it is gone."""
        if self.wire.closed:
            self._lose(ConnectionAborted() if self.wire.aborted else ConnectionDone())

    def _lose(self, reason: Exception) -> None:
        if not self.is_lost:
            self.is_lost = True
            self.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class Network:
    """Where connections are made to.

    :ivar is_open: they are accepted at once.
    """

    def __init__(self) -> None:
        self.ends: list[FarEnd] = []
        self.cancelled = 0
        self.is_open = True

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        made: Deferred[Any] = Deferred(self._cancel)
        end = FarEnd(protocolFactory, made)
        self.ends.append(end)
        if self.is_open:
            end.accept()
        return made

    def _cancel(self, made: Deferred[Any]) -> None:
        self.cancelled += 1


class ProxyCase(WireCase):
    """A site that forwards everything to servers in memory.

    :ivar again: attempts that the resource asked about, and whether they are to be repeated.
    """

    limits = UpstreamLimits()
    url = "http://app.example:9000"

    def setUp(self) -> None:
        super().setUp()
        self.attempts: list[Attempt] = []
        self.repeats = False
        self.servers: list[Server] = []
        self.networks: list[Network] = []
        self.add_server(self.url)
        self.site = self.proxy()

    def add_server(self, url: str) -> None:
        pool = Pool(self.clock, Upstream(url), self.limits, seconds=self.clock.seconds)
        network = Network()
        pool.endpoint = network
        self.networks.append(network)
        self.servers.append(Server(pool.upstream, pool, name=url, seconds=self.clock.seconds))

    def proxy(self, route: Route | None = None, **limits: Any) -> Site:
        """A site with these limits of its own."""
        self.resource = RemoteResource(self.choose, self.may_retry, reactor=self.clock, route=route)
        return self.site_of(self.resource, **limits)

    def choose(self, request: Request, tried: frozenset[Server]) -> Server | None:
        return next((server for server in self.servers if server not in tried), None)

    def may_retry(self, request: Request, attempt: Attempt) -> bool:
        self.attempts.append(attempt)
        return self.repeats

    @property
    def server(self) -> Server:
        return self.servers[0]

    @property
    def network(self) -> Network:
        return self.networks[0]

    @property
    def far(self) -> FarEnd:
        """The latest connection to the first server."""
        return self.network.ends[-1]

    def ask(self, data: bytes = GET) -> Connection:
        """A client that has sent this."""
        client = self.connect()
        client.send(data)
        return client

    def answer(self, *pieces: bytes) -> None:
        self.far.send(*pieces)
        self.far.settle()

    @contextmanager
    def says(self, *parts: str) -> Iterator[None]:
        """One line about a server is logged within, and has all of these in it."""
        with logged_lines() as lines:
            yield
        about = [line for line in lines if line.startswith("upstream ")]
        self.assertEqual(len(about), 1, about)
        for part in parts:
            self.assertIn(part, about[0])
