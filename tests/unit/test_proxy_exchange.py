"""A request on its way to a server and back."""

from __future__ import annotations

import http.client
from io import BytesIO

from duck_tx.proxy.forward import Route
from duck_tx.proxy.limits import UpstreamLimits
from tests.unit.logged import logged_lines
from tests.unit.proxy_case import GET, OK, ProxyCase


class FakeSocket:
    """What ``http.client`` reads a response from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._data)


POST = b"POST /x HTTP/1.1\r\nHost: duck.example\r\n"
VIA = b"Via: 1.1 duck_tx\r\n"


def answer(fields: bytes, rest: bytes = b"") -> bytes:
    """What a client gets for a response with these fields."""
    return b"HTTP/1.1 200 OK\r\nServer: duck_tx\r\nDate: *\r\n" + fields + b"\r\n" + rest


HELLO = answer(VIA + b"Content-Length: 5\r\n", b"hello")


class ResponseTests(ProxyCase):
    def test_a_response_is_handed_on_and_the_connection_kept(self) -> None:
        client = self.ask()
        self.answer(OK)
        self.assertEqual(client.take(), HELLO)
        client.send(GET)
        self.answer(OK)
        self.assertEqual(client.take(), HELLO)
        self.assertEqual(len(self.network.ends), 1)
        self.assertEqual((self.server.in_flight, self.server.answered, self.server.failures), (0, 2, 0))

    def test_a_response_is_the_same_however_it_is_cut(self) -> None:
        for response in (OK, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"):
            for at in range(1, len(response)):
                client = self.ask()
                self.answer(response[:at], response[at:])
                came = http.client.HTTPResponse(FakeSocket(client.take()))  # type: ignore[arg-type]
                came.begin()
                self.assertEqual((came.status, came.read(), came.getheader("Via")), (200, b"hello", "1.1 duck_tx"))
        self.assertEqual(len(self.network.ends), 1)

    def test_a_body_goes_on_while_it_comes(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        self.assertEqual(client.take(), answer(VIA + b"Content-Length: 6\r\n"))
        self.answer(b"abc")
        self.assertEqual(client.take(), b"abc")
        self.answer(b"def")
        self.assertEqual(client.take(), b"def")
        self.assertEqual(self.server.in_flight, 0)

    def test_chunks_and_trailers_are_handed_on(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n")
        self.answer(b"1\r\nd\r\n0\r\nX-Sum: 9\r\nContent-Type: no\r\n\r\n")
        body = b"3\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 9\r\n\r\n"
        self.assertTrue(client.received.endswith(b"\r\n\r\n" + body), client.received)
        self.assertEqual(len(self.far.take()) > 0, True)
        self.assertEqual(self.server.in_flight, 0)

    def test_a_body_that_ends_with_the_connection_is_handed_on(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.0 200 OK\r\n\r\nabc")
        self.answer(b"def")
        self.far.half_close()
        came = answer(b"Via: 1.0 duck_tx\r\nTransfer-Encoding: chunked\r\n", b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
        self.assertEqual(client.received, came)
        self.assertFalse(client.wire.closed)
        self.assertEqual(self.server.pool.connections, set())

    def test_head_and_responses_without_content_have_none(self) -> None:
        for asked, response, length in (
            (b"HEAD", b"200 OK\r\nContent-Length: 7\r\n", b"Content-Length: 7\r\n"),
            (b"HEAD", b"200 OK\r\nTransfer-Encoding: chunked\r\n", b""),
            (b"GET", b"204 No Content\r\n", b""),
            (b"GET", b"304 Not Modified\r\nContent-Length: 7\r\n", b"Content-Length: 7\r\n"),
        ):
            with self.subTest(response):
                client = self.ask(GET.replace(b"GET", asked))
                self.answer(b"HTTP/1.1 " + response + b"\r\n")
                self.assertTrue(client.received.endswith(VIA + length + b"\r\n"), client.received)
                self.assertFalse(client.wire.closed)
        self.assertEqual(len(self.network.ends), 1)

    def test_what_comes_after_the_end_costs_the_connection(self) -> None:
        for response in (
            OK + b"x",
            OK + OK,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        ):
            with self.subTest(response):
                client = self.ask()
                self.answer(response)
                self.assertEqual(client.received, HELLO)
                self.assertTrue(self.far.wire.closed)
        client = self.ask()
        self.answer(OK)
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
        self.assertEqual(client.take(), HELLO)
        self.assertTrue(self.far.wire.closed)

    def test_interim_responses_are_handed_on(self) -> None:
        client = self.ask()
        self.answer(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nX: y\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        )
        self.assertEqual(client.take(), b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.answer(OK)
        self.assertEqual(client.take(), HELLO)

    def test_fields_about_the_connection_are_not_handed_on(self) -> None:
        client = self.ask()
        self.answer(
            b"HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=9\r\nX-Mine: a\r\n"
            b"Upgrade: b\r\nProxy-Connection: c\r\nServer: far\r\nDate: today\r\nVia: 1.1 other\r\nX: y\r\nX: z\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        came = (
            b"HTTP/1.1 200 Fine\r\nServer: far\r\nDate: *\r\nVia: 1.1 other\r\nX: y\r\nX: z\r\n" + VIA
            + b"Content-Length: 0\r\n\r\n"
        )  # fmt: skip
        self.assertEqual(client.received, came)

    def test_links_and_cookies_are_turned_back(self) -> None:
        self.site = self.proxy(Route(b"/api/", strip=True))
        client = self.ask(GET.replace(b"/x", b"/api/x%20?y"))
        self.assertTrue(self.far.received.startswith(b"GET /x%20?y HTTP/1.1\r\nHost: duck.example\r\n"))
        self.answer(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b"Location: /api/y\r\nSet-Cookie: a=b; Path=/api\r\n", client.received)

    def test_a_redirection_to_the_server_itself_leads_to_the_client_s_host(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 301 Moved\r\nLocation: http://app.example:9000/y\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b"Location: http://duck.example/y\r\n", client.received)


class PaceTests(ProxyCase):
    def test_a_slow_client_slows_the_server_down(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na")
        client.channel.outlet.pauseProducing()  # type: ignore[attr-defined]
        self.assertFalse(self.far.is_read)
        self.wait(29)
        client.channel.outlet.resumeProducing()  # type: ignore[attr-defined]
        self.assertTrue(self.far.is_read)
        self.answer(b"b" * 999)
        self.assertTrue(client.received.endswith(b"b" * 999))

    def test_a_connection_on_which_a_client_was_slow_is_kept(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        client.channel.outlet.pauseProducing()  # type: ignore[attr-defined]
        self.answer(b"b")
        self.assertTrue(self.far.is_read)
        client.channel.outlet.resumeProducing()  # type: ignore[attr-defined]
        self.ask()
        self.assertEqual(len(self.network.ends), 1)

    def test_a_client_that_leaves_ends_the_work(self) -> None:
        for response in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"):
            client = self.ask()
            self.far.send(response)
            client.lose()
            self.assertTrue(self.far.wire.aborted)
            self.far.settle()
            self.assertEqual((self.server.in_flight, self.server.failures), (0, 0))

    def test_a_client_that_leaves_before_there_is_a_connection_stops_it(self) -> None:
        self.network.is_open = False
        self.ask().lose()
        self.assertEqual((self.network.cancelled, self.server.in_flight), (1, 0))
        self.assertEqual(self.server.pool.connections, set())


class TroubleTests(ProxyCase):
    limits = UpstreamLimits(
        connect_timeout=3, first_byte_timeout=4, idle_timeout=5, max_head=500, max_fields=8, max_interim=2
    )

    def assert_refused(self, received: bytes, status: int) -> None:
        self.assertTrue(received.startswith(b"HTTP/1.1 %d " % status), received)
        self.assertIn(b"Content-Type: text/plain; charset=utf-8\r\n", received)
        self.assertEqual(self.server.in_flight, 0)

    def test_what_is_no_response_is_answered_with_502(self) -> None:
        for response, why in (
            (b"garbage\r\n\r\n", "not HTTP/1.1"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "malformed"),
            (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "malformed"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500, "too large"),
            (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 9 + b"\r\n", "too many header fields"),
            (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3, "too many interim"),
            (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "without being asked"),
            (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "cannot be handed on"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "chunks"),
        ):
            with self.subTest(response), self.says(self.url, why, "answered with 502"):
                client = self.ask()
                self.answer(response)
                final = client.received.replace(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"")
                self.assert_refused(final, 502)
                self.assertTrue(self.far.wire.closed)
                self.assertFalse(client.wire.closed)

    def test_a_connection_that_cannot_be_made_is_answered_with_502(self) -> None:
        self.network.is_open = False
        client = self.ask()
        with self.says("the connection was refused"):
            self.far.refuse()
        self.assert_refused(client.received, 502)
        self.assertEqual(self.server.failures, 1)

    def test_a_connection_that_is_not_made_in_time_is_answered_with_504(self) -> None:
        self.network.is_open = False
        client = self.ask()
        with self.says("not made in time", "504"):
            self.wait(4.5)
        self.assert_refused(client.received, 504)
        self.assertEqual(self.network.cancelled, 1)

    def test_a_response_that_does_not_begin_in_time_is_answered_with_504(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200")
        self.wait(3)
        self.answer(b" OK\r\n")
        self.assertEqual(client.received, b"")
        with self.says("did not begin in time", "504"):
            self.wait(2.5)
        self.assert_refused(client.received, 504)
        self.assertTrue(self.far.wire.aborted)

    def test_a_server_that_falls_silent_cuts_the_response(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.wait(4)
        self.answer(b"3\r\ndef\r\n")
        self.wait(4)
        self.assertFalse(client.wire.closed)
        with self.says("fell silent", "was cut"):
            self.wait(2.5)
        self.assertTrue(client.wire.closed)
        self.assertTrue(client.received.endswith(b"def\r\n"))
        # It may have had nothing to say.
        self.assertEqual(self.server.failures, 0)

    def test_responses_that_all_break_off_leave_the_server_out(self) -> None:
        self.add_server("http://app.example:9001")
        for server in self.servers:
            server.peers = self.servers
        for _ in range(3):
            self.assertEqual(self.server.state, "up")
            self.ask()
            self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            self.far.close()
        self.assertEqual(self.server.state, "out")
        self.wait(10)
        self.server.tried(self.clock.seconds())
        self.assertFalse(self.server.is_in(self.clock.seconds()))
        self.ask().lose()
        self.assertTrue(self.server.is_in(self.clock.seconds()))
        self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"def", b"ghi")
        self.assertEqual(self.server.state, "up")
        self.ask()
        self.far.close()
        self.assertEqual(self.server.state, "up")

    def test_a_connection_that_ends_early_is_answered_with_502(self) -> None:
        for sent in (b"", b"HTTP/1.1 200 OK\r\nX"):
            for end in ("close", "reset", "half_close"):
                with (
                    self.subTest(sent=sent, end=end),
                    self.says("before it answered" if not sent else "within the head"),
                ):
                    client = self.ask()
                    self.answer(sent)
                    getattr(self.far, end)()
                    self.assert_refused(client.received, 502)

    def test_a_truncated_response_is_never_passed_off_as_whole(self) -> None:
        for sent, end in (
            (b"Content-Length: 9\r\n\r\nabc", "close"),
            (b"Content-Length: 9\r\n\r\nabc", "half_close"),
            (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "close"),
            (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "close"),
            (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx", "close"),
            (b"\r\nabc", "reset"),
        ):
            with self.subTest(sent=sent, end=end), self.says("the response was cut"):
                client = self.ask()
                self.far.send(b"HTTP/1.1 200 OK\r\n" + sent[: sent.index(b"abc") + 3], sent[sent.index(b"abc") + 3 :])
                getattr(self.far, end)()
                self.assertTrue(client.wire.closed)
                self.assertNotIn(b"0\r\n\r\n", client.received.partition(b"\r\n\r\n")[2])
                self.assertEqual(self.server.in_flight, 0)

    def test_without_a_server_the_answer_is_503(self) -> None:
        self.servers.clear()
        with logged_lines() as lines:
            client = self.ask()
        self.assertEqual(lines, ["no server is left to ask; GET /x: answered with 503"])
        self.assertTrue(client.received.startswith(b"HTTP/1.1 503 "))
        self.assertIn(b"Retry-After: 5\r\n", client.received)


class RetryTests(ProxyCase):
    def setUp(self) -> None:
        super().setUp()
        self.add_server("http://app.example:9001")
        self.repeats = True

    def test_another_server_is_asked(self) -> None:
        self.network.is_open = False
        client = self.ask()
        self.far.refuse()
        self.networks[1].ends[0].send(OK)
        self.assertEqual(client.received, HELLO)
        [attempt] = self.attempts
        self.assertEqual(
            (attempt.server, attempt.status, attempt.was_written, attempt.was_kept), (self.server, 502, False, False)
        )
        self.assertEqual([server.in_flight for server in self.servers], [0, 0])

    def test_a_kept_connection_that_had_ended_is_made_again(self) -> None:
        client = self.ask()
        self.answer(OK)
        client.take()
        client.send(GET)
        self.far.close()
        self.assertEqual(len(self.network.ends), 2)
        self.answer(OK)
        self.assertEqual(client.received, HELLO)
        [attempt] = self.attempts
        self.assertEqual((attempt.was_kept, attempt.was_written, attempt.has_answered), (True, True, False))
        self.assertEqual(self.server.failures, 0)

    def test_it_is_the_same_server_that_is_asked_again_then(self) -> None:
        client = self.ask()
        self.answer(OK)
        client.send(GET)
        # Another one's turn would be next.
        self.servers.reverse()
        self.far.close()
        self.assertEqual([len(network.ends) for network in self.networks], [2, 0])

    def test_a_response_that_has_begun_is_not_asked_for_again(self) -> None:
        client = self.ask()
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        self.far.close()
        self.assertTrue(client.wire.closed)
        self.assertEqual(self.attempts, [])

    def test_a_body_is_sent_again(self) -> None:
        self.ask(POST + b"Content-Length: 3\r\n\r\nabc")
        self.far.close()
        again = self.networks[1].ends[0]
        self.assertTrue(again.received.endswith(b"\r\nContent-Length: 3\r\n\r\nabc"), again.received)

    def test_a_body_that_still_comes_is_sent_again_from_its_beginning(self) -> None:
        client = self.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.far.close()
        client.send(b"2\r\nde\r\n0\r\nX: y\r\n\r\n")
        again = self.networks[1].ends[0]
        self.assertTrue(again.received.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"), again.received)
        again.send(OK)
        self.assertEqual(client.received, HELLO)

    def test_a_body_that_is_not_remembered_is_not(self) -> None:
        client = self.ask(POST + b"Content-Length: 100000\r\n\r\n")
        client.send(b"a" * 70_000)
        self.far.close()
        self.assertEqual(self.attempts, [])
        self.assertTrue(client.received.startswith(b"HTTP/1.1 502 "))
