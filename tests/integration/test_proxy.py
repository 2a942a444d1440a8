"""The proxy on real sockets, before a server that misbehaves in every way."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from duck_tx.http.limits import Limits
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from duck_tx.proxy.attempt import Attempt
from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.pool import Pool
from duck_tx.proxy.remote import RemoteResource
from duck_tx.proxy.server import Server
from duck_tx.proxy.tls import ClientTLS
from duck_tx.proxy.upstream import Upstream
from tests.case import AsyncTestCase
from tests.integration.far_server import CLOSE, HALF_CLOSE, RESET, FarConnection, FarServer, Step
from tests.integration.test_wire import Client

LIMITS = UpstreamLimits(
    connect_timeout=10, first_byte_timeout=10, idle_timeout=10, max_head=8192, max_fields=50, max_interim=4
)
_DATE = re.compile(rb"(?<=\r\nDate: )[^\r\n]+")


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class ProxyTestCase(AsyncTestCase):
    """A proxy before one server.

    :ivar far: the server.
    """

    limits = LIMITS
    timeout = 30

    def setUp(self) -> None:
        self.reactor = _reactor()
        self.far = FarServer(self.reactor)
        self.pools: list[Pool] = []
        self.server = self.make_server(f"http://127.0.0.1:{self.far.port}")
        self.resource = RemoteResource(self.choose, self.may_retry, reactor=self.reactor)
        self.site = Site(self.resource, reactor=self.reactor, limits=Limits(linger_timeout=5))
        self.port: Any = self.reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.addCleanup(self.stop)

    def make_server(self, url: str, tls: ClientTLS | None = None) -> Server:
        pool = Pool(self.reactor, Upstream(url), self.limits, tls=tls)
        pool.start()
        self.pools.append(pool)
        return Server(pool.upstream, pool, name=url, seconds=time.monotonic)

    def choose(self, request: Request, tried: frozenset[Server]) -> Server | None:
        return None if self.server in tried else self.server

    def may_retry(self, request: Request, attempt: Attempt) -> bool:
        return attempt.was_kept

    def stop(self) -> Deferred[None]:
        async def stop() -> None:
            await self.port.stopListening()
            closed = self.site.drain()
            self.site.abort()
            await closed
            for pool in self.pools:
                pool.stop()
            await self.far.stop()

        return Deferred.fromCoroutine(stop())

    async def connect(self) -> Client:
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port.getHost().port)
        return await connectProtocol(endpoint, Client())

    async def ask(self, sent: bytes) -> bytes:
        """What comes for ``sent`` until the connection is closed."""
        client = await self.connect()
        client.send(sent)
        return _DATE.sub(b"*", await client.closed)


def get(path: bytes, *fields: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: duck.example", *fields, b"", b""])


def response(*fields: bytes, status: bytes = b"200 OK", version: bytes = b"1.1") -> bytes:
    return b"\r\n".join([b"HTTP/%b %b" % (version, status), *fields, b"", b""])


class Row(NamedTuple):
    """What the server does, and what the client gets.

    ``status`` is that of the answer, ``body`` its content.  ``cut``: the connection ends before the body is whole.
    ``kept``: the connection to the server serves the next request too.
    """

    name: str
    steps: tuple[Step, ...]
    status: int
    body: bytes = b""
    cut: bool = False
    kept: bool = False
    asked: bytes = b""

    @property
    def is_slow(self) -> bool:
        """Whether the server falls silent."""
        return self.name.startswith("silence")


CHUNKED = b"Transfer-Encoding: chunked"
OK = response(b"Content-Length: 5") + b"hello"
LONGER = b"Content-Length: 9"
HELLO_CHUNK = b"5\r\nhello\r\n"
BAD = 502

ROWS = (
    # As it should be.
    Row("a whole response", (OK,), 200, b"hello", kept=True),
    Row("a response in two pieces", (OK[:-2], OK[-2:]), 200, b"hello", kept=True),
    Row("a response byte by byte", tuple(OK[at : at + 1] for at in range(len(OK))), 200, b"hello", kept=True),
    Row("chunks", (response(CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n",), 200, b"hello", kept=True),
    Row("chunks in pieces", (response(CHUNKED), b"5\r\nhel", b"lo\r\n0\r", b"\n\r\n"), 200, b"hello", kept=True),
    Row("trailers", (response(CHUNKED), b"5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n"), 200, b"hello", kept=True),
    Row("no content", (response(status=b"204 No Content"),), 204, kept=True),
    Row("not modified", (response(b"Content-Length: 9", status=b"304 Not Modified"),), 304, kept=True),
    Row("an answer to HEAD", (response(b"Content-Length: 9"),), 200, kept=True, asked=b"HEAD"),
    Row("chunks that HEAD would have had", (response(CHUNKED),), 200, kept=True, asked=b"HEAD"),
    Row("early hints", (response(b"Link: </a>", status=b"103 Early Hints"), OK), 200, b"hello", kept=True),
    Row("100 without being asked", (response(status=b"100 Continue") + OK,), 200, b"hello", kept=True),
    Row("no reason phrase", (response(b"Content-Length: 0", status=b"200 "),), 200, kept=True),
    Row("HTTP/1.0 until the end", (response(version=b"1.0"), b"hello", CLOSE), 200, b"hello"),
    Row("HTTP/1.1 until the end", (response(), b"hel", b"lo", HALF_CLOSE), 200, b"hello"),
    Row("HTTP/1.0 with a length", (response(b"Content-Length: 5", version=b"1.0") + b"hello",), 200, b"hello"),
    Row("close is said", (response(b"Content-Length: 5", b"Connection: close") + b"hello", CLOSE), 200, b"hello"),
    Row("close after a part of the next", (OK + b"HTTP/1.1 2", CLOSE), 200, b"hello"),
    # Too much.
    Row("more than the length", (OK + b"xyz",), 200, b"hello"),
    Row("a second response", (OK + OK,), 200, b"hello"),
    Row("content after no content", (response(status=b"204 No Content") + b"abc",), 204),
    Row("content for HEAD", (OK,), 200, asked=b"HEAD"),
    Row("something after the last chunk", (response(CHUNKED) + b"5\r\nhello\r\n0\r\n\r\nabc",), 200, b"hello"),
    Row("a huge field", (response(b"X: " + b"a" * 9000),), BAD),
    Row("a head without an end", (b"HTTP/1.1 200 OK\r\n" + b"X: %b\r\n" % (b"a" * 100) * 100,), BAD),
    Row("too many fields", (response(*[b"X: y"] * 51, b"Content-Length: 0"),), BAD),
    Row("too many interim responses", (response(status=b"102 Processing") * 5,), BAD),
    Row("chunk extensions without an end", (response(CHUNKED) + b"5;" + b"x" * 9000 + b"\r\nhello\r\n",), BAD),
    Row("too many trailers", (response(CHUNKED), HELLO_CHUNK, b"0\r\n" + b"X: y\r\n" * 60), 200, b"hello", cut=True),
    # Too little.
    Row("nothing at all", (CLOSE,), BAD),
    Row("nothing but a reset", (RESET,), BAD),
    Row("half a head", (b"HTTP/1.1 200 OK\r\nX-", CLOSE), BAD),
    Row("half a head and a reset", (b"HTTP/1.1 200 OK\r\nX-", RESET), BAD),
    Row("nothing after an interim response", (response(status=b"102 Processing"), CLOSE), BAD),
    Row("less than the length", (response(LONGER), b"hello", CLOSE), 200, b"hello", cut=True),
    Row("less than the length, half closed", (response(LONGER), b"hello", HALF_CLOSE), 200, b"hello", cut=True),
    Row("less than the length and a reset", (response(LONGER), b"hello", RESET), 200, b"hello", cut=True),
    Row("no last chunk", (response(CHUNKED), HELLO_CHUNK, CLOSE), 200, b"hello", cut=True),
    Row("half a last chunk", (response(CHUNKED), b"5\r\nhello\r\n0\r\n", CLOSE), 200, b"hello", cut=True),
    Row("half a chunk", (response(CHUNKED), b"9\r\nhello", CLOSE), 200, b"hello", cut=True),
    Row("a reset instead of an end", (response(), b"hello", RESET), 200, b"hello", cut=True),
    # Too slow.
    Row("silence", (), 504),
    Row("silence within the head", (b"HTTP/1.1 200 OK\r\nX-",), 504),
    Row("silence after an interim response", (response(status=b"102 Processing"),), 504),
    Row("silence within the body", (response(LONGER), b"hello"), 200, b"hello", cut=True),
    Row("silence within a chunk", (response(CHUNKED), b"9\r\nhello"), 200, b"hello", cut=True),
    # Malformed.
    Row("not HTTP", (b"SSH-2.0-OpenSSH_9.2\r\n\r\n",), BAD),
    Row("HTTP/0.9", (b"<html>hello</html>\r\n\r\n",), BAD),
    Row("HTTP/2", (response(b"Content-Length: 0", version=b"2.0"),), BAD),
    Row("lines that end in LF", (b"HTTP/1.1 200 OK\nContent-Length: 0\n\r\n\r\n",), BAD),
    Row("a folded field", (response(b"X: a\r\n b", b"Content-Length: 0"),), BAD),
    Row("a space before the colon", (response(b"Content-Length : 0"),), BAD),
    Row("a control character", (response(b"X: a\x01b", b"Content-Length: 0"),), BAD),
    Row("a NUL", (response(b"X: a\0b", b"Content-Length: 0"),), BAD),
    Row("two lengths", (response(b"Content-Length: 5", b"Content-Length: 4") + b"hello",), BAD),
    Row("a length twice", (response(b"Content-Length: 5", b"Content-Length: 5") + b"hello",), BAD),
    Row("a list of lengths", (response(b"Content-Length: 5, 5") + b"hello",), BAD),
    Row("a negative length", (response(b"Content-Length: -5") + b"hello",), BAD),
    Row("a length and chunks", (response(b"Content-Length: 5", CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n",), BAD),
    Row("chunks in HTTP/1.0", (response(CHUNKED, version=b"1.0") + b"5\r\nhello\r\n0\r\n\r\n", CLOSE), BAD),
    Row("another transfer coding", (response(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",), BAD),
    Row("chunked twice", (response(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",), BAD),
    Row("a bad chunk at once", (response(CHUNKED) + b"xyz\r\nhello\r\n",), BAD),
    Row("a bad chunk", (response(CHUNKED), HELLO_CHUNK, b"-1\r\n"), 200, b"hello", cut=True),
    Row("a chunk longer than it says", (response(CHUNKED), b"5\r\nhello", b"xx\r\n0\r\n\r\n"), 200, b"hello", cut=True),
    Row("a huge chunk size", (response(CHUNKED), b"fffffffffffffffff\r\n"), 200, b"", cut=True),
    Row("a status of four digits", (response(b"Content-Length: 0", status=b"2000 OK"),), BAD),
    Row("a status beyond 599", (response(b"Content-Length: 0", status=b"999 Odd"),), BAD),
    Row("a status below 100", (response(b"Content-Length: 0", status=b"099 Odd"),), BAD),
    Row("101 without being asked", (response(b"Connection: upgrade", b"Upgrade: a", status=b"101 Switching"),), BAD),
    Row("101 with nothing in it", (response(status=b"101 Switching") + OK,), BAD),
)  # fmt: skip


class RowCase(ProxyTestCase):
    """Plays rows."""

    async def check(self, row: Row) -> None:
        path = b"/" + row.name.replace(" ", "-").encode()
        self.far.scripts |= {path: row.steps, b"/last": (OK,)}
        came = await self.ask(get(path, method=row.asked or b"GET") + get(b"/last", b"Connection: close"))
        while re.match(rb"HTTP/1\.1 10[23] ", came):
            came = came.partition(b"\r\n\r\n")[2]
        head, _, rest = came.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 %d " % row.status), came)
        content, after, is_whole = _content(head, rest, is_head=row.asked == b"HEAD")
        self.assertEqual(is_whole, not row.cut, came)
        if row.status < 500:
            self.assertEqual(content, row.body, came)
        else:
            self.assertTrue(content.startswith(b"%d " % row.status), came)
        if row.cut:
            self.assertEqual(after, b"")
        else:
            self.assertTrue(after.startswith(b"HTTP/1.1 200 OK\r\n") and after.endswith(b"\r\n\r\nhello"), after)
            if not row.is_slow:
                self.assertEqual(len(self.far.connections), 1 if row.kept else 2)
                self.assertEqual(self.server.in_flight, 0)


class MisbehaviourTests(RowCase):
    """One test for each row that needs no time."""


class SilenceTests(RowCase):
    limits = replace(LIMITS, first_byte_timeout=2, idle_timeout=2)

    async def test_silence_ends(self) -> None:
        """All rows that need time, at once."""
        await gatherResults([Deferred.fromCoroutine(self.check(row)) for row in ROWS if row.is_slow])


class AfterwardsTests(ProxyTestCase):
    """What the server does when its response is out."""

    async def ask_again(self, *steps: Step) -> None:
        """Ask once more when the server has done these steps after its response."""
        self.far.scripts = {b"/row": (OK, *steps), b"/last": (OK,)}
        client = await self.connect()
        client.send(get(b"/row"))
        await client.until(b"hello")
        first = self.far.connections[0]
        await first.closed
        client.send(get(b"/last", b"Connection: close"))
        self.assertEqual((await client.closed).count(b"hello"), 2)
        self.assertEqual(len(self.far.connections), 2)

    async def test_a_connection_that_it_closes_is_not_used_again(self) -> None:
        await self.ask_again(CLOSE)

    async def test_a_connection_on_which_it_says_more_is_not_used_again(self) -> None:
        await self.ask_again(OK)

    async def test_a_kept_connection_that_ends_with_the_next_request_is_made_again(self) -> None:
        self.far.scripts = {b"/row": (OK,), b"/last": (OK,)}
        client = await self.connect()
        client.send(get(b"/row"))
        await client.until(b"hello")
        answer, self.far.answer = self.far.answer, lambda connection, head: close(connection)

        def close(connection: FarConnection) -> None:
            self.far.answer = answer
            connection.play(CLOSE)

        client.send(get(b"/last", b"Connection: close"))
        self.assertEqual((await client.closed).count(b"hello"), 2)
        self.assertEqual((len(self.far.connections), self.server.failures), (2, 0))


def _content(head: bytes, rest: bytes, *, is_head: bool) -> tuple[bytes, bytes, bool]:
    """The content of a response, what follows it, and whether it is whole."""
    if is_head or head[9:12] in (b"204", b"304"):
        return b"", rest, True
    length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
    if length is not None:
        size = int(length[1])
        return rest[:size], rest[size:], len(rest) >= size
    content = b""
    while rest:
        size_line, end, rest = rest.partition(b"\r\n")
        size = int(size_line, 16)
        if not size:
            _trailers, end, rest = (b"\r\n" + rest).partition(b"\r\n\r\n")
            return content, rest, bool(end)
        content, rest = content + rest[:size], rest[size + 2 :]
    return content, b"", False


def _add(row: Row) -> None:
    async def test(self: MisbehaviourTests) -> None:
        await self.check(row)

    name = "test_" + re.sub("[^a-z0-9]+", "_", row.name.lower())
    assert not hasattr(MisbehaviourTests, name), name
    setattr(MisbehaviourTests, name, test)


for _row in ROWS:
    if not _row.is_slow:
        _add(_row)
