"""The corpus on a real socket: what a client sends, and every byte of what it gets."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from tests.case import AsyncTestCase
from tests.integration.corpus import CORPUS
from tests.integration.exchange import LAST, LAST_ANSWER, Exchange, get
from tests.integration.wire_resource import BIG, FILE, tree, write_files

LIMITS = Limits(max_body=200_000, body_memory=1000, keepalive_timeout=30, linger_timeout=30)

_DATE = re.compile(rb"(?<=\r\nDate: )[^\r\n]+")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ERROR = re.compile(
    rb"HTTP/1\.1 ([^\r\n]+)\r\nServer: duck_tx\r\nDate: \*\r\nContent-Type: text/plain; charset=utf-8\r\n"
    rb"Content-Length: ([0-9]+)\r\nConnection: close\r\n\r\n(.*)",
    re.DOTALL,
)


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def difference(exchange: Exchange, received: bytes) -> str:
    """What is wrong with what came back for an exchange and :data:`LAST` after it; empty where it is right."""
    came = _DATE.sub(b"*", received)
    if not came.startswith(exchange.answers):
        return f"sent {exchange.sent[:500]!r}, got {came[:1000]!r} instead of {exchange.answers[:1000]!r}"
    rest = came[len(exchange.answers) :]
    if exchange.refused:
        page = _ERROR.fullmatch(rest)
        if page is None or page[1] != exchange.refused:
            return f"sent {exchange.sent[:500]!r}, got {rest[:500]!r} instead of a page of {exchange.refused!r}"
        if len(page[3]) != int(page[2]) or not page[3].startswith(exchange.refused + b"\n\n"):
            return f"the error page {page[3]!r} has not the length of {page[2]!r}"
    elif rest != (b"" if exchange.closed else LAST_ANSWER):
        return f"sent {exchange.sent[:500]!r}, got {rest[:500]!r} after the answers"
    return ""


class Client(Protocol):
    """Keeps what it gets until the server closes."""

    def __init__(self) -> None:
        self.received = b""
        self.pieces: list[bytes] = []
        self.closed: Deferred[bytes] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.pieces.append(data)
        for end, arrived in self._waiting[:]:
            if self.received.endswith(end):
                self._waiting.remove((end, arrived))
                arrived.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(self.received)

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    async def until(self, end: bytes) -> None:
        """Wait until what has come ends with ``end``."""
        if not self.received.endswith(end):
            arrived: Deferred[None] = Deferred()
            self._waiting.append((end, arrived))
            await arrived


class WireTestCase(AsyncTestCase):
    """A site with the resources of the corpus, on a real port."""

    limits = LIMITS
    timeout = 20

    def setUp(self) -> None:
        self.reactor = _reactor()
        folder = self.mktemp()
        write_files(folder)
        self.site = Site(tree(self.reactor, folder), reactor=self.reactor, limits=self.limits)
        self.port: Any = self.reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.addCleanup(self.stop)

    def stop(self) -> Deferred[None]:
        """Stop listening and cut every connection."""

        async def stop() -> None:
            await self.port.stopListening()
            closed = self.site.drain()
            self.site.abort()
            await closed

        return Deferred.fromCoroutine(stop())

    async def connect(self) -> Client:
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port.getHost().port)
        return await connectProtocol(endpoint, Client())

    async def ask(self, sent: bytes) -> bytes:
        """What comes for ``sent`` until the server closes, with dates as ``*``."""
        client = await self.connect()
        client.send(sent)
        return _DATE.sub(b"*", await client.closed)

    def forgive(self) -> None:
        """What the resources of the corpus fail with is logged."""
        self.flushLoggedErrors(ZeroDivisionError, ValueError, TypeError)


class CorpusTests(WireTestCase):
    """One test for each exchange of the corpus."""


def _add(exchange: Exchange) -> None:
    async def test(self: CorpusTests) -> None:
        client = await self.connect()
        client.send(exchange.sent + LAST)
        wrong = difference(exchange, await client.closed)
        self.forgive()
        if wrong:
            self.fail(wrong)

    name = "test_" + re.sub("[^a-z0-9]+", "_", exchange.name.lower())
    assert not hasattr(CorpusTests, name), name
    setattr(CorpusTests, name, test)


for _exchange in CORPUS:
    _add(_exchange)


class ExpectTests(WireTestCase):
    async def test_a_body_is_invited_and_then_read(self) -> None:
        client = await self.connect()
        client.send(get(b"/e", b"Expect: 100-continue", b"Content-Length: 3", method=b"POST"))
        await client.until(_CONTINUE)
        self.assertEqual(client.received, _CONTINUE)
        client.send(b"abc" + LAST)
        self.assertIn(b"\n\nabc" + b"HTTP/1.1 200", await client.closed)

    async def test_a_body_in_chunks_is_invited_too(self) -> None:
        client = await self.connect()
        client.send(get(b"/e", b"Expect: 100-continue", b"Transfer-Encoding: chunked", method=b"POST"))
        await client.until(_CONTINUE)
        client.send(b"3\r\nabc\r\n0\r\n\r\n" + LAST)
        self.assertIn(b"\n\nabc" + b"HTTP/1.1 200", await client.closed)


class StaticTests(WireTestCase):
    async def answer(self, *fields: bytes, method: bytes = b"GET") -> tuple[bytes, bytes]:
        sent = get(b"/static/file.bin", *fields, b"Connection: close", method=method)
        head, _, body = (await self.ask(sent)).partition(b"\r\n\r\n")
        return head, body

    async def test_a_file_is_sent_whole(self) -> None:
        head, body = await self.answer()
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(body, FILE)

    async def test_one_range_is_sent(self) -> None:
        head, body = await self.answer(b"Range: bytes=5-14")
        self.assertTrue(head.startswith(b"HTTP/1.1 206 Partial Content\r\n"), head)
        self.assertIn(b"Content-Range: bytes 5-14/100\r\n", head)
        self.assertIn(b"Content-Length: 10\r\n", head)
        self.assertEqual(body, b"5678901234")

    async def test_several_ranges_are_sent_as_parts(self) -> None:
        head, body = await self.answer(b"Range: bytes=0-0,-2")
        self.assertTrue(head.startswith(b"HTTP/1.1 206 Partial Content\r\n"), head)
        self.assertIn(b"Content-Length: %d\r\n" % len(body), head)
        self.assertIn(b"Content-Range: bytes 0-0/100\r\n\r\n0\r\n", body.replace(b"Content-range", b"Content-Range"))

    async def test_a_range_beyond_the_end_is_refused(self) -> None:
        head, _body = await self.answer(b"Range: bytes=100-")
        self.assertTrue(head.startswith(b"HTTP/1.1 416 "), head)
        self.assertIn(b"Content-Range: bytes */100\r\n", head)

    async def test_head_of_a_file_has_its_length(self) -> None:
        head, body = await self.answer(method=b"HEAD")
        self.assertIn(b"Content-Length: 100\r\n", head)
        self.assertEqual(body, b"")

    async def test_a_file_that_has_not_changed_is_not_sent(self) -> None:
        head, body = await self.answer(b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
        self.assertTrue(head.startswith(b"HTTP/1.1 304 Not Modified\r\n"), head)
        self.assertEqual(body, b"")


class CutTests(WireTestCase):
    async def test_a_producer_that_fails_half_way_cuts_the_connection(self) -> None:
        client = await self.connect()
        client.send(get(b"/broken") + LAST)
        received = await client.closed
        self.assertTrue(received.endswith(b"\r\n\r\n5\r\nbegun\r\n"), received)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_nothing_leaves_after_a_resource_has_closed_the_connection(self) -> None:
        received = await self.ask(get(b"/hang-up") + LAST)
        self.assertTrue(received.endswith(b"\r\n\r\n1\r\nx\r\n"), received)

    async def test_a_small_response_leaves_in_one_piece(self) -> None:
        for path, last in ((b"/hello", b"Hello, world!"), (b"/pieces", b"one \r\n"), (b"/later", b"later\r\n")):
            client = await self.connect()
            client.send(get(path, b"Connection: close"))
            await client.closed
            self.assertIn(last, client.pieces[0])

    async def test_accepted_connections_do_not_delay_small_sends(self) -> None:
        client = await self.connect()
        client.send(get(b"/hello"))
        await client.until(b"Hello, world!")
        (channel,) = self.site.channels
        assert isinstance(channel, HTTPChannel)
        self.assertTrue(channel.transport.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        assert client.transport is not None
        client.transport.loseConnection()
        await client.closed


class BigTests(WireTestCase):
    limits = Limits(max_body=0, body_memory=100_000)

    async def test_a_body_larger_than_memory_comes_back_whole(self) -> None:
        body = BIG * 8
        sent = get(b"/e", b"Content-Length: %d" % len(body), b"Connection: close", method=b"PUT", body=body)
        self.assertTrue((await self.ask(sent)).endswith(b"\n\n" + body))

    async def test_the_same_in_chunks(self) -> None:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(BIG), BIG) for _ in range(8)) + b"0\r\n\r\n"
        sent = get(b"/e", b"Transfer-Encoding: chunked", b"Connection: close", method=b"PUT", body=chunks)
        self.assertTrue((await self.ask(sent)).endswith(b"\n\n" + BIG * 8))
