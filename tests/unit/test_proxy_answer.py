"""Responses of servers, as they are read."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.proxy.answer import AnswerHead, AnswerReader, BadAnswer
from duck_tx.proxy.limits import UpstreamLimits
from tests.case import UnitTestCase

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PIECES = (
    b"3\r\nabc\r\n", b"0\r\n", b"\r\n", b"0\r\n\r\n", b"X: y\r\n", b";x", CHUNKED, OK, b"HTTP/1.1 101 S\r\n",
    b"Connection: upgrade\r\n", b"Upgrade: a\r\n", b"Content-Length: 1\r\n", b"\0", b"\n",
)  # fmt: skip


def read(head: bytes, *, bodyless: bool = False, **limits: int) -> AnswerHead:
    return AnswerReader(UpstreamLimits(**limits)).read_head(head, bodyless=bodyless)


class HeadTests(UnitTestCase):
    def test_a_head_is_read(self) -> None:
        head = read(OK + b"Server: x\r\nX-A:  b \t\r\nContent-Length: 3\r\n\r\n")
        self.assertEqual((head.code, head.reason, head.version), (200, b"OK", b"1.1"))
        self.assertEqual(head.fields, [(b"Server", b"x"), (b"X-A", b"b"), (b"Content-Length", b"3")])
        self.assertEqual((head.length, head.chunked, head.keep_alive, head.nominates), (3, False, True, False))

    def test_the_framing_is_found(self) -> None:
        for fields, length, chunked, keep_alive in (
            (b"Content-Length: 0\r\n", 0, False, True),
            (b"Transfer-Encoding: chunked\r\n", None, True, True),
            (b"Transfer-Encoding: Chunked\r\nConnection: close\r\n", None, True, False),
            (b"", None, False, False),
            (b"Connection: keep-alive\r\n", None, False, False),
            (b"Connection: close, x\r\nContent-Length: 1\r\n", 1, False, False),
        ):
            with self.subTest(fields):
                head = read(OK + fields + b"\r\n")
                self.assertEqual((head.length, head.chunked, head.keep_alive), (length, chunked, keep_alive))

    def test_http_1_0_keeps_the_connection_only_where_it_says_so(self) -> None:
        self.assertFalse(read(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").keep_alive)
        head = read(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n")
        self.assertEqual((head.version, head.keep_alive), (b"1.0", True))

    def test_responses_without_a_body_have_none(self) -> None:
        for status, fields, bodyless in (
            (b"200 OK", b"Content-Length: 7\r\n", True),
            (b"200 OK", b"Transfer-Encoding: chunked\r\n", True),
            (b"204 No Content", b"", False),
            (b"204 No Content", b"Content-Length: 7\r\n", False),
            (b"304 Not Modified", b"Content-Length: 7\r\n", False),
            (b"304 Not Modified", b"Transfer-Encoding: chunked\r\n", False),
            (b"100 Continue", b"", False),
        ):
            with self.subTest(status, fields=fields):
                head = read(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n", bodyless=bodyless)
                self.assertEqual((head.length, head.chunked), (0, False))

    def test_connection_may_name_fields(self) -> None:
        self.assertTrue(read(OK + b"Connection: close, X-Mine\r\n\r\n").nominates)
        self.assertFalse(read(OK + b"Connection: Keep-Alive\r\n\r\n").nominates)

    def test_the_server_may_say_how_long_it_keeps_the_connection(self) -> None:
        self.assertEqual(read(OK + b"Keep-Alive: timeout=5, max=100\r\n\r\n").kept_for, 5)
        self.assertEqual(read(OK + b"Keep-Alive: max=100,Timeout=2\r\n\r\n").kept_for, 2)
        self.assertIsNone(read(OK + b"Keep-Alive: xtimeout=5\r\n\r\n").kept_for)

    def test_a_switch_of_protocols_is_a_head_like_others(self) -> None:
        self.assertEqual(read(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n").code, 101)
        self.assertEqual(read(b"HTTP/1.1 101 X\r\n\r\n").code, 101)

    def test_a_switch_whose_head_is_malformed_is_none(self) -> None:
        for field in (b"X a: b", b"X: a\x00b", b"X: a\r\n b"):
            with self.assertRaises(BadAnswer):
                read(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: a\r\n" + field + b"\r\n\r\n")

    def test_what_could_be_read_in_two_ways_is_refused(self) -> None:
        for head in (
            OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
            OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
            OK + b"Content-Length: 1, 1\r\n\r\n",
            OK + b"Content-Length: +1\r\n\r\n",
            OK + b"Content-Length: 0x1\r\n\r\n",
            OK + b"Content-Length: \r\n\r\n",
            OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
            OK + b"Content-Length : 1\r\n\r\n",
            OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            OK + b"Transfer-Encoding: identity\r\n\r\n",
            OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            OK + b"X: a\r\n b\r\n\r\n",
            OK + b" X: a\r\n\r\n",
            OK + b"X: a\n\r\n\r\n",
            OK + b"X: a\rb\r\n\r\n",
            OK + b"X: a\0b\r\n\r\n",
            OK + b"X(: a\r\n\r\n",
            OK + b": a\r\n\r\n",
            OK + b"a\r\n\r\n",
            b"HTTP/1.1 200 OK\nX: y\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.2 200 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/0.9 200 OK\r\n\r\n",
            b"http/1.1 200 OK\r\n\r\n",
            b"RTSP/1.1 200 OK\r\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
            b"\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n",
        ):  # fmt: skip
            with self.subTest(head):
                self.assertRaises(BadAnswer, read, head)

    def test_too_many_fields_are_refused(self) -> None:
        self.assertEqual(len(read(OK + b"X: y\r\n" * 3 + b"\r\n", max_fields=3).fields), 3)
        self.assertRaises(BadAnswer, read, OK + b"X: y\r\n" * 4 + b"\r\n", max_fields=3)


class ChunkTests(UnitTestCase):
    def chunks(self, *pieces: bytes, **limits: int) -> tuple[AnswerReader, bytes]:
        reader = AnswerReader(UpstreamLimits(**limits))
        reader.read_head(CHUNKED, bodyless=False)
        return reader, b"".join(reader.read_chunks(piece) for piece in pieces)

    def test_content_is_read_however_it_is_cut(self) -> None:
        whole = b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Sum: 1 \r\n\r\n"
        for size in (1, 2, 3, 7, len(whole)):
            pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
            reader, content = self.chunks(*pieces)
            self.assertEqual(content, b"abcdefg")
            self.assertTrue(reader.complete)
            self.assertFalse(reader.surplus)
            self.assertEqual(reader.trailers, [(b"X-Sum", b"1")])

    def test_what_comes_after_the_end_is_noticed(self) -> None:
        switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nx"
        for after in (b"x", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", b"0\r\n\r\n", switch):
            reader, content = self.chunks(b"1\r\na\r\n0\r\n\r\n" + after)
            self.assertEqual((content, reader.complete, reader.surplus, reader.trailers), (b"a", True, True, []))

    def test_it_is_not_complete_before_its_end(self) -> None:
        reader, content = self.chunks(b"3\r\nabc\r\n0\r\n")
        self.assertEqual((content, reader.complete), (b"abc", False))

    def test_malformed_chunks_are_refused(self) -> None:
        for body in (
            b"x\r\n", b"0x1\r\na\r\n", b"-1\r\n", b"1\na\r\n", b"1\r\nab\r\n", b"1\r\na\n0\r\n\r\n", b" 1\r\na\r\n",
            b"fffffffffffffffff\r\n", b"\r\n", b"1\r\na\r\n0\r\nX : y\r\n\r\n", b"1\r\na\r\n0\r\n X: y\r\n\r\n",
            b"1\r\na\r\n0\r\nContent-Length: 1\r\n\r\n",
        ):  # fmt: skip
            with self.subTest(body):
                self.assertRaises(BadAnswer, self.chunks, body)

    @given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=12))
    def test_whatever_comes_is_read_or_refused(self, pieces: list[bytes]) -> None:
        with contextlib.suppress(BadAnswer):
            self.chunks(*pieces)
        with contextlib.suppress(BadAnswer):
            self.chunks(b"".join(pieces))

    def test_what_came_before_a_fault_can_be_taken(self) -> None:
        reader = AnswerReader(UpstreamLimits())
        reader.read_head(CHUNKED, bodyless=False)
        self.assertRaises(BadAnswer, reader.read_chunks, b"5\r\nhello\r\nxyz\r\n")
        self.assertEqual((reader.take(), reader.take()), (b"hello", b""))

    def test_trailers_have_limits(self) -> None:
        body = b"1\r\na\r\n0\r\n" + b"X: y\r\n" * 3 + b"\r\n"
        self.assertEqual(len(self.chunks(body, max_fields=3)[0].trailers), 3)
        self.assertRaises(BadAnswer, self.chunks, body, max_fields=2)
        self.assertRaises(BadAnswer, self.chunks, b"1\r\na\r\n0\r\nX: %b\r\n\r\n" % (b"y" * 100), max_head=100)

    def test_framing_cannot_be_more_than_a_multiple_of_the_content(self) -> None:
        self.assertRaises(BadAnswer, self.chunks, *[b"1;" + b"x" * 100 + b"\r\na\r\n"] * 3, max_head=200)
