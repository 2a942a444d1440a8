"""Switches to other protocols, and the tunnels that come of them."""

from __future__ import annotations

from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.resource import ReverseProxy
from tests.unit.proxy_case import ProxyCase
from tests.unit.wire_case import Connection

ASK = (
    b"GET /chat HTTP/1.1\r\nHost: duck.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class PassageTests(ProxyCase):
    limits = UpstreamLimits(tunnel_timeout=100)

    def tunnel(self, ahead: bytes = b"", greeting: bytes = b"") -> Connection:
        client = self.ask(ASK + ahead)
        self.far.take()
        self.answer(SWITCH + greeting)
        client.settle()
        self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", client.received)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        self.assertTrue(client.take().endswith(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + greeting))
        return client

    def test_the_request_is_handed_on_with_its_wish(self) -> None:
        for site in (self.site, self.site_of(ReverseProxy(self.resource))):
            client = self.connect(site)
            client.send(ASK)
            came = self.far.received
            self.assertTrue(came.startswith(b"GET /chat HTTP/1.1\r\nHost: duck.example\r\n"), came)
            self.assertIn(b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n", came)
            self.assertTrue(came.endswith(b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), came)
            client.lose()

    def test_bytes_pass_both_ways(self) -> None:
        client = self.tunnel(ahead=b"early", greeting=b"hi")
        self.assertEqual(self.far.take(), b"early")
        client.send(b"\x81\x00")
        self.assertEqual(self.far.take(), b"\x81\x00")
        self.far.send(b"\x88\x00")
        self.assertEqual(client.take(), b"\x88\x00")
        self.assertEqual(self.server.in_flight, 1)

    def test_either_side_may_be_slow(self) -> None:
        client = self.tunnel()
        client.protocol.outlet.pauseProducing()
        self.assertFalse(self.far.is_read)
        client.protocol.outlet.resumeProducing()
        self.assertTrue(self.far.is_read)
        self.far.protocol.outlet.pauseProducing()
        client.send(b"a" * 70_000, b"b" * 70_000)
        self.assertGreater(client.held_back, 0)
        self.far.protocol.outlet.resumeProducing()
        client.settle()
        self.assertEqual(client.held_back, 0)

    def test_the_end_of_the_server_reaches_the_client(self) -> None:
        client = self.tunnel()
        self.far.protocol.readConnectionLost()
        self.assertTrue(client.wire.closed)
        client.lose()
        self.assertTrue(self.far.wire.closed)
        self.assertEqual(self.server.in_flight, 0)

    def test_a_client_that_still_takes_what_the_server_said_last_is_waited_for(self) -> None:
        client = self.tunnel()
        client.protocol.transport.loseConnection = lambda: None
        self.far.protocol.readConnectionLost()
        for _ in range(3):
            client.protocol.outlet.sent += 40_000
            self.wait(31)
            self.assertFalse(client.wire.aborted)
        self.wait(31)
        self.assertTrue(client.wire.aborted)
        client.lose()
        self.assertEqual(self.server.in_flight, 0)

    def test_the_end_of_the_client_reaches_the_server(self) -> None:
        client = self.tunnel()
        client.lose()
        self.assertTrue(self.far.wire.closed)
        self.far.settle()
        self.assertEqual((self.server.in_flight, self.server.failures), (0, 0))
        self.assertEqual(self.server.pool.connections, set())

    def test_a_broken_connection_is_broken_for_the_client(self) -> None:
        client = self.tunnel()
        self.far.reset()
        self.assertTrue(client.wire.aborted)
        client.lose()
        self.assertEqual(self.server.in_flight, 0)

    def test_a_silent_tunnel_is_closed_in_the_end(self) -> None:
        client = self.tunnel()
        self.wait(90)
        self.far.send(b"x")
        self.wait(90)
        self.assertFalse(client.wire.closed)
        self.wait(12)
        self.assertTrue(client.wire.closed)
        self.assertTrue(self.far.wire.closed)

    def test_it_ends_when_the_site_stops(self) -> None:
        client = self.ask(ASK.replace(b"WebSocket\r\n", b"quack\r\n"))
        self.answer(SWITCH.replace(b"Upgrade: websocket", b"Upgrade: quack"))
        client.settle()
        self.site.drain()
        self.assertTrue(client.wire.closed)
        client.lose()
        self.assertTrue(self.far.wire.closed)

    def test_a_refusal_is_handed_on(self) -> None:
        client = self.ask(ASK)
        self.answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 403 Forbidden\r\n"))
        self.assertTrue(client.received.endswith(b"\r\n\r\nno"))

    def test_a_switch_to_something_else_is_a_fault(self) -> None:
        for wrong in (b"Upgrade: h2c\r\n", b"", b"Upgrade: websocket\r\nUpgrade: websocket\r\n"):
            with self.says("another protocol", "502"):
                client = self.ask(ASK)
                self.answer(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" + wrong + b"\r\n")
                self.assertTrue(client.received.startswith(b"HTTP/1.1 502 "), client.received)

    def test_a_client_cannot_switch_to_another_kind_of_http(self) -> None:
        self.ask(ASK.replace(b"WebSocket\r\n", b"h2c\r\n"))
        self.assertNotIn(b"\r\nUpgrade:", self.far.received)
        self.assertNotIn(b"\r\nConnection:", self.far.received)
