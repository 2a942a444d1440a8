"""Slow clients of each kind against a real server with short limits, while others are served as ever."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource

from duck_tx.http.limits import Limits
from tests.integration.exchange import HELLO, get
from tests.integration.test_wire import Client, WireTestCase
from tests.integration.wire_resource import BIG

_EVERY = 0.05
"""Seconds between two drops of a drip."""


class Endless(Resource):
    """More than any system takes off the server's hands."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return BIG * 64


class SlowClientTests(WireTestCase):
    limits = Limits(
        first_byte_timeout=0.5,
        header_timeout=0.5,
        keepalive_timeout=0.5,
        body_timeout=0.5,
        body_min_rate=10_000,
        write_timeout=0.5,
        write_min_rate=100_000_000,
        linger_timeout=0.5,
    )

    def setUp(self) -> None:
        super().setUp()
        router: Any = self.site.resource
        router.default.putChild(b"endless", Endless())
        self._drips: list[LoopingCall] = []
        self.addCleanup(self._stop_drips)

    def _stop_drips(self) -> None:
        for drip in self._drips:
            if drip.running:
                drip.stop()

    async def drip(self, begin: bytes, drop: bytes) -> Client:
        """A client that sends a drop now and then, until it is cut off."""
        client = await self.connect()
        client.send(begin)
        drip = LoopingCall(client.send, drop)
        drip.clock = self.reactor
        drip.start(_EVERY)
        self._drips.append(drip)
        client.closed.addBoth(self._ended, drip)
        return client

    def _ended(self, received: Any, drip: LoopingCall) -> Any:
        if drip.running:
            drip.stop()
        return received

    async def serves_others_until(self, closed: Deferred[bytes]) -> bytes:
        """Ask for pages on one connection, one after the other, until ``closed``; each must come at once."""
        other, asked = await self.connect(), 0
        while not closed.called:
            asked += 1
            other.send(get(b"/hello"))
            began = self.reactor.seconds()
            await other.until(HELLO.partition(b"\r\n\r\n")[2] if asked else b"")
            self.assertLess(self.reactor.seconds() - began, 2)
            other.received = b""
            turn: Deferred[None] = Deferred()
            self.reactor.callLater(0.01, turn.callback, None)
            await turn
        self.assertGreater(asked, 5)
        other.send(get(b"/hello", b"Connection: close"))
        await other.closed
        return await closed

    async def test_a_head_that_drips_is_cut_off(self) -> None:
        client = await self.drip(b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n")
        received = await self.serves_others_until(client.closed)
        self.assertTrue(received.startswith(b"HTTP/1.1 408 Request Time-out\r\n"), received)

    async def test_a_body_that_drips_is_cut_off(self) -> None:
        client = await self.drip(get(b"/e", b"Content-Length: 1000000", method=b"POST"), b"x")
        received = await self.serves_others_until(client.closed)
        self.assertTrue(received.startswith(b"HTTP/1.1 408 Request Time-out\r\n"), received)

    async def test_chunks_that_drip_are_cut_off(self) -> None:
        client = await self.drip(get(b"/e", b"Transfer-Encoding: chunked", method=b"POST"), b"1\r\nx\r\n")
        received = await self.serves_others_until(client.closed)
        self.assertTrue(received.startswith(b"HTTP/1.1 408 Request Time-out\r\n"), received)

    async def test_empty_lines_keep_no_connection(self) -> None:
        client = await self.drip(b"", b"\r\n")
        self.assertEqual(await self.serves_others_until(client.closed), b"")

    async def test_a_client_that_says_nothing_is_closed(self) -> None:
        client = await self.connect()
        self.assertEqual(await self.serves_others_until(client.closed), b"")

    async def test_a_client_that_does_not_read_is_cut_off(self) -> None:
        await self.reads_too_slowly(lambda client: None)

    async def test_a_client_that_reads_a_little_is_cut_off(self) -> None:
        await self.reads_too_slowly(lambda client: client.recv(65_536))

    async def reads_too_slowly(self, read: Callable[[socket.socket], object]) -> None:
        with socket.create_connection(("127.0.0.1", self.port.getHost().port)) as client:
            client.sendall(get(b"/endless"))
            client.setblocking(False)
            cut: Deferred[bytes] = Deferred()

            def look() -> None:
                try:
                    read(client)
                except BlockingIOError:
                    pass
                except ConnectionResetError:
                    self.assertEqual(open_to_it(), 0)
                if not open_to_it() and seen and not cut.called:
                    cut.callback(b"")
                seen.extend([1] * open_to_it())

            def open_to_it() -> int:
                port = client.getsockname()[1]
                return sum(channel.getPeer().port == port for channel in self.site.channels)  # type: ignore[attr-defined]

            seen: list[int] = []
            drip = LoopingCall(look)
            drip.clock = self.reactor
            self._drips.append(drip)
            failed = drip.start(_EVERY)
            await self.serves_others_until(cut)
            drip.stop()
            await failed

    async def test_many_slow_clients_of_each_kind_at_once(self) -> None:
        slow = [
            client
            for _ in range(20)
            for client in (
                await self.drip(b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
                await self.drip(get(b"/e", b"Content-Length: 1000000", method=b"POST"), b"x"),
                await self.drip(b"", b"\r\n"),
            )
        ]
        everything: Deferred[Any] = gatherResults([client.closed for client in slow])
        await self.serves_others_until(everything)
        self.assertEqual(sum(client.received.startswith(b"HTTP/1.1 408 ") for client in slow), 40)
