"""Request messages, one after the other."""

from __future__ import annotations

import resource

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from duck_tx.http.head import Framing, Rejected, request_line
from duck_tx.http.limits import Limits
from duck_tx.http.parser import MessageParser
from tests.case import UnitTestCase

LIMITS = Limits(max_headers=3, max_body=100, body_memory=10)


def head(*fields: bytes, method: bytes = b"POST", target: bytes = b"/") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: a", *fields, b"", b""])


class ParserCase(UnitTestCase):
    def setUp(self) -> None:
        self.parser = MessageParser(LIMITS)

    def read(self, data: bytes) -> tuple[Framing, list[tuple[bytes, bytes]]]:
        return self.parser.read_head(data, request_line(data, LIMITS))

    def body(self) -> bytes:
        with self.parser.take_body() as file:
            return file.read()


class HeadTests(ParserCase):
    def test_a_request_without_a_body_is_complete(self) -> None:
        framing, fields = self.read(head(b"A: b"))
        self.assertTrue(self.parser.complete)
        self.assertFalse(framing.has_body)
        self.assertEqual(fields, [(b"Host", b"a"), (b"A", b"b")])

    def test_the_client_says_whether_the_connection_lives_on(self) -> None:
        self.read(head())
        self.assertTrue(self.parser.keep_alive)
        self.read(head(b"Connection: close"))
        self.assertFalse(self.parser.keep_alive)

    def test_an_absolute_target_takes_the_place_of_every_host(self) -> None:
        framing, fields = self.read(head(b"A: b", target=b"http://c/"))
        self.assertEqual(framing.host, b"c")
        self.assertEqual(fields, [(b"A", b"b"), (b"Host", b"c")])

    def test_an_upgrade_adds_no_fields(self) -> None:
        self.parser = MessageParser(Limits())
        _framing, fields = self.read(head(b"Upgrade: h2c", b"Connection: upgrade", b"Content-Length: 2"))
        self.assertEqual([name for name, _ in fields], [b"Host", b"Upgrade", b"Connection", b"Content-Length"])
        self.assertEqual(self.parser.read_body(b"abrest"), b"rest")
        self.assertEqual(self.body(), b"ab")

    def test_too_many_fields_are_refused(self) -> None:
        self.read(head(b"A: 1", b"B: 2"))
        self.assertEqual(self.assertRaises(Rejected, self.read, head(b"A: 1", b"B: 2", b"C: 3")).status, 431)


class BodyTests(ParserCase):
    def test_what_follows_a_body_is_given_back(self) -> None:
        self.read(head(b"Content-Length: 3"))
        self.assertEqual(self.parser.read_body(b"a"), b"")
        self.assertEqual(self.parser.body_size, 1)
        self.assertFalse(self.parser.complete)
        self.assertEqual(self.parser.read_body(b"bcGET"), b"GET")
        self.assertTrue(self.parser.complete)
        self.assertEqual(self.body(), b"abc")

    @given(
        st.lists(st.sampled_from([b"a", b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"xyz"]), max_size=6),
        st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"]),
        st.lists(st.integers(1, 8), max_size=40),
        st.sampled_from([b"", b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n"]),
    )
    def test_chunks_end_where_they_end_however_they_are_cut(
        self, chunks: list[bytes], trailers: bytes, sizes: list[int], rest: bytes
    ) -> None:
        self.parser = MessageParser(LIMITS)
        self.read(head(b"Transfer-Encoding: chunked"))
        sent = (
            b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n" + rest
        )
        start, given_back = 0, b""
        for size in [*sizes, len(sent)]:
            piece = sent[start : start + size]
            given_back += piece if self.parser.complete else self.parser.read_body(piece)
            start += size
        self.assertEqual(given_back, rest)
        self.assertEqual(self.body(), b"".join(chunks))

    def test_a_body_that_is_too_large_is_refused(self) -> None:
        refused = self.assertRaises(Rejected, self.read, head(b"Content-Length: 101"))
        self.assertEqual(refused.status, 413)
        self.parser = MessageParser(LIMITS)
        self.read(head(b"Transfer-Encoding: chunked"))
        refused = self.assertRaises(Rejected, self.parser.read_body, b"65\r\n" + b"a" * 101)
        self.assertEqual(refused.status, 413)

    def test_chunks_may_not_be_mostly_framing(self) -> None:
        self.read(head(b"Transfer-Encoding: chunked"))
        refused = self.assertRaises(Rejected, self.parser.read_body, b"1;" + b"x" * 70_000)
        self.assertEqual(refused.status, 400)


class StreamedBodyTests(ParserCase):
    def test_what_has_come_is_handed_over_first_and_then_each_piece(self) -> None:
        self.read(head(b"Content-Length: 6"))
        self.assertEqual((self.parser.remaining, self.parser.stream_body()), (6, b""))
        self.setUp()
        self.read(head(b"Content-Length: 6"))
        self.parser.read_body(b"ab")
        self.assertEqual((self.parser.remaining, self.parser.stream_body()), (4, b"ab"))
        self.parser.read_body(b"c")
        self.assertEqual((self.parser.take_piece(), self.parser.body_size), (b"c", 3))
        self.assertEqual(self.parser.read_body(b"defGET"), b"GET")
        self.assertEqual((self.parser.take_piece(), self.parser.complete), (b"def", True))
        self.parser.close()
        self.read(head(b"Content-Length: 1"))
        self.parser.read_body(b"x")
        self.assertEqual(self.body(), b"x")

    def test_chunks_come_without_their_frames_and_trailers_behind_them(self) -> None:
        self.read(head(b"Transfer-Encoding: chunked"))
        self.assertIsNone(self.parser.remaining)
        self.parser.stream_body()
        self.parser.read_body(b"1\r\na\r\n2\r\nbc")
        self.assertEqual(self.parser.take_piece(), b"abc")
        self.parser.read_body(b"\r\n0\r\nA: b\r\n\r\n")
        self.assertEqual((self.parser.take_piece(), self.parser.trailers), (b"", [(b"A", b"b")]))

    def test_limits_hold_for_the_whole(self) -> None:
        self.read(head(b"Transfer-Encoding: chunked"))
        self.parser.read_body(b"32\r\n" + b"a" * 50 + b"\r\n")
        self.parser.stream_body()
        refused = self.assertRaises(Rejected, self.parser.read_body, b"33\r\n" + b"a" * 51)
        self.assertEqual(refused.status, 413)


class FullDiskTests(ParserCase):
    room = 32 * 1024 * 1024

    def setUp(self) -> None:
        super().setUp()
        # No file of this process may grow further, as on a full disk; the log of the tests is shorter.
        before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.room, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, (before, hard))
        self.parser = MessageParser(Limits(body_memory=10))

    def refuse(self, size: int) -> None:
        def read() -> None:
            piece = bytes(1024 * 1024)
            for start in range(0, size, len(piece)):
                self.parser.read_body(piece[: size - start])
            self.parser.take_body()

        with capturedLogs() as logged:
            self.assertEqual(self.assertRaises(Rejected, read).status, 507)
        self.assertEqual(
            [event["log_format"] for event in logged], ["the body of a request could not be kept: {error}"]
        )
        self.parser.close()

    def test_a_body_that_cannot_be_kept_is_refused_with_507(self) -> None:
        self.read(head(b"Content-Length: %d" % (self.room * 2)))
        self.refuse(self.room * 2)

    def test_so_is_one_whose_last_bytes_cannot_be_kept(self) -> None:
        self.read(head(b"Content-Length: %d" % (self.room + 10)))
        self.refuse(self.room + 10)
