from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref import validate

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from duck_tx.http.router import Router
from duck_tx.http.site import Site
from tests.case import UnitTestCase
from tests.unit.child import in_child
from tests.unit.wsgi_case import TEXT, Environ, GatewayTestCase, Peer, StartResponse


def what_django_sees(fields: list[str], trusted: list[str]) -> list[object]:
    """Scheme, host, address and full path, as a Django without any setting for proxies tells them.

    To be called in a Python of its own.
    """
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIRequest

    settings.configure(ALLOWED_HOSTS=["*"])
    case = GatewayTestCase()
    environ = case.environ(lambda peer: peer.ask("/caf%C3%A9?a=1", fields=fields), trusted=trusted)
    request = WSGIRequest(environ)
    return [
        request.is_secure(),
        request.get_host(),
        request.META["REMOTE_ADDR"],
        request.build_absolute_uri(),
        request.path,
    ]


FORGED = (
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Port: 444",
    "X-Forwarded-Server: evil",
    "Forwarded: for=203.0.113.9;proto=https;host=evil.test",
    "X-Real-IP: 203.0.113.9",
    "X-Request-ID: chosen",
)
FORWARDING = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
)


class EnvironTestCase(GatewayTestCase):
    def ask(self, target: str = "/", fields: Iterable[str] = (), **options: Any) -> Environ:
        return self.environ(lambda peer: peer.ask(target, fields=fields), **options)

    def raw(self, raw: bytes, **options: Any) -> Environ:
        return self.environ(lambda peer: peer.send(raw), **options)


