"""Servers of a route for unit tests, with a clock that the test moves."""

from __future__ import annotations

from typing import Any, cast

from duck_tx.http.request import Request
from duck_tx.proxy.passive import Ejection
from duck_tx.proxy.server import Server
from tests.case import UnitTestCase

__all__ = ["Asked", "UpstreamCase"]


class _Origin:
    def __init__(self, address: str) -> None:
        self.address = address


class Asked:
    """As much of a request as is looked at to choose a server."""

    def __init__(self, address: str = "192.0.2.1", *cookies: bytes) -> None:
        self.origin = _Origin(address)
        self.raw_headers = [(b"Host", b"a"), *((b"cookie", value) for value in cookies)]

    @classmethod
    def of(cls, address: str = "192.0.2.1", *cookies: bytes) -> Request:
        return cast(Request, cls(address, *cookies))


class UpstreamCase(UnitTestCase):
    """Has a clock, which begins late enough for what is long ago."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0

    def seconds(self) -> float:
        return self.now

    def server(self, name: str = "a", weight: int = 1, **others: Any) -> Server:
        """A server without connections."""
        others.setdefault("ejection", Ejection(3, 10.0, 60.0))
        nothing: Any = None
        return Server(nothing, nothing, name=name, weight=weight, seconds=self.seconds, **others)

    def servers(self, *weights: int, **others: Any) -> list[Server]:
        """So many of them, peers of each other, called a, b, c..."""
        servers = [self.server(chr(97 + number), weight, **others) for number, weight in enumerate(weights)]
        for server in servers:
            server.peers = servers
        return servers

    def blame(self, server: Server, times: int = 3) -> None:
        """So many requests fail by its fault."""
        for _ in range(times):
            server.failed("the connection was refused")
