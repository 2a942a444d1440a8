"""What of a server's response clients get."""

from __future__ import annotations

from duck_tx.http.forwarded import Origin
from duck_tx.proxy.answer import AnswerHead, AnswerReader, BadAnswer
from duck_tx.proxy.forward import Route
from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.respond import interim_fields, response_head
from duck_tx.proxy.rewrite import View
from duck_tx.proxy.upstream import Upstream
from tests.case import UnitTestCase


def head(*lines: bytes, status: bytes = b"200 OK", version: bytes = b"1.1") -> AnswerHead:
    data = b"\r\n".join([b"HTTP/%b %b" % (version, status), *lines, b"", b""])
    return AnswerReader(UpstreamLimits()).read_head(data, bodyless=False)


def view() -> View:
    origin = Origin("192.0.2.1", 0, "https", b"duck.example", "1")
    return View(Route(b"/api/", strip=True), Upstream("http://app.example"), origin, b"duck.example")


class ResponseHeadTests(UnitTestCase):
    def test_fields_keep_their_order(self) -> None:
        line, block = response_head(
            head(b"X-B: 1", b"x-a: 2", b"Content-Length: 3", b"Set-Cookie: a"), view, moves=False
        )
        self.assertEqual(line, b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(block.lines, b"X-B: 1\r\nx-a: 2\r\nSet-Cookie: a\r\nVia: 1.1 duck_tx\r\n")
        self.assertEqual((block.length, block.has_date, block.has_server), (3, False, False))

    def test_what_is_about_the_connection_is_left_out(self) -> None:
        lines = (
            b"Connection: close, X-Mine, Content-Type",
            b"X-Mine: a",
            b"Keep-Alive: 5",
            b"Content-Type: b",
            b"Trailer: c",
        )
        _, block = response_head(head(*lines, version=b"1.0"), view, moves=False)
        self.assertEqual(block.lines, b"Content-Type: b\r\nVia: 1.0 duck_tx\r\n")

    def test_trailers_are_announced_where_some_may_follow(self) -> None:
        _, block = response_head(head(b"Transfer-Encoding: chunked", b"TRAILER: X-Sum, X-B"), view, moves=False)
        self.assertEqual(block.lines, b"Via: 1.1 duck_tx\r\nTrailer: X-Sum, X-B\r\n")

    def test_the_reason_is_kept(self) -> None:
        self.assertEqual(
            response_head(head(status=b"404 Gone fishing"), view, moves=False)[0], b"HTTP/1.1 404 Gone fishing\r\n"
        )

    def test_links_are_turned_back_where_paths_move_and_in_redirections(self) -> None:
        for status, moves, link in (
            (b"200 OK", True, b"/api/x"),
            (b"200 OK", False, b"/x"),
            (b"302 Found", False, b"/api/x"),
            (b"201 Created", False, b"/api/x"),
        ):
            _, block = response_head(head(b"Location: /x", status=status), view, moves=moves)
            self.assertEqual(block.lines, b"Location: %b\r\nVia: 1.1 duck_tx\r\n" % link)

    def test_a_status_that_no_client_knows_is_a_fault(self) -> None:
        self.assertRaises(BadAnswer, response_head, head(status=b"600 Odd"), view, moves=False)

    def test_interim_responses_keep_what_is_not_about_the_connection(self) -> None:
        hints = head(b"Link: </a>", b"Connection: X", b"X: y", b"Upgrade: z", status=b"103 Early Hints")
        self.assertEqual(interim_fields(hints), [(b"Link", b"</a>")])
