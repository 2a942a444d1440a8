"""Which request paths name a file, and that no name leads out of a root."""

from __future__ import annotations

import os
from urllib.parse import quote, quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.content.name import file_name
from tests.case import UnitTestCase

_NASTY = st.lists(
    st.sampled_from(
        [
            b"..",
            b".",
            b"/",
            b"%2e",
            b"%2E",
            b"%2f",
            b"%5c",
            b"\\",
            b"%00",
            b"\x00",
            b"%",
            b"%25",
            b"%c0%ae",
            b"a",
            b"~",
            b"etc",
            b"passwd",
            b"%ff",
            b"\xff",
            b"C:",
            b" ",
            b"%0a",
            b".well-known",
            b"%252e",
            "‥".encode(),
        ]
    ),
    max_size=12,
).map(b"".join)


class FileNameTests(UnitTestCase):
    def test_a_plain_path_is_its_own_name(self) -> None:
        for path in (b"site.css", b"css/site.css", b"a/b-c/d_e~f/g.0.js", b"LICENSE"):
            self.assertEqual(file_name(path), path.decode())

    def test_escapes_are_decoded_as_utf8(self) -> None:
        self.assertEqual(file_name(b"%73ite.css"), "site.css")
        self.assertEqual(file_name(b"caf%C3%A9/%E2%82%AC%20sign.png"), "caf\u00e9/\u20ac sign.png")
        self.assertEqual(file_name("caf\u00e9.png".encode()), "caf\u00e9.png")

    def test_escapes_are_decoded_only_once(self) -> None:
        self.assertEqual(file_name(b"%252e%252e/a"), "%2e%2e/a")

    def test_nothing_begins_with_a_dot(self) -> None:
        for path in (b"..", b".", b"../a", b"a/../b", b"a/./b", b".git/config", b"a/.env", b"a/..", b"..."):
            self.assertIsNone(file_name(path), path)
            self.assertIsNone(file_name(path.replace(b".", b"%2e", 1)), path)
            self.assertIsNone(file_name(path.replace(b".", b"%2E")), path)

    def test_well_known_is_let_through_as_the_first_of_several_segments(self) -> None:
        self.assertEqual(file_name(b".well-known/security.txt"), ".well-known/security.txt")
        for path in (
            b".well-known",
            b".well-known/",
            b"a/.well-known/b",
            b".well-known/.b",
            b".well-knownx/b",
        ):
            self.assertIsNone(file_name(path), path)

    def test_empty_segments_name_nothing(self) -> None:
        for path in (b"", b"/", b"/etc/passwd", b"a//b", b"a/", b"css/"):
            self.assertIsNone(file_name(path), path)

    def test_separators_cannot_be_smuggled_in(self) -> None:
        for path in (
            b"a%2fb",
            b"a%2Fb",
            b"%2fetc%2fpasswd",
            b"a%5cb",
            b"a\\b",
            b"a%00b",
            b"a%00.png",
            b"a%0ab",
            b"a%7f",
        ):
            self.assertIsNone(file_name(path), path)

    def test_what_is_no_utf8_and_broken_escapes_name_nothing(self) -> None:
        for path in (b"%ff", b"\xff", b"%c0%ae%c0%ae/a", b"%ed%a0%80", b"a%", b"a%2", b"a%zz", b"%u002e"):
            self.assertIsNone(file_name(path), path)

    def test_endless_paths_name_nothing(self) -> None:
        self.assertIsNone(file_name(b"a" * 4097))
        self.assertEqual(file_name(b"a/" * 2047 + b"a"), "a/" * 2047 + "a")

    @given(st.binary(max_size=60).map(quote_from_bytes).map(str.encode) | st.binary(max_size=60) | _NASTY)
    def test_no_name_leaves_its_root(self, path: bytes) -> None:
        name = file_name(path)
        if name is not None:
            joined = os.path.join("/srv/root", name)
            self.assertEqual(os.path.normpath(joined), joined)
            self.assertTrue(joined.startswith("/srv/root/"), joined)
            self.assertNotIn("\0", name)
            hidden = [segment for segment in name.split("/") if segment.startswith(".")]
            self.assertIn(hidden, ([], [".well-known"]))

    @given(
        st.lists(
            st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\"), min_size=1).filter(
                lambda segment: not segment.startswith(".")
            ),
            min_size=1,
            max_size=5,
        )
    )
    def test_every_other_name_is_found_through_its_quoted_form(self, segments: list[str]) -> None:
        name = "/".join(segments)
        quoted = quote(name).encode()
        self.assertEqual(file_name(quoted), name if len(quoted) <= 4096 else None)
