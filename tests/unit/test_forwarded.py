"""Who asked, when proxies stand between: the rule of trust, and what is told to the application."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from duck_tx.http.forwarded import FORWARDING, Origin, Trusted, forwarded_headers, origin
from duck_tx.http.head import is_host
from tests.case import UnitTestCase

Fields = list[tuple[bytes, bytes]]

PROXY = "10.0.0.1"
TRUSTED = Trusted(["10.0.0.0/8", "fd00::/8", "unix"])
_names = st.sampled_from(sorted(FORWARDING))
_pieces = st.sampled_from(
    [b" ", *rb'for= proto= host= " \ , ; [ ] : 1.2.3.4 ::1 10.0.0.9 https unknown _x a.example %eth0'.split()]
)
_values = st.one_of(st.binary(max_size=60), st.lists(_pieces, max_size=20).map(b"".join))
_fields = st.lists(st.tuples(_names, _values), max_size=8)

NO_NODES = [
    *(b"unknown", b"", b"_hidden", b"unix:", b":80", b'"1.2.3.4"', b"\xff"),
    *(b"1.2.3", b"1.2.3.4.5", b"01.2.3.4", b"1.2.3.4 x", b"1.2.3.4:", b"1.2.3.4:70000", b"1.2.3.4\n"),
    *(b"[::1", b"::1]", b"[::1]x", b"fe80::1%", b"fe80::1%<b>", b"::1%" + b"a" * 99, "\u0661.2.3.4".encode()),
]
NO_ELEMENTS = [
    *(b"", b"for", b"for=", b"=a", b"for =6.6.6.6", b"for=\xff"),
    *(b"for=6.6.6.6;for=7.7.7.7", b"for=6.6.6.6 proto=https"),
    *(b'for="6.6.6.6', b'for=6.6.6.6"', b'for="6.6.6.6\\"', b'for="a"b"'),
]


def ask(*fields: tuple[bytes, bytes], peer: str = PROXY, host: bytes = b"site.example", scheme: str = "http") -> Origin:
    return origin(fields, peer, 4711, scheme, host, TRUSTED, lambda: "fresh")


def client(*chain: bytes) -> str:
    return ask(*((b"X-Forwarded-For", line) for line in chain)).address


def by_forwarded(*lines: bytes) -> Origin:
    return ask(*((b"Forwarded", line) for line in lines))


class UntrustedPeerTests(UnitTestCase):
    def test_nothing_it_says_counts(self) -> None:
        fields = [
            (b"X-Forwarded-For", b"1.2.3.4"),
            (b"Forwarded", b"for=1.2.3.4;proto=https;host=evil.example"),
            (b"X-Real-IP", b"1.2.3.4"),
            (b"X-Forwarded-Proto", b"https"),
            (b"X-Forwarded-Host", b"evil.example"),
            (b"X-Forwarded-Port", b"99"),
            (b"X-Request-ID", b"chosen"),
        ]
        expected = Origin("203.0.113.9", 4711, "http", b"site.example", "fresh")
        self.assertEqual(ask(*fields, peer="203.0.113.9"), expected)

    @given(_fields, st.sampled_from(["203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9", "fe80::1%eth0"]))
    def test_no_field_of_any_kind_changes_the_origin(self, fields: Fields, peer: str) -> None:
        self.assertEqual(ask(*fields, peer=peer), ask(peer=peer))


class ForwardedForTests(UnitTestCase):
    def test_the_client_of_a_trusted_proxy_is_who_asked(self) -> None:
        found = ask((b"x-forwarded-for", b"203.0.113.9"))
        self.assertEqual(found, Origin("203.0.113.9", 0, "http", b"site.example", "fresh"))

    def test_without_such_fields_the_proxy_itself_asked(self) -> None:
        self.assertEqual(ask(), Origin(PROXY, 4711, "http", b"site.example", "fresh"))

    def test_an_ipv4_peer_on_an_ipv6_socket_is_told_as_what_it_is(self) -> None:
        for peer, address in (
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("::ffff:10.0.0.1", PROXY),
            ("::1", "::1"),
        ):
            self.assertEqual(ask(peer=peer).address, address)
        self.assertEqual(ask((b"X-Real-IP", b"192.0.2.1"), peer="::ffff:10.0.0.1").address, "192.0.2.1")

    def test_a_peer_on_a_trusted_unix_socket_tells_who_asked(self) -> None:
        self.assertEqual(ask((b"X-Forwarded-For", b"203.0.113.9"), peer="").address, "203.0.113.9")

    def test_the_right_most_address_that_is_not_trusted_counts(self) -> None:
        self.assertEqual(client(b"6.6.6.6, 203.0.113.9, 10.0.0.3 ,10.0.0.2"), "203.0.113.9")

    def test_all_lines_are_one_list(self) -> None:
        self.assertEqual(client(b"6.6.6.6, 203.0.113.9", b"10.0.0.2"), "203.0.113.9")

    def test_the_left_most_counts_if_all_are_trusted(self) -> None:
        self.assertEqual(client(b"10.0.0.4, 10.0.0.3, 10.0.0.2"), "10.0.0.4")

    def test_the_walk_ends_at_what_is_no_address(self) -> None:
        for malformed in NO_NODES:
            self.assertEqual(client(b"6.6.6.6, " + malformed + b", 10.0.0.2"), "10.0.0.2", malformed)
            self.assertEqual(client(b"6.6.6.6, " + malformed), PROXY, malformed)

    def test_a_port_is_kept_where_it_is_told(self) -> None:
        for text, address, port in (
            (b"203.0.113.9:5005", "203.0.113.9", 5005),
            (b"[2001:db8::1]:5005", "2001:db8::1", 5005),
            (b"[2001:db8::1]", "2001:db8::1", 0),
            (b"2001:db8::1", "2001:db8::1", 0),
            (b"203.0.113.9:_hidden", "203.0.113.9", 0),
        ):
            found = ask((b"X-Forwarded-For", text))
            self.assertEqual((found.address, found.port), (address, port))

    def test_addresses_are_told_in_their_usual_form(self) -> None:
        self.assertEqual(client(b"::ffff:203.0.113.9"), "203.0.113.9")
        self.assertEqual(client(b"2001:DB8:0:0::1"), "2001:db8::1")
        self.assertEqual(client(b"fe80::1%eth0"), "fe80::1")

    def test_a_trusted_proxy_may_be_told_in_mapped_form(self) -> None:
        self.assertEqual(client(b"203.0.113.9, ::ffff:10.0.0.2"), "203.0.113.9")

    def test_a_long_list_is_walked_for_64_hops(self) -> None:
        self.assertEqual(client(b",".join(b"10.0.0.%d" % (n % 256) for n in range(63, -1, -1))), "10.0.0.63")
        self.assertEqual(client(b",".join(b"10.0.%d.7" % (n % 256) for n in range(9_999, -1, -1))), "10.0.63.7")

    @given(st.binary(max_size=80), st.sampled_from(["203.0.113.9", "192.0.2.1", "2001:db8::1"]))
    def test_what_a_client_sends_never_changes_what_the_proxy_appended(self, sent: bytes, appended: str) -> None:
        self.assertEqual(client(sent + b", " + appended.encode() + b", 10.0.0.2"), appended)


class ForwardedTests(UnitTestCase):
    def test_address_scheme_and_host_are_read(self) -> None:
        found = by_forwarded(b'for="[2001:db8::1]:5005";proto=https;host="shop.example:8443";by=10.0.0.1')
        self.assertEqual(found, Origin("2001:db8::1", 5005, "https", b"shop.example:8443", "fresh"))

    def test_names_are_read_in_any_case_and_with_space_around_separators(self) -> None:
        found = by_forwarded(b"For=203.0.113.9 ; PROTO=HTTPS;; Host=a.example; , for=10.0.0.2")
        self.assertEqual((found.address, found.scheme, found.host), ("203.0.113.9", "https", b"a.example"))

    def test_colons_and_brackets_without_quotes_are_understood(self) -> None:
        self.assertEqual(by_forwarded(b"for=203.0.113.9:80").port, 80)
        self.assertEqual(by_forwarded(b"for=[2001:db8::1]:80").address, "2001:db8::1")

    def test_quoted_text_may_hold_separators_and_escapes(self) -> None:
        found = by_forwarded(rb'for=203.0.113.9;ext="a, b; c=\"d\\";host="\a.example", for=10.0.0.2')
        self.assertEqual((found.address, found.host), ("203.0.113.9", b"a.example"))

    def test_the_right_most_address_that_is_not_trusted_counts(self) -> None:
        self.assertEqual(by_forwarded(b"for=6.6.6.6, for=203.0.113.9", b"for=10.0.0.2").address, "203.0.113.9")

    def test_the_left_most_counts_if_all_are_trusted(self) -> None:
        self.assertEqual(by_forwarded(b"for=10.0.0.3, for=10.0.0.2").address, "10.0.0.3")

    def test_scheme_and_host_are_those_of_the_hop_nearest_the_client(self) -> None:
        found = by_forwarded(
            b"for=6.6.6.6;proto=http;host=evil.example",
            b"for=203.0.113.9;proto=https;host=a.example",
            b"for=10.0.0.2;proto=http",
        )
        self.assertEqual((found.scheme, found.host), ("https", b"a.example"))

    def test_an_unnamed_client_leaves_the_last_good_address(self) -> None:
        for node in (b"unknown", b"_hidden", b'"_hidden:80"', b'""'):
            found = by_forwarded(b"for=6.6.6.6, for=" + node + b";proto=https, for=10.0.0.2")
            self.assertEqual((found.address, found.scheme), ("10.0.0.2", "https"), node)

    def test_an_element_without_an_address_still_tells_the_scheme(self) -> None:
        found = by_forwarded(b"for=6.6.6.6, proto=https;host=a.example")
        self.assertEqual(found, Origin(PROXY, 4711, "https", b"a.example", "fresh"))

    def test_the_walk_ends_at_a_malformed_element(self) -> None:
        for malformed in NO_ELEMENTS:
            self.assertEqual(
                by_forwarded(b"for=5.5.5.5, " + malformed + b", for=10.0.0.2").address, "10.0.0.2", malformed
            )
            self.assertEqual(by_forwarded(b"for=5.5.5.5, " + malformed).address, PROXY, malformed)

    def test_a_quotation_mark_left_open_by_the_client_swallows_nothing(self) -> None:
        self.assertEqual(by_forwarded(b'for="6.6.6.6, for=203.0.113.9').address, "203.0.113.9")
        self.assertEqual(by_forwarded(b'for=6.6.6.6;x="', b'for="[2001:db8::1]"').address, "2001:db8::1")

    def test_it_is_not_read_beside_x_forwarded_for(self) -> None:
        found = ask((b"Forwarded", b"for=6.6.6.6;proto=https;host=evil.example"), (b"X-Forwarded-For", b"203.0.113.9"))
        self.assertEqual(found, Origin("203.0.113.9", 0, "http", b"site.example", "fresh"))

    def test_unknown_schemes_and_bad_hosts_are_left_out(self) -> None:
        found = by_forwarded(b'for=203.0.113.9;proto=gopher;host="a b"')
        self.assertEqual((found.scheme, found.host), ("http", b"site.example"))

    def test_many_quotation_marks_and_backslashes_cost_little(self) -> None:
        # Each of these takes minutes if the pattern may try every way to split it.
        for value in (
            b'"\\' * 30_000,
            b"\\" * 60_000,
            b'x="' + b'\\"' * 30_000,
            b";" * 60_000,
            b" " * 60_000,
            b"a" * 60_000,
        ):
            self.assertEqual(by_forwarded(value).address, PROXY)
            self.assertEqual(by_forwarded(value + b'"').address, PROXY)

    @given(
        st.binary(max_size=40),
        st.sampled_from([b"", b'for="', b'x="\\', b"for=6.6.6.6;"]),
        st.sampled_from([b"for=203.0.113.9", b'for="203.0.113.9:80";proto=https', b'host="a.example";for=203.0.113.9']),
    )
    @example(b"for=6.6.6.6", b"", b"for=203.0.113.9")
    def test_what_a_client_sends_never_changes_what_the_proxy_appended(
        self, sent: bytes, opening: bytes, appended: bytes
    ) -> None:
        self.assertEqual(by_forwarded(sent + opening + b", " + appended), by_forwarded(appended))


class RealIPTests(UnitTestCase):
    def test_it_counts_where_nothing_else_names_the_client(self) -> None:
        self.assertEqual(ask((b"X-Real-IP", b" 203.0.113.9 ")).address, "203.0.113.9")

    def test_it_is_not_read_beside_the_other_two(self) -> None:
        real = (b"X-Real-IP", b"6.6.6.6")
        self.assertEqual(ask(real, (b"X-Forwarded-For", b"203.0.113.9")).address, "203.0.113.9")
        self.assertEqual(ask(real, (b"Forwarded", b"for=203.0.113.9")).address, "203.0.113.9")
        self.assertEqual(ask(real, (b"X-Forwarded-For", b"unknown")).address, PROXY)

    def test_what_is_no_address_is_left_out(self) -> None:
        self.assertEqual(ask((b"X-Real-IP", b"client.example")).address, PROXY)


class SchemeAndHostTests(UnitTestCase):
    def test_http_and_https_are_taken_and_nothing_else(self) -> None:
        expected = {b"https": "https", b"HTTPS": "https", b"http": "http", b"wss": "http", b"": "http"}
        for value, scheme in expected.items():
            self.assertEqual(ask((b"X-Forwarded-Proto", value)).scheme, scheme)
        self.assertEqual(ask((b"X-Forwarded-Proto", b"http"), scheme="https").scheme, "http")
        self.assertEqual(ask((b"X-Forwarded-Proto", b"on"), scheme="https").scheme, "https")

    def test_the_nearest_proxy_has_the_last_word(self) -> None:
        self.assertEqual(ask((b"X-Forwarded-Proto", b"https, http")).scheme, "http")
        lines = ask((b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-Proto", b"http"))
        self.assertEqual(lines.scheme, "http")
        self.assertEqual(ask((b"X-Forwarded-Host", b"evil.example, a.example")).host, b"a.example")

    def test_the_single_fields_win_over_forwarded(self) -> None:
        found = ask(
            (b"Forwarded", b"for=203.0.113.9;proto=http;host=b.example"),
            (b"X-Forwarded-Proto", b"https"),
            (b"X-Forwarded-Host", b"a.example"),
        )
        self.assertEqual(found, Origin("203.0.113.9", 0, "https", b"a.example", "fresh"))

    def test_only_a_valid_host_is_taken(self) -> None:
        for valid in (b"a.example", b"a.example:8443", b"[2001:db8::1]:8443", b"127.0.0.1"):
            self.assertEqual(ask((b"X-Forwarded-Host", valid)).host, valid)
        for bad in (
            b"",
            b"a b",
            b"a/b",
            b"a.example:70000",
            b"[::1",
            b"a\r\nb",
            b"<a>",
            b"user@a.example",
            b"\xff",
        ):
            self.assertEqual(ask((b"X-Forwarded-Host", bad)).host, b"site.example", bad)

    def test_a_port_completes_a_host_that_has_none(self) -> None:
        for host, port, expected in (
            (b"a.example", b"8443", b"a.example:8443"),
            (b"a.example:", b"8443", b"a.example:8443"),
            (b"a.example:81", b"8443", b"a.example:81"),
            (b"[::1]", b"8443", b"[::1]:8443"),
            (b"[::1]:81", b"8443", b"[::1]:81"),
            (b"a.example", b"0", b"a.example"),
            (b"a.example", b"65536", b"a.example"),
            (b"a.example", b"+80", b"a.example"),
            (b"a.example", b"443", b"a.example:443"),
            (b"a.example", b"80", b"a.example"),
            (b"", b"8443", b""),
        ):
            self.assertEqual(ask((b"X-Forwarded-Port", port), host=host).host, expected)

    def test_the_port_of_the_scheme_is_not_spelled_out(self) -> None:
        found = ask(
            (b"X-Forwarded-Port", b"443"),
            (b"X-Forwarded-Proto", b"https"),
            (b"X-Forwarded-Host", b"a.example"),
        )
        self.assertEqual(found.host, b"a.example")


class RequestIdTests(UnitTestCase):
    def test_a_harmless_id_is_kept(self) -> None:
        for kept in (b"a", b"7f3.A_b-9", b"x" * 128):
            self.assertEqual(ask((b"X-Request-ID", kept)).request_id, kept.decode())

    def test_any_other_is_replaced(self) -> None:
        for bad in (b"", b"x" * 129, b"a b", b"a\n", b'"', b"\xc3\xa9", b"a/b"):
            self.assertEqual(ask((b"X-Request-ID", bad)).request_id, "fresh", bad)


class AnyBytesTests(UnitTestCase):
    @given(
        _fields,
        st.sampled_from([PROXY, "", "203.0.113.9"]),
        st.sampled_from([b"", b"site.example", b"[::1]:80"]),
    )
    def test_the_answer_is_always_sound(self, fields: Fields, peer: str, host: bytes) -> None:
        found = ask(*fields, peer=peer, host=host)
        self.assertRegex(found.address, r"\A[0-9a-f.:]*\Z")
        self.assertTrue(0 <= found.port <= 65_535)
        self.assertIn(found.scheme, ("http", "https"))
        self.assertTrue(found.host == host or is_host(found.host))
        self.assertRegex(found.request_id, r"\A[A-Za-z0-9._-]{1,128}\Z")
        for name, value in forwarded_headers(found):
            self.assertRegex(name, rb"\A[A-Za-z-]+\Z")
            self.assertRegex(value, rb"\A[!-~]+\Z")

    @given(_fields)
    def test_what_is_handed_on_reads_back_as_the_same_origin(self, fields: Fields) -> None:
        found = ask(*fields)
        handed_on = forwarded_headers(found)
        self.assertEqual(_without_port(ask(*handed_on)), _without_port(found))
        single = [(name, value) for name, value in handed_on if name in (b"Forwarded", b"X-Request-ID")]
        self.assertEqual(_without_port(ask(*single, host=b"")), _without_port(found))


class HandedOnTests(UnitTestCase):
    def test_every_field_is_told(self) -> None:
        self.assertEqual(
            forwarded_headers(Origin("203.0.113.9", 5005, "https", b"a.example", "id-1")),
            [
                (b"X-Forwarded-For", b"203.0.113.9"),
                (b"X-Real-IP", b"203.0.113.9"),
                (b"X-Forwarded-Proto", b"https"),
                (b"X-Forwarded-Host", b"a.example"),
                (b"X-Forwarded-Port", b"443"),
                (b"Forwarded", b"for=203.0.113.9;host=a.example;proto=https"),
                (b"X-Request-ID", b"id-1"),
            ],
        )

    def test_the_names_are_those_that_are_dropped(self) -> None:
        for name, _ in forwarded_headers(Origin("::1", 0, "http", b"a", "i")):
            self.assertIn(name.lower(), FORWARDING)
        for name in FORWARDING:
            self.assertEqual(name, name.lower())

    def test_ipv6_and_ports_are_quoted_in_forwarded(self) -> None:
        told = dict(forwarded_headers(Origin("2001:db8::1", 0, "http", b"a.example:8000", "i")))
        self.assertEqual(told[b"Forwarded"], b'for="[2001:db8::1]";host="a.example:8000";proto=http')
        self.assertEqual(told[b"X-Forwarded-For"], b"2001:db8::1")
        self.assertEqual(told[b"X-Forwarded-Port"], b"8000")

    def test_the_port_of_the_scheme_stands_for_none(self) -> None:
        for scheme, host, port in (
            ("http", b"a", b"80"),
            ("https", b"[::1]", b"443"),
            ("https", b"a:", b"443"),
        ):
            self.assertEqual(dict(forwarded_headers(Origin("::1", 0, scheme, host, "i")))[b"X-Forwarded-Port"], port)

    def test_what_is_not_known_is_left_out(self) -> None:
        names = dict(forwarded_headers(Origin("", 0, "http", b"", "i")))
        self.assertEqual(set(names), {b"X-Forwarded-Proto", b"X-Forwarded-Port", b"Forwarded", b"X-Request-ID"})
        self.assertEqual(names[b"Forwarded"], b"for=unknown;proto=http")

    def test_addresses_are_told_as_other_machines_understand_them(self) -> None:
        for address, expected in (("fe80::1%eth0", b"fe80::1"), ("::ffff:203.0.113.9", b"203.0.113.9")):
            self.assertEqual(dict(forwarded_headers(Origin(address, 0, "http", b"a", "i")))[b"X-Real-IP"], expected)


def _without_port(found: Origin) -> tuple[str, str, bytes, str]:
    """What survives being handed on: the client's port does not, an empty one of the host neither."""
    return found.address, found.scheme, re.sub(rb":\Z", b"", found.host), found.request_id
