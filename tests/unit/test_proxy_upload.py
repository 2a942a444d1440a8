"""Bodies of requests on their way to a server."""

from __future__ import annotations

from duck_tx.proxy.limits import UpstreamLimits
from tests.unit.logged import logged_lines
from tests.unit.proxy_case import OK, ProxyCase

POST = b"POST /x HTTP/1.1\r\nHost: duck.example\r\n"
HELLO = b"\r\nVia: 1.1 duck_tx\r\nContent-Length: 5\r\n\r\nhello"


class UploadTests(ProxyCase):
    limits = UpstreamLimits(continue_timeout=1.0, idle_timeout=5, first_byte_timeout=8)

    def test_a_body_goes_on_while_it_comes(self) -> None:
        client = self.ask(POST + b"Content-Length: 6\r\n\r\n")
        self.assertTrue(self.far.take().endswith(b"Content-Length: 6\r\n\r\n"))
        client.send(b"abc")
        self.assertEqual(self.far.take(), b"abc")
        client.send(b"def")
        self.assertEqual(self.far.take(), b"def")
        self.answer(OK)
        self.assertIn(HELLO, client.received)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(len(self.network.ends), 1)

    def test_chunks_go_on_as_chunks(self) -> None:
        client = self.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        self.far.take()
        client.send(b"3;x=y\r\nabc\r\n")
        self.assertEqual(self.far.take(), b"3\r\nabc\r\n")
        client.send(b"0\r\nX: y\r\n\r\n")
        self.assertEqual(self.far.take(), b"0\r\nX: y\r\n\r\n")

    def test_a_slow_server_slows_the_client_down(self) -> None:
        client = self.ask(POST + b"Content-Length: 200000\r\n\r\n")
        self.far.protocol.outlet.pauseProducing()
        client.send(*[b"a" * 10_000] * 20)
        self.assertGreater(client.held_back, 50_000)
        self.wait(4)
        self.far.protocol.outlet.resumeProducing()
        client.settle()
        self.assertEqual(client.held_back, 0)
        self.assertTrue(self.far.received.endswith(b"a" * 200_000))

    def test_a_server_that_does_not_read_is_given_up(self) -> None:
        client = self.ask(POST + b"Content-Length: 200000\r\n\r\n")
        self.far.protocol.outlet.pauseProducing()
        with self.says("did not read the request in time", "504"):
            self.wait(6.5)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 504 "))
        self.assertTrue(self.far.wire.aborted)

    def test_the_time_for_an_answer_begins_with_the_end_of_the_body(self) -> None:
        client = self.ask(POST + b"Content-Length: 2\r\n\r\na")
        self.wait(15)
        self.assertFalse(self.far.wire.closed)
        client.send(b"b")
        self.wait(7)
        self.assertFalse(self.far.wire.closed)
        with self.says("did not begin in time"):
            self.wait(2.5)

    def test_a_client_that_waits_to_be_asked_is_asked_by_the_server(self) -> None:
        client = self.ask(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        self.assertTrue(self.far.take().endswith(b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"))
        self.assertEqual(client.received, b"")
        self.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(b"abc")
        self.assertEqual(self.far.take(), b"abc")
        self.answer(OK)
        self.assertIn(HELLO, client.received)

    def test_a_server_that_does_not_ask_gets_the_body_all_the_same(self) -> None:
        client = self.ask(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        self.wait(1.25)
        self.assertEqual(client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(b"abc")
        self.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 "), client.received)

    def test_a_server_that_refuses_is_not_sent_the_body(self) -> None:
        client = self.ask(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        self.far.take()
        self.answer(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 401 No\r\n"), client.received)
        self.wait(3)
        self.assertNotIn(b"100 Continue", client.received)
        self.assertTrue(self.far.wire.closed)
        self.assertEqual((self.far.take(), self.server.in_flight), (b"", 0))

    def test_an_answer_before_the_end_of_the_body_is_handed_on(self) -> None:
        client = self.ask(POST + b"Content-Length: 9\r\n\r\nabc")
        self.answer(b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 413 Too much\r\n"), client.received)
        self.assertTrue(client.received.endswith(b"\r\n\r\nno"))
        self.assertTrue(self.far.wire.closed)
        self.assertEqual(self.server.in_flight, 0)

    def test_both_directions_flow_at_once(self) -> None:
        client = self.ask(POST + b"Content-Length: 2\r\n\r\na")
        self.far.take()
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nA")
        client.send(b"b")
        self.assertEqual(self.far.take(), b"b")
        self.answer(b"B")
        self.assertTrue(client.received.endswith(b"\r\n\r\nAB"))
        self.assertFalse(self.far.wire.closed)

    def test_what_came_in_many_pieces_is_sent_again_as_one(self) -> None:
        self.repeats = True
        self.add_server("http://other.example")
        client = self.ask(b"PUT /x HTTP/1.1\r\nHost: duck.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(*[b"1\r\na\r\n"] * 30)
        self.assertEqual(self.far.take().count(b"1\r\na\r\n"), 30)
        with logged_lines():
            self.far.reset()
        [other] = self.networks[1].ends
        self.assertTrue(other.take().endswith(b"\r\n\r\n1e\r\n%b\r\n" % (b"a" * 30)))
        client.send(b"2\r\nbc\r\n0\r\n\r\n")
        self.assertEqual(other.take(), b"2\r\nbc\r\n0\r\n\r\n")

    def test_a_malformed_body_is_not_passed_off_as_whole(self) -> None:
        client = self.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.send(b"x\r\n")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 400 "), client.received)
        self.assertTrue(self.far.wire.aborted)
        self.assertFalse(self.far.received.endswith(b"0\r\n\r\n"))
        self.assertEqual((self.server.in_flight, self.server.failures), (0, 0))

    def test_a_client_that_leaves_within_its_body_ends_the_request(self) -> None:
        client = self.ask(POST + b"Content-Length: 9\r\n\r\nabc")
        client.lose()
        self.assertTrue(self.far.wire.aborted)
        self.assertEqual((self.server.in_flight, self.server.failures), (0, 0))

    def test_a_body_that_is_too_large_is_refused_by_us(self) -> None:
        self.site = self.proxy(max_body=5)
        client = self.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.send(b"3\r\ndef\r\n")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 413 "), client.received)
        self.assertTrue(self.far.wire.aborted)
