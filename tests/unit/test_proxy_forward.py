"""What of a request servers get."""

from __future__ import annotations

from duck_tx.proxy.forward import Route, is_loop, leaves, tunnels
from duck_tx.proxy.resource import ReverseProxy
from tests.unit.proxy_case import ProxyCase

ABOUT = (
    b"X-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
    b"X-Forwarded-Host: duck.example\r\nX-Forwarded-Port: 80\r\n"
    b"Forwarded: for=192.0.2.1;host=duck.example;proto=http\r\n"
)


class RequestTests(ProxyCase):
    def sent(self, *fields: bytes, line: bytes = b"GET /x HTTP/1.1", body: bytes = b"", wrapped: bool = False) -> bytes:
        """What a server gets, without the request id."""
        site = self.site_of(ReverseProxy(self.resource)) if wrapped else self.site
        client = self.connect(site)
        client.send(b"\r\n".join([line, b"Host: duck.example", *fields, b"", b""]) + body)
        came = self.far.take()
        before, name, rest = came.partition(b"X-Request-ID: ")
        self.assertEqual(bool(name), True, came)
        client.lose()
        self.far.settle()
        return before + rest.partition(b"\r\n")[2]

    def test_a_request_is_handed_on(self) -> None:
        self.assertEqual(
            self.sent(b"Accept: */*", b"X-A: b", b"x-a: c", line=b"GET //a/%2e/;b?c=%20&d?e HTTP/1.1"),
            b"GET //a/%2e/;b?c=%20&d?e HTTP/1.1\r\nHost: duck.example\r\nAccept: */*\r\nX-A: b\r\nx-a: c\r\n"
            + ABOUT + b"Via: 1.1 duck_tx\r\n\r\n",
        )  # fmt: skip

    def test_fields_about_this_connection_are_not(self) -> None:
        fields = (
            b"Connection: keep-alive, X-Mine, Cookie", b"Keep-Alive: 5", b"Proxy-Connection: x", b"X-Mine: a",
            b"Upgrade: h2c", b"Cookie: a=b", b"Proxy: http://evil.example", b"X_Y: z",
        )  # fmt: skip
        expected = b"GET /x HTTP/1.1\r\nHost: duck.example\r\nCookie: a=b\r\n" + ABOUT + b"Via: 1.1 duck_tx\r\n\r\n"
        self.assertEqual(self.sent(*fields), expected)
        self.assertEqual(self.sent(*fields, wrapped=True), expected)

    def test_what_strangers_say_of_the_way_is_not(self) -> None:
        said = self.sent(
            b"X-Forwarded-For: 10.0.0.1", b"Forwarded: for=10.0.0.1", b"X-Real-IP: 10.0.0.1",
            b"X-Forwarded-Proto: https", b"X-Forwarded-Host: evil.example", b"X-Forwarded-Prefix: /evil",
            b"X-Request-ID: evil",
        )  # fmt: skip
        self.assertEqual(said, b"GET /x HTTP/1.1\r\nHost: duck.example\r\n" + ABOUT + b"Via: 1.1 duck_tx\r\n\r\n")

    def test_via_grows(self) -> None:
        self.assertIn(b"\r\nVia: 1.0 a, 1.1 b\r\n", self.sent(b"Via: 1.0 a, 1.1 b"))

    def test_a_client_of_http_1_0_is_named_so_and_may_have_no_host(self) -> None:
        client = self.connect()
        client.send(b"GET /x HTTP/1.0\r\n\r\n")
        self.assertTrue(self.far.received.startswith(b"GET /x HTTP/1.1\r\nHost: app.example:9000\r\n"))
        self.assertTrue(self.far.received.endswith(b"Via: 1.0 duck_tx\r\n\r\n"))

    def test_the_host_is_rewritten_where_that_is_wanted(self) -> None:
        for host, seen in (("keep", b"duck.example"), ("rewrite", b"app.example:9000"), ("a.example", b"a.example")):
            self.site = self.proxy(Route(host=host))
            came = self.sent()
            self.assertIn(b"\r\nHost: %b\r\n" % seen, came)
            self.assertIn(b"\r\nX-Forwarded-Host: duck.example\r\n", came)

    def test_the_body_s_length_is_told(self) -> None:
        for fields, line, body, end in (
            ((b"Content-Length: 3",), b"POST /x HTTP/1.1", b"abc", b"Content-Length: 3\r\n\r\nabc"),
            ((b"Content-Length: 0",), b"POST /x HTTP/1.1", b"", b"Content-Length: 0\r\n\r\n"),
            ((b"Content-Length: 0",), b"GET /x HTTP/1.1", b"", b"Content-Length: 0\r\n\r\n"),
            ((), b"POST /x HTTP/1.1", b"", b"Content-Length: 0\r\n\r\n"),
            ((b"Content-Length: 3",), b"GET /x HTTP/1.1", b"abc", b"Content-Length: 3\r\n\r\nabc"),
        ):
            with self.subTest(fields=fields, line=line):
                came = self.sent(*fields, line=line, body=body)
                self.assertTrue(came.endswith(b"Via: 1.1 duck_tx\r\n" + end), came)

    def test_trailers_are_announced_and_asked_for(self) -> None:
        came = self.sent(b"TE: trailers", b"Connection: TE")
        self.assertTrue(came.endswith(b"Via: 1.1 duck_tx\r\nConnection: TE\r\nTE: trailers\r\n\r\n"), came)
        client = self.connect()
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        self.assertTrue(self.far.take().endswith(b"\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"))
        client.send(b"1\r\na\r\n0\r\nX-Sum: 1\r\nHost: no\r\n\r\n")
        self.assertEqual(self.far.take(), b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n")

    def test_hops_are_counted_where_they_are(self) -> None:
        for method, given, seen in (
            (b"OPTIONS", b"5", b"4"),
            (b"TRACE", b"1", b"0"),
            (b"TRACE", b"x", b"x"),
            (b"TRACE", b"9" * 30, b"9" * 30),
            (b"GET", b"0", b"0"),
        ):
            came = self.sent(b"Max-Forwards: " + given, line=method + b" /x HTTP/1.1")
            self.assertIn(b"\r\nMax-Forwards: %b\r\n" % seen, came)
        client = self.ask(b"OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 501 "), client.received)

    def test_a_request_that_goes_in_circles_is_refused(self) -> None:
        client = self.ask(b"GET / HTTP/1.1\r\nHost: a\r\nVia: %b\r\n\r\n" % b", ".join([b"1.1 duck_tx"] * 8))
        self.assertTrue(client.received.startswith(b"HTTP/1.1 508 "), client.received)
        self.assertEqual(self.network.ends, [])

    def test_a_path_that_leaves_its_prefix_is_refused(self) -> None:
        self.site = self.proxy(Route(b"/api/", strip=True))
        client = self.ask(b"GET /api/..%2Fsecret HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 400 "), client.received)
        self.assertEqual(self.network.ends, [])