class TargetTests(EnvironTestCase):
    def test_path_and_query_arrive_byte_for_byte(self) -> None:
        for target, path, query in (
            ("/", "/", ""),
            ("/?", "/", ""),
            ("/?a=1", "/", "a=1"),
            ("/a%2Fb?c%2Fd", "/a/b", "c%2Fd"),
            ("//a//b//", "//a//b//", ""),
            ("/a/../b/./c", "/a/../b/./c", ""),
            ("/%2e%2e/x", "/../x", ""),
            ("/a;b=c,d?e?f", "/a;b=c,d", "e?f"),
            ("/caf%C3%A9", "/caf\xc3\xa9", ""),
            ("/%FF%00%zz%", "/\xff\x00%zz%", ""),
            ("/+?+", "/+", "+"),
        ):
            environ = self.ask(target)
            found = environ["PATH_INFO"], environ["QUERY_STRING"], environ["REQUEST_URI"], environ["SCRIPT_NAME"]
            self.assertEqual(found, (path, query, target, ""))

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?")), st.text("a%2F&=?/+;"))
    def test_any_path_and_query_arrive_byte_for_byte(self, path: str, query: str) -> None:
        environ = self.ask(f"/{path}?{query}")
        self.assertEqual(environ["PATH_INFO"].encode("latin-1"), unquote_to_bytes(f"/{path}"))
        self.assertEqual(environ["QUERY_STRING"], query)
        self.assertEqual(environ["REQUEST_URI"], f"/{path}?{query}")

    def test_an_absolute_target_is_a_path_and_a_host(self) -> None:
        environ = self.raw(b"GET http://b.test:81/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assertEqual((environ["PATH_INFO"], environ["QUERY_STRING"]), ("/x", "y"))
        self.assertEqual(
            (environ["HTTP_HOST"], environ["SERVER_NAME"], environ["SERVER_PORT"]), ("b.test:81", "b.test", "81")
        )

    def test_below_a_mount_the_prefix_is_the_script_name(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
            start_response("200 OK", TEXT)
            return []

        for prefix, target, expected in (
            (b"/shop/", "/shop/", ("/shop", "/")),
            (b"/shop/", "/shop/a%2Fb//c", ("/shop", "/a/b//c")),
            (b"/caf%C3%A9/bar/", "/caf%C3%A9/bar/x", ("/caf\xc3\xa9/bar", "/x")),
            (b"/", "/x", ("", "/x")),
            (b"/other/", "/shop/x", ("", "/shop/x")),
        ):
            seen: list[tuple[str, str]] = []
            self.serve(application)
            router = Router(self.resource)
            router.mount(prefix, self.resource)
            self.site = Site(router, reactor=self.reactor)
            self.connect().ask(target)
            self.assertEqual(seen, [expected])


class ServerTests(EnvironTestCase):
    def check(self, environ: Environ) -> None:
        validate.check_environ(environ)  # type: ignore[attr-defined]

    def test_wsgiref_finds_nothing_wrong(self) -> None:
        for address in (None, UNIXAddress(None)):
            for method in ("GET", "POST"):
                environ = self.environ(partial(Peer.ask, method=method, body=b"x"), address)
                self.check(environ)

    def test_name_and_port_come_from_the_host_field(self) -> None:
        for host, name, port in (
            ("a.test", "a.test", "80"),
            ("a.test:8000", "a.test", "8000"),
            ("a.test:", "a.test", "80"),
            ("[::1]", "[::1]", "80"),
            ("[::1]:8000", "[::1]", "8000"),
        ):
            environ = self.raw(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode())
            found = environ["HTTP_HOST"], environ["SERVER_NAME"], environ["SERVER_PORT"]
            self.assertEqual(found, (host, name, port))

    def test_without_a_host_they_are_those_of_the_listening_address(self) -> None:
        for address, name, port in (
            (IPv4Address("TCP", "198.51.100.2", 8000), "198.51.100.2", "8000"),
            (IPv6Address("TCP", "fe80::1%eth0", 8000), "[fe80::1]", "8000"),
            (UNIXAddress("/run/duck.sock"), "localhost", "80"),
        ):
            environ = self.listening_at(address, b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual((environ["SERVER_NAME"], environ["SERVER_PORT"]), (name, port))
            self.assertEqual(environ["SERVER_PROTOCOL"], "HTTP/1.0")
            self.assertNotIn("HTTP_HOST", environ)
            self.assertNotIn("HTTP_X_FORWARDED_HOST", environ)
            self.check(environ)

    def listening_at(self, address: IAddress, raw: bytes) -> Environ:
        return self.environ(lambda peer: Peer(self.site, None, address).send(raw))

    def test_the_port_of_https_is_443(self) -> None:
        environ = self.ask(fields=["X-Forwarded-Proto: https"], trusted=["*"])
        self.assertEqual((environ["wsgi.url_scheme"], environ["SERVER_PORT"]), ("https", "443"))


class FieldTests(EnvironTestCase):
    def test_fields_of_one_name_are_joined_in_order_and_cookies_by_semicolons(self) -> None:
        environ = self.ask(fields=["X-A: 1", "Cookie: a=1", "x-a: 2", "cookie: b=2; c=3", "X-A: 3"])
        self.assertEqual((environ["HTTP_X_A"], environ["HTTP_COOKIE"]), ("1,2,3", "a=1; b=2; c=3"))

    def test_names_that_a_gateway_could_confuse_are_left_out(self) -> None:
        for proxied in (True, False):
            fields = [
                "X_Forwarded_For: 1",
                "X-Forwarded_For: 1",
                "Remote_User: x",
                "Proxy: http://evil.test",
                "X.Y: kept",
            ]
            environ = self.ask(fields=fields, proxied=proxied)
            self.assertEqual(environ["HTTP_X_FORWARDED_FOR"], "192.0.2.1")
            self.assertNotIn("HTTP_REMOTE_USER", environ)
            self.assertNotIn("HTTP_PROXY", environ)
            self.assertEqual(environ["HTTP_X.Y"], "kept")

    def test_a_field_cannot_take_the_place_of_what_the_server_sets(self) -> None:
        environ = self.ask(fields=["Remote-Addr: 1.2.3.4", "Script-Name: /x", "Request-Method: PUT", "Https: on"])
        self.assertEqual((environ["REMOTE_ADDR"], environ["SCRIPT_NAME"]), ("192.0.2.1", ""))
        self.assertEqual((environ["REQUEST_METHOD"], environ["HTTP_REMOTE_ADDR"]), ("GET", "1.2.3.4"))
        self.assertNotIn("HTTPS", environ)

    def test_values_are_latin_1(self) -> None:
        environ = self.raw(b"GET / HTTP/1.1\r\nHost: a.test\r\nX-A: \xc3\xa9\xff\r\n\r\n")
        self.assertEqual(environ["HTTP_X_A"], "\xc3\xa9\xff")

    def test_the_type_of_the_content_has_no_http_in_its_name(self) -> None:
        environ = self.ask(fields=["Content-Type: text/x"])
        self.assertEqual(environ["CONTENT_TYPE"], "text/x")
        self.assertNotIn("HTTP_CONTENT_TYPE", environ)


class BodyTests(EnvironTestCase):
    HEAD = b"POST / HTTP/1.1\r\nHost: a.test\r\n"

    def body(self, rest: bytes) -> tuple[str | None, bytes]:
        environ = self.raw(self.HEAD + rest)
        self.assertNotIn("HTTP_CONTENT_LENGTH", environ)
        return environ.get("CONTENT_LENGTH"), environ["test.body"]

    def test_the_length_is_that_of_the_content(self) -> None:
        self.assertEqual(self.body(b"Content-Length: 3\r\n\r\nabc"), ("3", b"abc"))
        chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        self.assertEqual(self.body(chunks), ("3", b"abc"))

    def test_an_empty_body_has_length_0_and_none_at_all_has_none(self) -> None:
        self.assertEqual(self.body(b"Content-Length: 0\r\n\r\n"), ("0", b""))
        self.assertEqual(self.body(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ("0", b""))
        self.assertEqual(self.body(b"\r\n"), (None, b""))

    def test_a_body_larger_than_memory_is_read_from_its_beginning(self) -> None:
        body = bytes(range(256)) * 8192
        self.assertEqual(self.body(b"Content-Length: %d\r\n\r\n" % len(body) + body), (str(len(body)), body))


class ForwardingTests(EnvironTestCase):
    def about(self, environ: Environ) -> list[str | None]:
        return [environ.get(name) for name in FORWARDING]

    def test_strangers_cannot_say_where_they_come_from(self) -> None:
        for proxied in (True, False):
            environ = self.ask(fields=FORGED, proxied=proxied)
            self.assertEqual(self.about(environ), ["192.0.2.1", "http", "a.test", "80", "192.0.2.1"])
            self.assertEqual((environ["REMOTE_ADDR"], environ["REMOTE_PORT"]), ("192.0.2.1", "54321"))
            self.assertEqual(environ["wsgi.url_scheme"], "http")
            self.assertNotEqual(environ["HTTP_X_REQUEST_ID"], "chosen")
            self.assertTrue(environ["HTTP_X_REQUEST_ID"])
            self.assertNotIn("HTTP_FORWARDED", environ)
            self.assertNotIn("HTTP_X_FORWARDED_SERVER", environ)

    def test_a_trusted_proxy_says_it_for_others(self) -> None:
        for proxied in (True, False):
            environ = self.ask(fields=FORGED, trusted=["192.0.2.0/24"], proxied=proxied)
            self.assertEqual(self.about(environ), ["203.0.113.9", "https", "evil.test:444", "444", "203.0.113.9"])
            self.assertEqual((environ["REMOTE_ADDR"], environ["HTTP_HOST"]), ("203.0.113.9", "evil.test:444"))
            self.assertEqual((environ["SERVER_NAME"], environ["SERVER_PORT"]), ("evil.test", "444"))
            self.assertEqual((environ["wsgi.url_scheme"], environ["HTTP_X_REQUEST_ID"]), ("https", "chosen"))
            self.assertNotIn("HTTP_FORWARDED", environ)

    def test_a_peer_on_a_unix_socket_has_no_address(self) -> None:
        environ = self.ask(address=UNIXAddress(None))
        self.assertEqual(environ["REMOTE_ADDR"], "")
        self.assertEqual(self.about(environ), [None, "http", "a.test", "80", None])

    def test_a_trusted_proxy_on_a_unix_socket_names_the_client(self) -> None:
        environ = self.ask(fields=["X-Forwarded-For: 203.0.113.9"], address=UNIXAddress(None), trusted=["unix"])
        self.assertEqual(environ["REMOTE_ADDR"], "203.0.113.9")


class DjangoTests(UnitTestCase):
    def test_django_is_told_right_without_any_setting_of_its_own(self) -> None:
        uri = "://{}/caf%C3%A9?a=1".format
        self.assertEqual(
            in_child(what_django_sees, FORGED, []),
            [False, "a.test", "192.0.2.1", "http" + uri("a.test"), "/caf\xe9"],
        )
        self.assertEqual(
            in_child(what_django_sees, FORGED, ["192.0.2.1"]),
            [True, "evil.test:444", "203.0.113.9", "https" + uri("evil.test:444"), "/caf\xe9"],
        )
