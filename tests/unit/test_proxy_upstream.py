"""Where a server is."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.proxy.upstream import Upstream
from tests.case import UnitTestCase


class UpstreamTests(UnitTestCase):
    def assert_is(self, url: str, scheme: str, host: str, port: int, base: bytes, authority: bytes) -> None:
        found = Upstream(url)
        self.assertEqual(
            (found.scheme, found.host, found.port, found.base, found.authority), (scheme, host, port, base, authority)
        )

    def test_a_url_is_taken_apart(self) -> None:
        self.assert_is("http://127.0.0.1:9000", "http", "127.0.0.1", 9000, b"", b"127.0.0.1:9000")
        self.assert_is("https://App.Example/v1/", "https", "app.example", 443, b"/v1", b"app.example")
        self.assert_is("http://app.example:80/", "http", "app.example", 80, b"", b"app.example")
        self.assert_is("http://[::1]:9000/a%20b", "http", "::1", 9000, b"/a%20b", b"[::1]:9000")
        self.assert_is("http://b\u00fccher.example", "http", "xn--bcher-kva.example", 80, b"", b"xn--bcher-kva.example")

    def test_a_unix_socket_has_a_path_and_perhaps_a_base(self) -> None:
        for url, path, base in (
            ("unix:/run/x.sock", "/run/x.sock", b""),
            ("unix:/run/x.sock:/v1/", "/run/x.sock", b"/v1"),
        ):
            found = Upstream(url)
            self.assertEqual((found.scheme, found.path, found.base), ("unix", path, base))
            self.assertEqual((found.host, found.port, found.authority), ("", 0, b"localhost"))

    def test_what_is_no_address_is_refused_with_a_reason(self) -> None:
        for url in (
            "", "127.0.0.1:9000", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:99999", "http://a:x",
            "http://user@a", "http://a?b", "http://a#b", "http://a/?", "http://a/../b", "http://a/x y", "http://a b",
            "http://[::1", "http://[1]", "http://-a", "unix:x.sock", "unix:", "unix:/", "unix:/x:y", "http://a/%zz",
        ):  # fmt: skip
            with self.subTest(url):
                error = self.assertRaises(ValueError, Upstream, url)
                self.assertIn(repr(url), str(error))
                self.assertIn("unix:/PATH", str(error))

    def test_a_socket_s_path_is_no_longer_than_the_system_takes(self) -> None:
        longest = 107 if sys.platform == "linux" else 103
        path = "/" + "x" * (longest - 1)
        self.assertEqual(Upstream(f"unix:{path}:/v1").path, path)
        error = self.assertRaises(ValueError, Upstream, f"unix:{path}x")
        self.assertIn(f"no more than {longest} ", str(error))

    @given(st.text())
    def test_any_text_is_an_address_or_refused(self, text: str) -> None:
        for url in (text, "http://" + text, "unix:/" + text):
            try:
                found = Upstream(url)
            except ValueError:
                continue
            self.assertTrue(found.authority)
            self.assertEqual(repr(found), f"Upstream({url!r})")
