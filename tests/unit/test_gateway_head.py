from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.gateway import head
from duck_tx.gateway.head import response_head
from duck_tx.http.response import ResponseError
from tests.case import UnitTestCase


class ResponseHeadTests(UnitTestCase):
    def test_it_is_made_of_a_status_line_a_code_and_a_block_of_fields(self) -> None:
        line, code, block = response_head(
            "201 Created", [("Content-Type", "a/b"), ("Set-Cookie", "c"), ("set-cookie", "d")]
        )
        self.assertEqual((line, code), (b"HTTP/1.1 201 Created\r\n", 201))
        self.assertEqual(block.lines, b"Content-Type: a/b\r\nSet-Cookie: c\r\nset-cookie: d\r\n")
        self.assertIsNone(block.length)

    def test_the_content_length_is_set_apart_and_what_is_about_the_connection_left_out(self) -> None:
        fields = [("Content-Length", "12"), ("Connection", "close"), ("Transfer-Encoding", "chunked"), ("A", "b")]
        _, _, block = response_head("200 OK", fields)
        self.assertEqual((block.length, block.lines), (12, b"A: b\r\n"))

    def test_a_reason_may_be_missing_or_of_several_words(self) -> None:
        self.assertEqual(response_head("404", [])[0], b"HTTP/1.1 404 \r\n")
        self.assertEqual(response_head("404 Not found at all", [])[0], b"HTTP/1.1 404 Not found at all\r\n")

    def test_latin_1_is_kept_byte_for_byte(self) -> None:
        line, _, block = response_head("200 \xe4", [("X", "\xff\x80")])
        self.assertEqual((line, block.lines), (b"HTTP/1.1 200 \xe4\r\n", b"X: \xff\x80\r\n"))

    def test_what_is_no_head_is_refused(self) -> None:
        for status, fields in (
            ("", []),
            ("OK", []),
            ("20 Low", []),
            ("100 Continue", []),
            ("600 High", []),
            ("200OK", []),
            ("200 \u20ac", []),
            ("200 a\r\nX: y", []),
            ("200 OK\n", []),
            ("200 OK", [("", "x")]),
            ("200 OK", [("a b", "x")]),
            ("200 OK", [("a:", "x")]),
            ("200 OK", [("\u20ac", "x")]),
            ("200 OK", [("a", "\u20ac")]),
            ("200 OK", [("a", "b\rc")]),
            ("200 OK", [("a", "b\nc")]),
            ("200 OK", [("a", "b\0c")]),
            ("200 OK", [("Content-Length", "x")]),
            ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
            ("200 OK", [("a", 5)]),
        ):
            self.assertRaises(ResponseError, response_head, status, fields)

    @given(st.text(max_size=20), st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=4))
    def test_no_text_at_all_can_split_a_response(self, status: str, fields: list[tuple[str, str]]) -> None:
        try:
            line, _, block = response_head(status, fields)
        except ResponseError:
            return
        self.assertEqual((line.count(b"\n"), line.count(b"\r"), line[-2:]), (1, 1, b"\r\n"))
        self.assertEqual(block.lines.count(b"\n"), block.lines.count(b"\r\n"))
        self.assertLessEqual(block.lines.count(b"\n"), len(fields))

    def test_a_flood_of_different_statuses_is_not_kept(self) -> None:
        for number in range(2 * head._KEPT_AT_MOST):
            response_head(f"200 {number}", [])
        self.assertLessEqual(len(head._lines), head._KEPT_AT_MOST)
