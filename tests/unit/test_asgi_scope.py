"""The scopes of ASGI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.typing import HTTPScope, WebSocketScope
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from duck_tx.gateway.asgi.scope import websocket_scope
from tests.unit.asgi_case import AsgiCase, Receive, Scope, Send, hello, mistakes
from tests.unit.wsgi_case import Peer

_PLAIN = b"GET /a%20b/%C3%A4?x=%20&y HTTP/1.1\r\nHost: duck.example:81\r\nX-Two: 1\r\nx-two: 2\r\n\r\n"


class ScopeTests(AsgiCase):
    def scope(
        self,
        raw: bytes = _PLAIN,
        address: IAddress | None = None,
        look: Callable[[Any], object] | None = None,
        **more: Any,
    ) -> Scope:
        """What an application is given for a request."""
        seen: list[Scope] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)
            await hello(scope, receive, send)

        self.serve(application, **more)
        peer = Peer(self.site, address, None)
        peer.send(raw)
        self.turn()
        self.assertEqual(len(seen), 1, peer.raw)
        return seen[0]

    def fields(self, scope: Scope, name: bytes) -> list[bytes]:
        return [value for each, value in scope["headers"] if each == name]

    def test_it_is_what_asgi_says(self) -> None:
        for scope in (self.scope(), self.scope(state={"a": 1})):
            self.assertEqual(mistakes(scope, HTTPScope), [])

    def test_every_part_of_a_request(self) -> None:
        scope = self.scope()
        self.assertEqual(scope["method"], "GET")
        self.assertEqual(scope["http_version"], "1.1")
        self.assertEqual(scope["scheme"], "http")
        self.assertEqual((scope["path"], scope["raw_path"]), ("/a b/ä", b"/a%20b/%C3%A4"))
        self.assertEqual(scope["query_string"], b"x=%20&y")
        self.assertEqual(scope["root_path"], "")
        self.assertEqual((scope["client"], scope["server"]), (("192.0.2.1", 54321), ("duck.example", 81)))
        self.assertEqual(self.fields(scope, b"x-two"), [b"1", b"2"])
        self.assertEqual(self.fields(scope, b"host"), [b"duck.example:81"])
        self.assertNotIn("state", scope)

    def test_bytes_of_a_path_that_are_no_utf8_do_not_matter(self) -> None:
        for raw, text in ((b"/%FF%00", "/\ufffd\0"), (b"/%zz", "/%zz"), (b"/%2e%2e/", "/../")):
            scope = self.scope(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % raw)
            self.assertEqual((scope["raw_path"], scope["path"]), (raw, text))

    def test_a_mount_is_the_root_path_and_stays_in_the_path(self) -> None:
        scope = self.scope(b"GET /a%20b/c%2Fd?q HTTP/1.1\r\nHost: a\r\n\r\n", mount=b"/a%20b/")
        self.assertEqual((scope["root_path"], scope["path"]), ("/a b", "/a b/c/d"))
        self.assertEqual(scope["raw_path"], b"/a%20b/c%2Fd")

    def test_what_strangers_say_of_their_way_is_not_believed(self) -> None:
        raw = (
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
            b"X_Forwarded_For: 203.0.113.8\r\nProxy: evil\r\nConnection: close, x-mine\r\nX-Mine: 1\r\n\r\n"
        )
        scope = self.scope(raw)
        self.assertEqual((scope["scheme"], scope["client"]), ("http", ("192.0.2.1", 54321)))
        self.assertEqual(self.fields(scope, b"x-forwarded-for"), [b"192.0.2.1"])
        self.assertEqual(self.fields(scope, b"x-forwarded-proto"), [b"http"])
        for name in (b"x_forwarded_for", b"proxy", b"connection", b"x-mine"):
            self.assertEqual(self.fields(scope, name), [])

    def test_what_a_trusted_proxy_says_is(self) -> None:
        raw = (
            b"GET / HTTP/1.1\r\nHost: inside\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
            b"X-Forwarded-Host: duck.example\r\nX-Request-ID: abc\r\n\r\n"
        )
        scope = self.scope(raw, trusted=["192.0.2.1"])
        self.assertEqual((scope["scheme"], scope["client"]), ("https", ("203.0.113.9", 0)))
        self.assertEqual(scope["server"], ("duck.example", 443))
        self.assertEqual(self.fields(scope, b"host"), [b"duck.example"])
        self.assertEqual(self.fields(scope, b"x-request-id"), [b"abc"])

    def test_a_client_on_a_unix_socket_has_no_address(self) -> None:
        scope = self.scope(address=UNIXAddress(None))
        self.assertIsNone(scope["client"])
        self.assertEqual(mistakes(scope, HTTPScope), [])

    def test_http_1_0_has_no_host_no_trailers_and_no_early_hints(self) -> None:
        scope = self.scope(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual((scope["http_version"], scope["server"]), ("1.0", ("198.51.100.2", 8000)))
        self.assertEqual(scope["extensions"], {"http.response.pathsend": {}})
        self.assertEqual(self.fields(scope, b"host"), [])

    def test_state_is_each_requests_own(self) -> None:
        state: dict[str, Any] = {"pool": []}
        scope = self.scope(state=state)
        scope["state"]["mine"] = 1
        self.assertEqual(state, {"pool": []})
        self.assertIs(scope["state"]["pool"], state["pool"])

    def test_a_websocket_has_a_scope_of_its_own(self) -> None:
        seen: list[Any] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await hello(scope, receive, send)

        self.serve(application, trusted=["192.0.2.1"])
        self.site.access_log = seen.append
        peer = self.connect(IPv4Address("TCP", "192.0.2.1", 1))
        peer.send(b"GET /chat?a HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n")
        self.turn()
        scope = websocket_scope(seen[0], ["chat", "talk"], {})
        self.assertEqual(mistakes(scope, WebSocketScope), [])
        self.assertEqual((scope["scheme"], scope["subprotocols"]), ("wss", ["chat", "talk"]))
        self.assertEqual(scope["extensions"], {"websocket.http.response": {}})
