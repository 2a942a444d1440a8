"""Response heads as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http import response
from duck_tx.http.response import (
    Block,
    ResponseError,
    error_page,
    error_text,
    http_date,
    interim_line,
    serialise,
    status_line,
    trailer_lines,
)
from tests.case import UnitTestCase


class StatusLineTests(UnitTestCase):
    def test_the_reason_is_the_usual_one_or_the_given(self) -> None:
        self.assertEqual(status_line(404), b"HTTP/1.1 404 Not Found\r\n")
        self.assertEqual(status_line(431), b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        self.assertEqual(status_line(200, b"Fine \xe9"), b"HTTP/1.1 200 Fine \xe9\r\n")
        self.assertEqual(status_line(299), b"HTTP/1.1 299 \r\n")

    def test_only_final_codes_are_sent(self) -> None:
        for code in (-1, 0, 100, 101, 199, 600, 1000):
            self.assertRaises(ResponseError, status_line, code)

    def test_a_reason_is_one_line(self) -> None:
        for reason in (b"a\r\nb", b"a\nb", b"a\rb", b"a\0b", b"a\x1bb"):
            self.assertRaises(ResponseError, status_line, 200, reason)

    def test_interim_codes_have_a_line_of_their_own(self) -> None:
        self.assertEqual(interim_line(103), b"HTTP/1.1 103 Early Hints\r\n")
        for code in (99, 101, 200):
            self.assertRaises(ResponseError, interim_line, code)


class TrailerLinesTests(UnitTestCase):
    def test_they_are_checked_and_only_those_that_are_allowed(self) -> None:
        self.assertEqual(trailer_lines([(b"A", b"b"), (b"Host", b"c"), (b"D", b" e ")]), b"A: b\r\nD: e\r\n")
        self.assertRaises(ResponseError, trailer_lines, [(b"A", b"b\nc")])


class SerialiseTests(UnitTestCase):
    def test_fields_are_lines(self) -> None:
        block = serialise([(b"A", b"b"), (b"a", b"")])
        self.assertEqual(block, Block(b"A: b\r\na: \r\n", None, False, False))

    def test_text_is_taken_for_what_it_is_on_the_wire(self) -> None:
        self.assertEqual(serialise([("A", "caf\u00e9 ")]).lines, b"A: caf\xe9\r\n")
        for field in (("A", "\u20ac"), ("A", 5), ("A", None), (b"A", ["b"])):
            self.assertRaises(ResponseError, serialise, [field])

    def test_the_fields_that_are_kept_do_not_fill_the_memory(self) -> None:
        for number in range(5000):
            self.assertEqual(serialise([(b"A", b"%d" % number)]).lines, b"A: %d\r\n" % number)
        self.assertLessEqual(len(response._fields), 1024)

    def test_what_the_server_sets_is_told(self) -> None:
        block = serialise([(b"date", b"d"), (b"SERVER", b"s"), (b"content-length", b"7")])
        self.assertEqual(block, Block(b"date: d\r\nSERVER: s\r\n", 7, True, True))

    def test_fields_about_the_connection_are_left_out(self) -> None:
        names = (b"Connection", b"Keep-Alive", b"Trailer", b"TE", b"Transfer-Encoding", b"Upgrade", b"Proxy-Connection")
        self.assertEqual(serialise([(name, b"x") for name in names]).lines, b"")

    def test_the_error_names_the_field(self) -> None:
        error = self.assertRaises(ResponseError, serialise, [(b"A", b"b"), (b"X-Bad", b"c\r\nd")])
        self.assertEqual(str(error), r"header field b'X-Bad: c\r\nd' has CR, LF or NUL in it")

    def test_names_are_tokens(self) -> None:
        for name in (b"", b"a b", b"a:", b"a\r\nb", b"a\0", b"\xe9"):
            self.assertRaises(ResponseError, serialise, [(name, b"x")])

    def test_a_length_is_a_number(self) -> None:
        for value in (b"", b"-1", b"+1", b"1 1", b"0x1", b"1, 1", b"9" * 19, b"9" * 5000):
            self.assertRaises(ResponseError, serialise, [(b"Content-Length", value)])

    def test_two_lengths_must_agree(self) -> None:
        self.assertEqual(serialise([(b"Content-Length", b"3"), (b"content-length", b"03")]).length, 3)
        self.assertRaises(ResponseError, serialise, [(b"Content-Length", b"3"), (b"content-length", b"4")])

    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=5), st.binary(max_size=9)), max_size=5))
    def test_a_block_has_a_line_for_each_field_or_is_an_error(self, fields: list[tuple[bytes, bytes]]) -> None:
        try:
            block = serialise(fields)
        except ResponseError:
            return
        lines = block.lines.split(b"\r\n")[:-1]
        self.assertLessEqual(len(lines), len(fields))
        sent = [(name, value.strip(b" \t")) for name, value in fields]
        for line in lines:
            self.assertIn(tuple(line.split(b": ", 1)), sent)
            self.assertNotRegex(line, rb"[\r\n\0]")


class PageTests(UnitTestCase):
    def test_an_error_is_plain_text(self) -> None:
        self.assertEqual(error_text(404, "Nothing \u00e9."), b"404 Not Found\n\nNothing \\xe9.\n")

    def test_a_page_closes_the_connection(self) -> None:
        head, _, text = error_page(400, "Bad.", b"Server: s\r\n").partition(b"\r\n\r\n")
        self.assertEqual(text, b"400 Bad Request\n\nBad.\n")
        self.assertEqual(
            head.split(b"\r\n"),
            [
                b"HTTP/1.1 400 Bad Request",
                b"Server: s",
                b"Content-Type: text/plain; charset=utf-8",
                b"Content-Length: %d" % len(text),
                b"Connection: close",
            ],
        )

    def test_a_date_is_in_the_form_of_the_standard(self) -> None:
        self.assertEqual(http_date(784111777), b"Sun, 06 Nov 1994 08:49:37 GMT")
