"""Streams of events through the proxy, which end with this server."""

from __future__ import annotations

from tests.unit.proxy_case import GET, OK, FarEnd, ProxyCase
from tests.unit.wire_case import Connection

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST = b"9\r\ndata: 1\n\n\r\n"
END = b"0\r\n\r\n"


class FarewellTests(ProxyCase):
    def stream(self, head: bytes = EVENTS) -> tuple[Connection, FarEnd]:
        """A client that hears events, and who sends them."""
        client = self.ask()
        self.answer(head + FIRST)
        return client, self.far

    def assertAllEnded(self) -> None:
        self.assertEqual((self.site.farewells, self.server.in_flight, self.server.failures), (set(), 0, 0))

    def test_they_end_when_the_server_stops(self) -> None:
        client, far = self.stream()
        self.assertEqual(len(self.site.farewells), 1)
        self.site.drain()
        self.assertTrue(client.received.endswith(FIRST + END))
        self.assertTrue(far.wire.aborted)
        self.assertAllEnded()

    def test_so_do_those_that_begin_then(self) -> None:
        client = self.ask()
        self.site.drain()
        self.answer(EVENTS + FIRST)
        self.assertTrue(client.received.endswith(FIRST + END))
        self.assertAllEnded()

    def test_those_that_end_earlier_are_not_ended_again(self) -> None:
        client, far = self.stream()
        far.send(END)
        self.assertTrue(client.received.endswith(FIRST + END))
        self.assertAllEnded()
        gone, _ = self.stream()
        gone.lose()
        self.assertAllEnded()
        self.site.drain()

    def test_those_that_break_off_are_not_ended_properly(self) -> None:
        client, far = self.stream()
        with self.says("the response was cut"):
            far.reset()
        self.assertNotIn(END, client.received)
        self.assertEqual((self.site.farewells, self.server.in_flight), (set(), 0))

    def test_other_responses_may_finish(self) -> None:
        client, far = self.stream(EVENTS.replace(b"Text/Event-Stream", b"text/plain"))
        self.site.drain()
        self.assertTrue(client.received.endswith(FIRST))
        far.send(END)
        self.assertTrue(client.received.endswith(FIRST + END))
        self.assertAllEnded()

    def test_the_rest_of_an_upload_is_not_wanted_any_more(self) -> None:
        client = self.ask(GET.replace(b"GET", b"POST")[:-2] + b"Content-Length: 9\r\n\r\nabc")
        self.answer(EVENTS + FIRST)
        self.site.drain()
        self.assertTrue(client.received.endswith(FIRST + END))
        client.send(b"defghi")
        self.assertAllEnded()

    def test_a_connection_serves_the_next_request_after_them(self) -> None:
        client, far = self.stream()
        far.send(END)
        client.take()
        client.send(GET)
        far.send(OK)
        self.assertTrue(client.received.endswith(b"hello"))
