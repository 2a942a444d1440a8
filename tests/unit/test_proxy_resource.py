from __future__ import annotations

from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

from duck_tx.proxy.resource import ReverseProxy
from tests.unit.streaming_case import UPGRADE, Opening, Streaming
from tests.unit.wire_case import POST, Waiting, WireCase
from tests.unit.wsgi_case import Environ, GatewayTestCase


class ReverseProxyTests(GatewayTestCase):
    def ask(self, *fields: str, trusted: tuple[str, ...] = ()) -> Environ:
        return self.environ(lambda peer: peer.ask(fields=fields), trusted=trusted)

    def test_it_is_a_leaf(self) -> None:
        self.serve(lambda environ, start_response: [])
        proxy = ReverseProxy(self.resource)
        self.assertTrue(verifyObject(IResource, proxy))
        self.assertTrue(proxy.isLeaf)
        self.assertRaises(RuntimeError, proxy.getChildWithDefault, b"x", None)
        self.assertRaises(RuntimeError, proxy.putChild, b"x", proxy)

    def test_what_is_about_this_connection_is_not_handed_on(self) -> None:
        environ = self.ask(
            "Connection: keep-alive, X-Mine",
            "Keep-Alive: 5",
            "Proxy-Connection: keep-alive",
            "TE: trailers",
            "Trailer: X-After",
            "Upgrade: h2c",
            "X-Mine: secret",
            "X-Other: kept",
        )
        about = {name for name in environ if name.startswith("HTTP_") and not name.startswith("HTTP_X_FORWARDED")}
        self.assertEqual(about, {"HTTP_HOST", "HTTP_X_OTHER", "HTTP_X_REAL_IP", "HTTP_X_REQUEST_ID"})

    def test_a_chunked_body_is_handed_on_with_its_length(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        environ = self.environ(lambda peer: peer.send(head + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"))
        self.assertNotIn("HTTP_TRANSFER_ENCODING", environ)
        self.assertEqual((environ["CONTENT_LENGTH"], environ["test.body"]), ("7", b"abcdefg"))

    def test_connection_cannot_take_away_what_frames_and_names_the_request(self) -> None:
        environ = self.ask("Connection: Host, Cookie, Content-Type, close", "Cookie: a=b", "Content-Type: text/x")
        self.assertEqual(
            (environ["HTTP_HOST"], environ["HTTP_COOKIE"], environ["CONTENT_TYPE"]), ("a.test", "a=b", "text/x")
        )

    def test_the_origin_is_found_before_the_fields_it_comes_from_are_gone(self) -> None:
        environ = self.ask("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", trusted=("192.0.2.1",))
        self.assertEqual((environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]), ("203.0.113.9", "https"))


class HandingOverTests(WireCase):
    def test_it_streams_where_its_target_does(self) -> None:
        for target, handed_over in ((Streaming(), True), (Waiting(), False)):
            connection = self.connect(self.site_of(ReverseProxy(target)))
            connection.send(POST + b"Content-Length: 3\r\n\r\n")
            self.assertEqual(bool(target.requests), handed_over)

    def test_what_the_client_wants_to_switch_to_is_found_before_its_fields_are_gone(self) -> None:
        opening = Opening()
        connection = self.connect(self.site_of(ReverseProxy(opening)))
        connection.send(UPGRADE)
        [end] = opening.ends
        self.assertEqual(end.tunnel.request.raw_headers, [(b"Host", b"duck.example")])
        self.assertIn(b"\r\nUpgrade: quack\r\n", connection.received)
