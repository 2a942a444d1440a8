"""Serves a WSGI application on a real port, and blocking clients for it, for the tests of the gateway."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from duck_tx.gateway.threads import GatewayThreads
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from duck_tx.proxy.resource import ReverseProxy
from tests.case import AsyncTestCase

LONG = 20.0
LARGE = bytes(range(256)) * 12_000
"""About 3 MB: more than the sockets between client and server hold."""


def get(target: str, fields: str = "") -> bytes:
    """A request after which the connection ends."""
    return f"GET {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n".encode()


class Client:
    """A blocking client, to be used on a thread."""

    def __init__(self, address: Any, *, small_buffer: bool = False) -> None:
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if small_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(LONG)
        self.socket.connect(address)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *what: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_until(self, end: bytes) -> bytes:
        """Read up to the first bytes that end with ``end``."""
        data = b""
        while not data.endswith(end):
            piece = self.socket.recv(65_536)
            assert piece, data[-200:]
            data += piece
        return data

    def read_all(self, pause: float = 0.0) -> bytes:
        """Read until the server closes, slowly if told to."""
        pieces = []
        while piece := self.socket.recv(65_536):
            pieces.append(piece)
            if pause:
                time.sleep(pause)
        return b"".join(pieces)

    def reset(self) -> None:
        """Go away rudely."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class ServedTestCase(AsyncTestCase):
    """Serves an application on a real port."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.stops: list[Callable[[], Any]] = []
        self.addCleanup(lambda: ensureDeferred(self.stop()))

    async def stop(self) -> None:
        while self.stops:
            await self.stops.pop()()

    def serve(self, application: Any, threads: int | None = 4, pool: Any = None, unix: str = "", **options: Any) -> Any:
        """Listen; the address to connect to.  ``threads=None`` calls the application on the reactor thread."""
        if pool is None and threads is not None:
            pool = GatewayThreads(threads, self.reactor)
            pool.start()
            self.stops.append(lambda: self.end_threads(pool))
        self.pool = pool
        self.resource = resource = WSGIResource(self.reactor, pool, application, **options)
        self.site = site = Site(ReverseProxy(resource), reactor=self.reactor, limits=Limits(write_timeout=LONG))
        reactor = self.reactor
        port = reactor.listenUNIX(unix, site) if unix else reactor.listenTCP(0, site, interface="127.0.0.1")

        async def close() -> None:
            await port.stopListening()
            closed = site.drain()
            site.abort()
            await closed
            if resource._tick is not None:
                resource._tick.cancel()
                resource._tick = None

        self.stops.append(close)
        return unix or ("127.0.0.1", port.getHost().port)

    async def end_threads(self, pool: GatewayThreads) -> None:
        pool.stop()
        self.assertEqual(await deferToThread(pool.join, LONG), [])

    async def until(self, fact: Callable[[], object]) -> None:
        """Wait for a fact."""
        end = time.monotonic() + LONG
        while not fact():
            self.assertLess(time.monotonic(), end)
            await deferLater(self.reactor, 0.002)

    def ask(self, address: Any, request: bytes, pause: float = 0.0) -> Deferred[bytes]:
        """What comes back until the server closes."""

        def exchange() -> bytes:
            with Client(address) as client:
                client.send(request)
                return client.read_all(pause)

        return deferToThread(exchange)
