"""The question of a health check on the wire."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from duck_tx.proxy.health import TooLong
from duck_tx.proxy.pool import Pool
from duck_tx.proxy.question import Question
from duck_tx.proxy.server import Server
from duck_tx.proxy.upstream import Upstream
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines


class QuestionTests(UnitTestCase):
    def asked(self, url: str = "http://127.0.0.1:9000/base") -> tuple[Deferred[int], Any, StringTransport]:
        """A question that has a connection: its answer, the protocol and its transport."""
        reactor = MemoryReactorClock()
        upstream = Upstream(url)
        server = Server(upstream, Pool(reactor, upstream), name="a", seconds=reactor.seconds)
        question = Question(reactor, "/health?a=%2F", lambda server: "site.example")
        answer = Deferred.fromCoroutine(question.ask(server))
        clients = reactor.unixClients if url.startswith("unix:") else reactor.tcpClients
        factory: Any = clients[0][1 if url.startswith("unix:") else 2]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return answer, protocol, transport

    def test_it_is_a_plain_request_on_a_connection_of_its_own(self) -> None:
        for url, path in (("http://127.0.0.1:9000/base", b"/base/health"), ("unix:/run/x.sock", b"/health")):
            _, _, transport = self.asked(url)
            sent = transport.value()
            self.assertTrue(sent.startswith(b"GET %b?a=%%2F HTTP/1.1\r\n" % path), sent)
            lines = sent.split(b"\r\n")
            self.assertIn(b"Host: site.example", lines)
            self.assertIn(b"User-Agent: duck_tx health check", lines)
            self.assertIn(b"Connection: close", lines)

    def test_the_status_is_the_answer_and_the_rest_is_not_waited_for(self) -> None:
        answer, protocol, transport = self.asked()
        protocol.dataReceived(b"HTTP/1.1 503 Sorry\r\nContent-Length: 1000000000\r\n\r\nabc")
        self.assertEqual(self.successResultOf(answer), 503)
        self.assertTrue(transport.disconnecting or transport.disconnected)

    def test_a_redirect_is_not_followed(self) -> None:
        answer, protocol, _ = self.asked()
        protocol.dataReceived(b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.successResultOf(answer), 301)

    def test_a_head_without_an_end_is_not_read_for_ever(self) -> None:
        answer, protocol, transport = self.asked()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\n")
        for number in range(64):
            self.assertFalse(transport.disconnecting)
            protocol.dataReceived(b"X-%d: %s\r\n" % (number, b"a" * 1024))
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(answer, TooLong)

    def test_a_large_answer_that_comes_at_once_is_none_that_is_too_long(self) -> None:
        answer, protocol, _ = self.asked()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"a" * 100_000)
        self.assertEqual(self.successResultOf(answer), 200)

    def test_a_server_with_tls_need_not_agree_to_the_end(self) -> None:
        answer, protocol, transport = self.asked()
        below = StringTransport()
        vars(transport)["transport"] = below
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        self.assertEqual(self.successResultOf(answer), 200)
        self.assertTrue(below.disconnecting)

    def test_a_question_that_is_given_up_leaves_no_connection(self) -> None:
        answer, _, transport = self.asked()
        answer.cancel()
        self.failureResultOf(answer)
        self.assertTrue(transport.disconnecting)

    def test_nothing_is_logged_of_it(self) -> None:
        with logged_lines() as lines:
            answer, protocol, _ = self.asked()
            protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((self.successResultOf(answer), lines), (200, []))
