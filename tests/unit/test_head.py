"""The head of a request, judged by itself."""

from __future__ import annotations

import re
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.head import Rejected, check_lines, examine_fields, is_host, request_line
from duck_tx.http.limits import Limits
from tests.case import UnitTestCase

LIMITS = Limits(max_uri=100, max_header_line=200, max_header_block=1000)


class RequestLineTests(UnitTestCase):
    def refused(self, line: bytes) -> int:
        return self.assertRaises(Rejected, request_line, line, LIMITS).status

    def test_a_path_is_taken_as_it_is(self) -> None:
        line = request_line(b"GET /a%20b?c HTTP/1.1\r\n\r\n", LIMITS)
        self.assertEqual(line, (b"GET", b"/a%20b?c", b"1.1", None))

    def test_an_absolute_target_is_taken_apart(self) -> None:
        line = request_line(b"GET http://a:80/b?c HTTP/1.0\r\n", LIMITS)
        self.assertEqual(line, (b"GET", b"/b?c", b"1.0", b"a:80"))

    def test_an_absolute_target_for_the_server_as_a_whole(self) -> None:
        self.assertEqual(request_line(b"OPTIONS http://a HTTP/1.1\r\n", LIMITS).path, b"*")
        self.assertEqual(request_line(b"OPTIONS http://a/ HTTP/1.1\r\n", LIMITS).path, b"/")

    def test_the_longest_target_is_taken_and_one_byte_more_refused(self) -> None:
        self.assertEqual(len(request_line(b"GET /%b HTTP/1.1\r\n" % (b"a" * 99), LIMITS).path), 100)
        self.assertEqual(self.refused(b"GET /%b HTTP/1.1\r\n" % (b"a" * 100)), 414)

    def test_refusals_have_the_right_status(self) -> None:
        for line, status in {
            b"GET / HTTP/3.0\r\n": 505,
            b"GET /\r\n": 400,
            b"\x16\x03\x01\n": 400,
            b"FROB / HTTP/1.1\r\n": 501,
            b"CONNECT a:1 HTTP/1.1\r\n": 501,
            b"A" * 200 + b" / HTTP/1.1\r\n": 414,
        }.items():
            self.assertEqual(self.refused(line), status, line)


class LineTests(UnitTestCase):
    def outcome(self, head: bytes, step: int) -> int:
        """The status of the refusal when ``head`` comes in pieces of ``step`` bytes; 0 for none."""
        checked = 0
        try:
            for stop in [*range(step, len(head), step), len(head)]:
                checked = check_lines(head[:stop], checked, LIMITS)
        except Rejected as rejected:
            return rejected.status
        return 0

    def test_lines_are_checked_once(self) -> None:
        head = b"GET / HTTP/1.1\r\nA: b\r\nC:"
        self.assertEqual(check_lines(head, 0, LIMITS), head.index(b"C"))

    def test_the_first_line_must_be_whole_before_the_next_is_looked_at(self) -> None:
        self.assertEqual(check_lines(b"GET / HT", 0, LIMITS), 0)

    def test_limits_are_exact(self) -> None:
        line = b"GET / HTTP/1.1\r\n"
        longest = b"A: " + b"b" * 195 + b"\r\n"
        self.assertEqual(self.outcome(line + longest * 5, 1), 0)
        self.assertEqual(self.outcome(line + b"A" + longest, 1), 431)
        self.assertEqual(self.outcome(line + longest * 5 + b"\r", 1), 431)
        self.assertEqual(self.outcome(b"G" * 165, 1), 414)
        self.assertEqual(self.outcome(b"G" * 164, 1), 0)

    @given(
        st.lists(
            st.sampled_from([b"GET / HTTP/1.1", b"FROB", b" ", b"\r\n", b"\n", b"\r", b"A: b", b"x" * 90, b"\0", b"#"]),
            min_size=1,
            max_size=30,
        ).map(b"".join),
        st.integers(1, 50),
    )
    def test_the_first_fault_is_told_however_the_bytes_are_cut(self, head: bytes, step: int) -> None:
        self.assertEqual(self.outcome(head, step), self.outcome(head, len(head)))

    def test_a_drip_costs_no_more_for_lines_that_are_checked(self) -> None:
        def cost(lines: int) -> float:
            limits = Limits(max_header_block=10**7)
            head = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * lines
            checked = check_lines(head, 0, limits)
            began = perf_counter()
            for _ in range(2000):
                check_lines(head, checked, limits)
            return perf_counter() - began

        self.assertLess(min(cost(100_000) for _ in range(3)), 50 * max(cost(10) for _ in range(3)))


class FieldTests(UnitTestCase):
    def test_the_framing_of_a_body_with_a_length(self) -> None:
        fields = [(b"HOST", b"a"), (b"content-length", b"3"), (b"Expect", b"100-Continue")]
        framing = examine_fields(b"1.1", fields)
        self.assertEqual((framing.host, framing.length, framing.has_body), (b"a", 3, True))
        self.assertTrue(framing.expects_continue)
        self.assertFalse(examine_fields(b"1.0", fields).expects_continue)

    def test_the_framing_of_a_body_in_chunks(self) -> None:
        framing = examine_fields(b"1.1", [(b"Host", b"a"), (b"Transfer-Encoding", b"CHUNKED")])
        self.assertEqual((framing.host, framing.length, framing.has_body), (b"a", None, True))

    def test_fields_that_connection_names_are_told(self) -> None:
        for value, nominates in ((b"close", False), (b"keep-alive", False), (b"x-hop", True), (b"close, X-Hop", True)):
            framing = examine_fields(b"1.1", [(b"Host", b"a"), (b"Connection", value)])
            self.assertEqual(framing.nominates, nominates, value)

    def test_only_version_one_point_zero_may_lack_a_host(self) -> None:
        self.assertIs(examine_fields(b"1.0", []).host, None)
        self.assertEqual(self.assertRaises(Rejected, examine_fields, b"1.1", []).status, 400)


class HostTests(UnitTestCase):
    def test_hosts(self) -> None:
        for value in (
            b"a",
            b"a.b-c_d~",
            b"a:0",
            b"a:65535",
            b"a:",
            b"[::1]",
            b"[::ffff:1.2.3.4]:1",
            b"%41",
            b"1.2.3.4",
        ):
            self.assertTrue(is_host(value), value)
            self.assertTrue(is_host(value), value)

    def test_what_is_no_host(self) -> None:
        for value in (b"", b":1", b"a b", b"a,b", b"u@a", b"a:b", b"a:65536", b"a:123456", b"a/", b"[", b"[]", b"a\n"):
            self.assertFalse(is_host(value), value)

    @given(st.binary(max_size=12))
    def test_what_is_a_host_has_nothing_in_it_that_ends_one(self, value: bytes) -> None:
        if is_host(value):
            self.assertIs(re.search(rb"[\x00-\x20/?#@,\\\"<>\x7f-\xff]", value), None)
