"""Absolute URIs: hosts, ports, and the joining of references."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.uris import absolute_uri, absolute_ws_uri, is_wildcard, join, public_host
from tests.case import UnitTestCase

_URI_TEXT = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")

# RFC 3986, section 5.4: each reference and its target, seen from the base of that section.
_BASE = "http://a/b/c/d;p?q"
_RFC_CASES = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/./x": "http://a/b/c/g#s/./x",
    "g#s/../x": "http://a/b/c/g#s/../x",
    "http:g": "http:g",
}


class HostTests(UnitTestCase):
    def test_the_domain_comes_before_the_address(self) -> None:
        self.assertEqual(public_host("example.com", "10.0.0.1"), "example.com")

    def test_the_address_is_the_host_without_a_domain(self) -> None:
        self.assertEqual(public_host(None, "10.0.0.1"), "10.0.0.1")
        self.assertEqual(public_host("", "example.local"), "example.local")

    def test_an_ipv6_address_comes_in_brackets_once(self) -> None:
        self.assertEqual(public_host(None, "2001:db8::1"), "[2001:db8::1]")
        self.assertEqual(public_host("[2001:db8::1]", "::"), "[2001:db8::1]")

    def test_the_zone_of_an_ipv6_address_is_encoded(self) -> None:
        self.assertEqual(public_host(None, "fe80::1%eth0"), "[fe80::1%25eth0]")

    def test_every_spelling_of_a_wildcard_address_becomes_localhost(self) -> None:
        for addr in ("0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"):
            self.assertTrue(is_wildcard(addr), addr)
            self.assertEqual(public_host(None, addr), "localhost")

    def test_a_domain_hides_a_wildcard_address(self) -> None:
        self.assertEqual(public_host("example.com", "0.0.0.0"), "example.com")

    def test_names_and_other_addresses_are_no_wildcards(self) -> None:
        for addr in ("localhost", "127.0.0.1", "::1", "", "0.0.0.0.example"):
            self.assertFalse(is_wildcard(addr), addr)


class AbsoluteUriTests(UnitTestCase):
    def test_only_the_port_of_the_scheme_itself_is_left_out(self) -> None:
        self.assertEqual(absolute_uri("a", 80), "http://a")
        self.assertEqual(absolute_uri("a", 443), "http://a:443")
        self.assertEqual(absolute_uri("a", 443, is_secure=True), "https://a")
        self.assertEqual(absolute_uri("a", 80, is_secure=True), "https://a:80")
        self.assertEqual(absolute_uri("a", 8000), "http://a:8000")

    def test_websocket_uris_follow_the_same_rule(self) -> None:
        self.assertEqual(absolute_ws_uri("a", 80), "ws://a")
        self.assertEqual(absolute_ws_uri("a", 443, is_secure=True), "wss://a")
        self.assertEqual(absolute_ws_uri("a", 8443, "/live?x=1", is_secure=True), "wss://a:8443/live?x=1")

    def test_a_port_follows_an_ipv6_host_in_its_brackets(self) -> None:
        self.assertEqual(absolute_uri(public_host(None, "::1"), 8000, "/x"), "http://[::1]:8000/x")

    def test_a_path_needs_no_leading_slash(self) -> None:
        self.assertEqual(absolute_uri("a", 80, "x/y"), "http://a/x/y")
        self.assertEqual(absolute_uri("a", 80, "../x"), "http://a/x")

    def test_a_lone_query_belongs_to_the_root(self) -> None:
        self.assertEqual(absolute_uri("a", 80, "?x=1"), "http://a/?x=1")
        self.assertEqual(absolute_uri("a", 80, "#top"), "http://a/#top")

    def test_a_segment_with_a_colon_behind_a_digit_is_a_path(self) -> None:
        self.assertEqual(absolute_uri("a", 80, "1:2/x?y#z"), "http://a/1:2/x?y#z")
        self.assertEqual(absolute_uri("a", 80, "1://x"), "http://a/1://x")


class JoinTests(UnitTestCase):
    def test_every_example_of_rfc_3986_holds(self) -> None:
        self.assertEqual({reference: join(_BASE, reference) for reference in _RFC_CASES}, _RFC_CASES)

    def test_percent_encoding_is_kept_byte_for_byte(self) -> None:
        for path in ("/a%2Fb", "/a%2fb", "/%2e%2e/x", "/%c3%a9", "/100%", "/a%zz", "/+%20?q=%26&r=a+b"):
            self.assertEqual(join("http://a", path), f"http://a{path}")

    def test_text_beyond_ascii_is_encoded_as_utf_8(self) -> None:
        self.assertEqual(join("http://a", "/é?ü"), "http://a/%C3%A9?%C3%BC")

    def test_line_ends_and_spaces_cannot_leave_the_uri(self) -> None:
        self.assertEqual(join("http://a", "/x\r\nSet-Cookie: y"), "http://a/x%0D%0ASet-Cookie:%20y")

    def test_empty_queries_and_fragments_are_kept(self) -> None:
        self.assertEqual(join("http://a/b", "c?#"), "http://a/c?#")

    def test_a_base_without_scheme_or_host_is_refused(self) -> None:
        for base in ("", "/x", "a/b", "//a/x", "http:x", "http:///x"):
            self.assertRaises(ValueError, join, base, "/x")

    @given(st.text())
    def test_any_reference_gives_a_uri_of_legal_characters(self, reference: str) -> None:
        self.assertTrue(_URI_TEXT.fullmatch(join("http://a/b/c", reference)))

    @given(st.text())
    def test_joining_twice_changes_nothing(self, reference: str) -> None:
        once = join("http://a/b/c", f"/{reference.lstrip('/')}")
        self.assertEqual(join("http://a/b/c", once), once)

    @given(st.lists(st.sampled_from(["a", "%2e", "%2E%2e", "..", ".", "", "b;c", "%41"]), max_size=8))
    def test_a_path_never_leaves_its_host_nor_keeps_dots(self, segments: list[str]) -> None:
        target = urlsplit(join("http://a:8000", "/x/" + "/".join(segments)))
        self.assertEqual(target.netloc, "a:8000")
        self.assertTrue(target.path.startswith("/"))
        self.assertFalse({".", ".."} & set(target.path.split("/")))
        # What survives is an ordered selection of what was given, encoded exactly as it was.
        given_segments = iter(["", "x", *segments, ""])
        self.assertTrue(all(segment in given_segments for segment in target.path.split("/")))

    @given(st.integers(1, 65535), st.booleans())
    def test_the_port_in_use_can_be_read_back(self, port: int, is_secure: bool) -> None:
        parts = urlsplit(absolute_uri("a", port, is_secure=is_secure))
        self.assertEqual(parts.port or (443 if is_secure else 80), port)
