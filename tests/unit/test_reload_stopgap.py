"""What is said where there is no server."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.protocol import connectionDone as connection_done
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from duck_tx.reload.stopgap import Stopgap, _Visit, answer
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.spawning import until

_WHY = "The server has failed (exit status <3>)."


class AnswerTests(UnitTestCase):
    def test_a_browser_gets_a_page_that_loads_again_when_there_is_a_server(self) -> None:
        head, _, page = answer(b"GET /a HTTP/1.1\r\nAccept: text/html,*/*\r\n\r\n", _WHY).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html"), head)
        self.assertIn(b"Content-Length: %d\r\n" % len(page), head)
        self.assertIn(b"The server has failed (exit status &lt;3&gt;).", page)
        self.assertIn(b'<script src="/__duck__/script.js" data-stamp=""', page)

    def test_others_get_a_line_and_who_asks_for_a_head_gets_that(self) -> None:
        whole = answer(b"GET / HTTP/1.1\r\n\r\n", _WHY)
        self.assertTrue(whole.endswith(f"\r\n\r\n503 {_WHY}\n".encode()))
        self.assertEqual(answer(b"HEAD / HTTP/1.1\r\n\r\n", _WHY), whole.removesuffix(f"503 {_WHY}\n".encode()))

    def test_its_script_is_there_and_who_listens_hears_nothing_yet(self) -> None:
        script = answer(b"GET /__duck__/script.js HTTP/1.1\r\n\r\n", _WHY)
        self.assertIn(b"EventSource", script)
        self.assertTrue(script.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(answer(b"GET /__duck__/events HTTP/1.1\r\n\r\n", _WHY), b"")

    def test_what_makes_no_sense_is_answered_too(self) -> None:
        self.assertIn(b" 503 ", answer(b"\r\n\r\n", _WHY))


class _Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class VisitTests(UnitTestCase):
    def visit(self, *pieces: bytes) -> _Transport:
        visit, transport = _Visit(_WHY, set()), _Transport()
        visit.makeConnection(transport)
        for piece in pieces:
            visit.dataReceived(piece)
        return transport

    def test_a_request_in_pieces_is_answered_once(self) -> None:
        transport = self.visit(b"GET / HTTP/1.1\r\n", b"\r\n", b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(transport.value().count(b"HTTP/1.1 503"), 1)
        self.assertTrue(transport.disconnecting)

    def test_what_cannot_be_answered_is_let_go_at_once(self) -> None:
        self.assertTrue(self.visit(b"\x16\x03\x01").aborted)
        self.assertTrue(self.visit(b"a" * 70_000).aborted)

    def test_a_listener_stays(self) -> None:
        transport = self.visit(b"GET /__duck__/events HTTP/1.1\r\n\r\n")
        self.assertEqual((transport.value(), transport.disconnecting), (b"", False))


class _Client(Protocol):
    """Collects what it is sent."""

    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connection_done) -> None:
        self.ended.callback(self.received)


class StopgapTests(AsyncTestCase):
    async def connect(self, address: tuple[str, int]) -> _Client:
        from twisted.internet import reactor
        from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

        running: Any = reactor
        client: _Client = await connectProtocol(TCP4ClientEndpoint(running, *address), _Client())
        return client

    async def test_it_answers_until_it_is_closed_and_then_lets_those_go_that_listen(self) -> None:
        from twisted.internet import reactor

        # Bound, and nobody has listened on it: so is the port when the first server fails.
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        stopgap = Stopgap(reactor)
        self.addCleanup(stopgap.close)
        stopgap.open([sock.fileno()], _WHY)
        client, listener, silent = [await self.connect(sock.getsockname()) for _ in range(3)]
        transport: Any = client.transport
        transport.write(b"GET / HTTP/1.1\r\n\r\n")
        self.assertIn(_WHY.encode(), await client.ended)
        transport = listener.transport
        transport.write(b"GET /__duck__/events HTTP/1.1\r\n\r\n")
        await until(lambda: len(stopgap._visits) == 2 and any(each._listens for each in stopgap._visits))
        stopgap.close()
        self.assertEqual(await listener.ended, b"")
        transport = silent.transport
        transport.write(b"GET / HTTP/1.1\r\n\r\n")
        self.assertIn(_WHY.encode(), await silent.ended)
        # It is the caller's, and still listens, for the next server.
        os.fstat(sock.fileno())
        later = await self.connect(sock.getsockname())
        transport = later.transport
        transport.abortConnection()
        await later.ended.addErrback(lambda failure: None)
