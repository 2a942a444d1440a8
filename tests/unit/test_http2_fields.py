"""The fields of a request, judged one by one and together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.head import Rejected
from duck_tx.http.limits import Limits
from duck_tx.http2.decode import Field
from duck_tx.http2.fields import Head, Kind, Malformed, check_trailers, judge, request_head
from tests.case import UnitTestCase

Pair = tuple[bytes, bytes]

ASKED: list[Pair] = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"duck.example"), (b":path", b"/")]
LIMITS = Limits(max_uri=100, max_header_line=200, max_header_block=1000, max_headers=10, max_body=50)


def fields(*pairs: Pair) -> list[Field]:
    return [Field(pair, judge(*pair), len(pair[0]) + len(pair[1]) + 32) for pair in pairs]


def asked(*more: Pair, **pseudo: bytes | None) -> list[Field]:
    """A request for ``/``, with other pseudo-header fields (``None``: without one) and more fields."""
    found: list[Pair] = []
    for name, value in ASKED:
        other = pseudo.get(name[1:].decode(), value)
        if other is not None:
            found.append((name, other))
    return fields(*found, *more)


class JudgeTests(UnitTestCase):
    def test_names_say_what_a_field_is(self) -> None:
        kinds = {
            (b"x-duck", b"1"): Kind.PLAIN,
            (b":path", b"/"): Kind.PATH,
            (b"host", b"a"): Kind.HOST,
            (b"cookie", b"a=b"): Kind.COOKIE,
            (b"content-length", b"5"): Kind.CONTENT_LENGTH,
            (b"expect", b"100-continue"): Kind.EXPECT,
            (b"te", b"trailers"): Kind.PLAIN,
            (b"x_duck", b"1"): Kind.PLAIN,
        }
        for pair, kind in kinds.items():
            self.assertEqual(judge(*pair), kind, pair)

    def test_what_is_malformed(self) -> None:
        for pair in [
            (b"X-Duck", b"1"),
            (b"", b"1"),
            (b"x duck", b"1"),
            (b"x:duck", b"1"),
            (b"x-d\xfcck", b"1"),
            (b":status", b"200"),
            (b":duck", b"1"),
            (b"connection", b"close"),
            (b"keep-alive", b"5"),
            (b"proxy-connection", b"close"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"websocket"),
            (b"te", b"gzip"),
            (b"te", b"trailers, gzip"),
            (b"content-length", b""),
            (b"content-length", b"+5"),
            (b"content-length", b"5, 5"),
            (b"content-length", b"9" * 19),
            (b"x-duck", b"a\0b"),
            (b"x-duck", b"a\rb"),
            (b"x-duck", b"a\nb"),
            (b"x-duck", b"a\x7fb"),
            (b"x-duck", b" a"),
            (b"x-duck", b"a\t"),
        ]:
            self.assertEqual(judge(*pair), Kind.MALFORMED, pair)

    def test_values_may_be_empty_and_of_any_letters(self) -> None:
        for value in (b"", b"a", b"a b\tc", b"d\xfcck", "ü".encode()):
            self.assertEqual(judge(b"x-duck", value), Kind.PLAIN, value)

    @given(st.binary(max_size=20), st.binary(max_size=20))
    def test_every_field_is_something(self, name: bytes, value: bytes) -> None:
        kind = judge(name, value)
        self.assertEqual(judge(name, value), kind)
        if kind != Kind.MALFORMED:
            self.assertNotRegex(value, rb"[\r\n\0]")
            self.assertRegex(name, rb"\A:?[!#$%&'*+\-.^_`|~0-9a-z]+\Z")


class HeadTests(UnitTestCase):
    def head(self, request: list[Field]) -> Head:
        return request_head(request, LIMITS)

    def rejected(self, request: list[Field]) -> tuple[int, str]:
        fault = self.assertRaises(Rejected, request_head, request, LIMITS)
        return fault.status, fault.reason

    def test_a_request_as_version_1_would_have_it(self) -> None:
        head = self.head(asked((b"accept", b"*/*"), method=b"POST", path=b"/a?b"))
        self.assertEqual(head.line, (b"POST", b"/a?b", b"1.1", None))
        self.assertEqual(head.headers, [(b"host", b"duck.example"), (b"accept", b"*/*")])
        self.assertEqual((head.host, head.length, head.expects_continue), (b"duck.example", None, False))

    def test_crumbs_of_cookies_are_put_together(self) -> None:
        head = self.head(asked((b"cookie", b"a=b"), (b"x", b"1"), (b"cookie", b"c=d")))
        self.assertEqual(head.headers[1:], [(b"x", b"1"), (b"cookie", b"a=b; c=d")])

    def test_crumbs_do_not_count_as_fields(self) -> None:
        self.head(asked(*[(b"cookie", b"a=b")] * 30))

    def test_host_stands_in_for_the_authority(self) -> None:
        head = self.head(asked((b"host", b"duck.example:8"), authority=None))
        self.assertEqual((head.host, head.headers), (b"duck.example:8", [(b"host", b"duck.example:8")]))

    def test_host_may_repeat_the_authority(self) -> None:
        for host in (b"duck.example", b"DUCK.example", b"duck.example:443"):
            self.assertEqual(self.head(asked((b"host", host))).headers, [(b"host", b"duck.example")])

    def test_another_host_than_the_authority_is_malformed(self) -> None:
        for host in (b"duck.example:80", b"goose.example", b""):
            self.assertRaises(Malformed, self.head, asked((b"host", host)))

    def test_length_and_expectation_are_read(self) -> None:
        head = self.head(asked((b"content-length", b"50"), (b"expect", b"100-Continue")))
        self.assertEqual((head.length, head.expects_continue), (50, True))

    def test_options_may_ask_about_the_server(self) -> None:
        self.assertEqual(self.head(asked(method=b"OPTIONS", path=b"*")).line.path, b"*")

    def test_what_is_malformed(self) -> None:
        for case in [
            asked(method=None),
            asked(scheme=None),
            asked(path=None),
            asked(path=b""),
            asked(path=b"duck"),
            asked(path=b"*"),
            asked(path=b"/a b"),
            asked(path=b"/a#b"),
            asked(path=b"/\xfc"),
            asked(path=b"https://duck.example/"),
            asked(method=b"G T"),
            asked(scheme=b""),
            asked(scheme=b"1"),
            asked(authority=b"me@duck.example"),
            asked((b":path", b"/")),
            asked((b"x", b"1"), (b":path", b"/"), path=None),
            asked((b"cookie", b"a=b"), (b":path", b"/"), path=None),
            asked((b"content-length", b"5"), (b"content-length", b"5")),
            asked((b"X", b"1")),
            asked(method=b"CONNECT"),
            asked(method=b"CONNECT", scheme=None, path=None, authority=None),
            fields(),
        ]:
            self.assertRaises(Malformed, self.head, case)

    def test_a_scheme_that_is_no_web_scheme_is_none_of_our_business(self) -> None:
        self.assertEqual(self.head(asked(scheme=b"coap+ws")).line.path, b"/")

    def test_what_is_answered_as_in_version_1(self) -> None:
        for case, answer in [
            (asked(method=b"BREW"), (501, "This method is not known here.")),
            (asked(method=b"CONNECT", scheme=None, path=None), (501, "This method is not known here.")),
            (asked(path=b"/" + b"a" * 100), (414, "The request target is too long.")),
            (asked(path=b"/" + b"a" * 1000), (414, "The request line is too long.")),
            (asked(authority=None), (400, "The Host field is missing.")),
            (asked(authority=b""), (400, "The Host field is malformed.")),
            (asked(authority=b"a/b"), (400, "The Host field is malformed.")),
            (asked((b"host", b"a"), (b"host", b"a"), authority=None), (400, "There is more than one Host field.")),
            (asked((b"x", b"a" * 200)), (431, "A header field is too large.")),
            (asked(*[(b"x", b"a" * 190)] * 6), (431, "The header block is too large.")),
            (asked(*[(b"x", b"a")] * 10), (431, "There are too many header fields.")),
            (asked((b"expect", b"tea")), (417, "The only expectation known here is 100-continue.")),
            (asked((b"content-length", b"51")), (413, "The request body is too large.")),
        ]:
            self.assertEqual(self.rejected(case), answer)

    def test_as_much_as_the_limits_allow_is_let_through(self) -> None:
        self.head(asked(path=b"/" + b"a" * 99))
        self.head(asked((b"x", b"a" * 195)))
        self.head(asked(*[(b"x", b"a" * 190)] * 5))
        self.head(asked(*[(b"x", b"a")] * 9))


class TrailerTests(UnitTestCase):
    def test_fields_are_let_through(self) -> None:
        check_trailers(fields((b"x-sum", b"5"), (b"cookie", b"a=b")), LIMITS)

    def test_pseudo_header_fields_and_malformed_ones_are_not(self) -> None:
        for pair in ((b":path", b"/"), (b"X", b"1"), (b"connection", b"close")):
            self.assertRaises(Malformed, check_trailers, fields(pair), LIMITS)

    def test_they_have_the_limits_of_headers(self) -> None:
        for case in ([(b"x", b"a")] * 11, [(b"x", b"a" * 200)], [(b"x", b"a" * 190)] * 6):
            fault = self.assertRaises(Rejected, check_trailers, fields(*case), LIMITS)
            self.assertEqual(fault.status, 431)
