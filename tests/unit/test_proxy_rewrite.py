"""Links and cookies of servers behind the proxy."""

from __future__ import annotations

from duck_tx.http.forwarded import Origin
from duck_tx.proxy.forward import Route
from duck_tx.proxy.rewrite import View, rewritten
from duck_tx.proxy.upstream import Upstream
from tests.case import UnitTestCase

ORIGIN = Origin("192.0.2.1", 4711, "https", b"duck.example", "1")


def view(url: str, *, strip: bool = True, host: str = "keep", prefix: bytes = b"/api/") -> View:
    upstream = Upstream(url)
    seen = b"duck.example" if host == "keep" else upstream.authority
    return View(Route(prefix, strip=strip, host=host), upstream, ORIGIN, seen)


class LinkTests(UnitTestCase):
    def assert_links(self, seen: View, *pairs: tuple[bytes, bytes]) -> None:
        for given, wanted in pairs:
            with self.subTest(given):
                self.assertEqual(seen.link(given), wanted)

    def test_a_stripped_prefix_is_put_back(self) -> None:
        self.assert_links(
            view("http://127.0.0.1:9000"),
            (b"/", b"/api/"),
            (b"/x?y=/z#f", b"/api/x?y=/z#f"),
            (b"x/y", b"x/y"),
            (b"?page=2", b"?page=2"),
            (b"", b""),
            (b"//other.example/x", b"//other.example/x"),
            (b"https://duck.example/x", b"https://duck.example/api/x"),
            (b"http://DUCK.example:80/x", b"http://DUCK.example:80/api/x"),
            (b"http://127.0.0.1:9000/x?y", b"https://duck.example/api/x?y"),
            (b"http://127.0.0.1:9000", b"https://duck.example/api/"),
            (b"http://127.0.0.1:9001/x", b"http://127.0.0.1:9001/x"),
            (b"https://127.0.0.1:9000/x", b"https://127.0.0.1:9000/x"),
            (b"http://other.example/x", b"http://other.example/x"),
            (b"mailto:a@b.example", b"mailto:a@b.example"),
            (b"//duck.example/x", b"//duck.example/api/x"),
            (b"//DUCK.example:443/x", b"//DUCK.example:443/api/x"),
            (b"//127.0.0.1:9000/x?y", b"//duck.example/api/x?y"),
            (b"//127.0.0.1:9001/x", b"//127.0.0.1:9001/x"),
        )

    def test_a_base_path_is_taken_away(self) -> None:
        self.assert_links(
            view("http://app.example/v1"),
            (b"/v1/x", b"/api/x"),
            (b"/v1", b"/api/"),
            (b"/v1?x", b"/api/?x"),
            (b"/v12", b"/v12"),
            (b"/other", b"/other"),
            (b"http://app.example:80/v1/x", b"https://duck.example/api/x"),
        )

    def test_no_path_becomes_a_link_to_another_host(self) -> None:
        for base in ("/v1", "/v1/"):
            self.assert_links(
                view(f"http://app.example{base}", strip=False),
                (b"/v1//evil.example/x", b"/.//evil.example/x"),
                (b"/v1/\\evil.example", b"/./\\evil.example"),
                (b"/v1/\t/evil.example", b"/./\t/evil.example"),
                (b"/v1/x//y", b"/x//y"),
                (b"http://app.example/v1//x", b"https://duck.example//x"),
            )

    def test_with_the_prefix_kept_only_the_server_s_own_host_is_turned_back(self) -> None:
        self.assert_links(
            view("http://app.example", strip=False, host="rewrite"),
            (b"/x", b"/x"),
            (b"http://app.example/api/x", b"https://duck.example/api/x"),
            (b"http://app.example", b"https://duck.example"),
            (b"https://duck.example/x", b"https://duck.example/x"),
        )

    def test_a_unix_socket_is_called_localhost(self) -> None:
        self.assert_links(view("unix:/run/x.sock"), (b"http://localhost/x", b"https://duck.example/api/x"))


class CookieTests(UnitTestCase):
    def test_the_path_is_turned_back(self) -> None:
        for given, wanted in (
            (b"a=b; Path=/; HttpOnly", b"a=b; Path=/api; HttpOnly"),
            (b"a=b; Path=/x/", b"a=b; Path=/api/x/"),
            (b"a=b;path=/x;Secure", b"a=b;path=/api/x;Secure"),
            (b"a=b; PATH = /x", b"a=b; PATH =/api/x"),
            (b"a=b", b"a=b"),
            (b"path=/; Max-Age=1", b"path=/; Max-Age=1"),
            (b"a=b; Path=", b"a=b; Path="),
            (b"a=b; Path=x", b"a=b; Path=x"),
            (b"a=path=/; Path", b"a=path=/; Path"),
        ):
            with self.subTest(given):
                self.assertEqual(view("http://a.example").cookie(given), wanted)

    def test_a_cookie_for_all_of_the_server_is_for_all_of_the_route(self) -> None:
        for seen, wanted in (
            (view("http://a.example/v1"), b"/api"),
            (view("http://a.example/v1", strip=False), b"/"),
            (view("http://a.example/v1", prefix=b"/"), b"/"),
        ):
            for given in (b"/v1", b"/v1/"):
                self.assertEqual(seen.cookie(b"a=b; Path=" + given), b"a=b; Path=" + wanted)

    def test_fields_keep_their_order_and_names(self) -> None:
        fields = [(b"X", b"/x"), (b"LOCATION", b"/y"), (b"Set-Cookie", b"a=b; Path=/"), (b"content-location", b"/z")]
        self.assertEqual(
            rewritten(fields, view("http://a.example")),
            [
                (b"X", b"/x"),
                (b"LOCATION", b"/api/y"),
                (b"Set-Cookie", b"a=b; Path=/api"),
                (b"content-location", b"/api/z"),
            ],
        )

    def test_cookies_stay_where_paths_do(self) -> None:
        seen = view("http://a.example", strip=False, host="rewrite")
        self.assertEqual(rewritten([(b"Set-Cookie", b"a=b; Path=/")], seen), [(b"Set-Cookie", b"a=b; Path=/")])