class LoopTests(ProxyCase):
    def test_only_names_in_via_count(self) -> None:
        via = b"Via: " + b", ".join([b"1.1 duck_tx"] * 9)
        self.assertTrue(is_loop(b"Host: a\r\n" + via + b"\r\n"))
        self.assertTrue(is_loop(b"Host: a\r\n" + b"via: 1.1 duck_tx (x)\r\n" * 9))
        self.assertFalse(is_loop(via.replace(b"Via", b"X-Via")))
        self.assertFalse(is_loop(via.replace(b"1.1 duck_tx", b"1.1 duck_tx2")))
        self.assertFalse(is_loop(b"Via: 1.1 duck_tx\r\n"))


class PathTests(ProxyCase):
    def test_a_path_that_climbs_out_is_found(self) -> None:
        for rest in (
            b"..", b"../", b"a/../../b", b"%2e%2E/b", b".%2e", b"..%2fb", b"a%2F..%2f..", b"..\\b", b"..%5cb",
            b"..;x/b", b"./../b", b"%2e/%2e%2e",
        ):  # fmt: skip
            with self.subTest(rest):
                self.assertTrue(leaves(b"/api/" + rest, b"/api/"))
                self.assertTrue(leaves(b"/" + rest, b"/"))
                self.assertTrue(leaves(b"/v1%2E0/a%2fb/" + rest, b"/v1%2E0/a%2fb/"))

    def test_others_stay(self) -> None:
        for rest in (
            b"",
            b"a/../b",
            b"a/b/../../c",
            b"..a",
            b"a..",
            b"...",
            b"a?../..",
            b".well-known/x",
            b"a%2fb",
            b"./a",
        ):
            with self.subTest(rest):
                self.assertFalse(leaves(b"/api/" + rest, b"/api/"))
                self.assertFalse(leaves(b"/v1%2E0/a%2fb/" + rest, b"/v1%2E0/a%2fb/"))

    def test_a_target_changes_by_prefix_and_base_alone(self) -> None:
        for route, base, uri, target in (
            (Route(), b"", b"/a?b", b"/a?b"),
            (Route(), b"/v1", b"/a//b", b"/v1/a//b"),
            (Route(b"/api/"), b"", b"/api/a", b"/api/a"),
            (Route(b"/api/", strip=True), b"", b"/api/a%20?b", b"/a%20?b"),
            (Route(b"/api/", strip=True), b"/v1", b"/api/", b"/v1/"),
            (Route(b"/api/", strip=True), b"", b"/api?b", b"/?b"),
            (Route(b"/api/", strip=True), b"", b"/api", b"/"),
        ):
            with self.subTest(uri, route=route):
                self.assertEqual(route.target(uri, base), target)


class UpgradeTests(ProxyCase):
    def test_other_kinds_of_http_do_not_pass(self) -> None:
        for protocol, passes in (
            (b"websocket", True),
            (b"h2c", False),
            (b"http/2.0", False),
            (b"tls/1.0", False),
            (b"", False),
        ):
            self.assertEqual(tunnels(protocol), passes)
