"""What flows through the proxy on real sockets: bodies both ways, tunnels, TLS, Unix sockets."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from math import inf
from pathlib import Path
from time import monotonic

import trustme
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from duck_tx.https.context import Policy, server_context
from duck_tx.proxy.tls import ClientTLS
from tests.authority import issue, root_file
from tests.integration.far_server import CLOSE, HALF_CLOSE, FarConnection
from tests.integration.test_proxy import LIMITS, OK, ProxyTestCase, get, response

MUCH = 4_000_000
POST = b"POST"
SWITCH = response(b"Connection: Upgrade", b"Upgrade: websocket", status=b"101 Switching Protocols")
ASK = get(b"/row", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: a", b"Sec-WebSocket-Version: 13")


class BodyTests(ProxyTestCase):
    async def test_a_body_reaches_the_server_as_it_is(self) -> None:
        body = bytes(range(256)) * (MUCH // 256)
        for fields, sent in (
            (b"Content-Length: %d" % len(body), body),
            (b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)),
        ):
            self.far.answer = lambda connection, head: None
            client = await self.connect()
            client.send(get(b"/row", fields, b"Connection: close", method=POST) + sent)
            await self.far.until(lambda: self.far.connections and self.far.connections[0].received)
            [far] = self.far.connections
            if fields.startswith(b"Content"):
                await self.far.until(lambda far=far: far.received.endswith(b"\r\n\r\n" + body))  # type: ignore[misc]
            else:
                await self.far.until(lambda far=far: far.received.endswith(b"\r\n0\r\n\r\n"))  # type: ignore[misc]
                self.assertEqual(_content(far.received.partition(b"\r\n\r\n")[2]), body)
            far.play(OK)
            self.assertTrue((await client.closed).endswith(b"hello"))
            far.received = b""

    async def test_an_answer_before_the_end_of_the_body_arrives_though_the_server_hangs_up(self) -> None:
        self.far.scripts = {b"/row": (response(b"Content-Length: 2", status=b"413 Too Large") + b"no", CLOSE)}
        for _ in range(5):
            client = await self.connect()
            client.send(get(b"/row", b"Content-Length: %d" % MUCH, method=POST) + bytes(MUCH))
            came = await client.closed
            self.assertTrue(came.startswith(b"HTTP/1.1 413 Too Large\r\n"), came[:200])
            self.assertTrue(came.endswith(b"\r\n\r\nno"))
        self.assertEqual(self.server.in_flight, 0)

    async def test_a_server_that_leaves_within_the_body_is_answered_for_with_502(self) -> None:
        self.far.scripts = {b"/row": (CLOSE,)}
        client = await self.connect()
        client.send(get(b"/row", b"Content-Length: %d" % MUCH, method=POST) + bytes(MUCH))
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 502 "))

    async def test_an_answer_flows_while_the_body_does(self) -> None:
        self.far.answer = lambda connection, head: connection.play(response(b"Content-Length: 4") + b"ab")
        client = await self.connect()
        client.send(get(b"/row", b"Content-Length: 4", b"Connection: close", method=POST) + b"12")
        await client.until(b"\r\n\r\nab")
        client.send(b"34")
        await self.far.until(lambda: self.far.connections[0].received.endswith(b"\r\n\r\n1234"))
        self.far.connections[0].play(b"cd")
        self.assertTrue((await client.closed).endswith(b"\r\n\r\nabcd"))

    async def test_a_client_that_leaves_ends_the_connection_to_the_server(self) -> None:
        self.far.scripts = {b"/row": (response(b"Content-Length: 9") + b"abc",)}
        client = await self.connect()
        client.send(get(b"/row"))
        await client.until(b"abc")
        client.transport.abortConnection()  # type: ignore[union-attr]
        await self.far.connections[0].closed
        self.assertEqual((self.server.in_flight, self.server.failures), (0, 0))

    async def test_interim_responses_and_trailers_pass(self) -> None:
        hints = response(b"Link: </a>", status=b"103 Early Hints")
        body = b"5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n"
        self.far.scripts = {b"/row": (hints, response(b"Transfer-Encoding: chunked", b"Trailer: X-Sum"), body)}
        came = await self.ask(get(b"/row", b"Connection: close"))
        self.assertTrue(came.startswith(hints + b"HTTP/1.1 200 OK\r\n"), came)
        self.assertIn(b"\r\nTrailer: X-Sum\r\n", came)
        self.assertTrue(came.endswith(b"\r\n\r\n" + body), came)

    async def test_a_server_that_sends_head_and_body_apart_is_not_kept_waiting_between_them(self) -> None:
        def answer(connection: FarConnection, head: bytes) -> None:
            # As most servers for development have it: the second piece waits until the first is acknowledged.
            connection.transport.setTcpNoDelay(False)
            connection.play(response(b"Content-Length: 5"), b"hello")

        self.far.answer = answer
        client = await self.connect()
        took = inf
        for _ in range(3):
            began = monotonic()
            for _ in range(60):
                client.received = b""
                client.send(get(b"/row"))
                await client.until(b"hello")
            took = min(took, monotonic() - began)
        # After the first few, the system waits for 40 ms with each.
        self.assertLess(took, 1.5)
        self.assertEqual(len(self.far.connections), 1)

    async def test_a_server_that_is_not_there_is_answered_for_with_502(self) -> None:
        await self.far.stop()
        came = await self.ask(get(b"/row", b"Connection: close"))
        self.assertTrue(came.startswith(b"HTTP/1.1 502 "), came)


def _content(chunks: bytes) -> bytes:
    pieces, at = [], 0
    while at < len(chunks):
        end = chunks.index(b"\r\n", at)
        size = int(chunks[at:end], 16)
        pieces.append(chunks[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(pieces)


class TunnelTests(ProxyTestCase):
    async def test_bytes_pass_both_ways_until_both_sides_have_ended(self) -> None:
        self.far.scripts = {b"/row": (SWITCH + b"\x81\x02hi",)}
        client = await self.connect()
        client.send(ASK + b"early")
        await client.until(b"\r\n\r\n\x81\x02hi")
        far = self.far.connections[0]
        await self.far.until(lambda: far.received.endswith(b"\r\n\r\nearly"))
        much = bytes(range(256)) * (MUCH // 256)
        client.received = far.received = b""
        client.send(much)
        far.transport.write(much)
        await self.far.until(lambda: far.received == much)
        await client.until(much)
        client.received = far.received = b""
        far.play(b"bye", HALF_CLOSE)
        self.assertEqual(await client.closed, b"bye")
        await far.closed
        self.assertEqual((self.server.in_flight, self.server.failures), (0, 0))

    async def test_the_client_may_be_the_first_to_end(self) -> None:
        self.far.scripts = {b"/row": (SWITCH,)}
        client = await self.connect()
        client.send(ASK)
        await client.until(b"\r\n\r\n")
        client.send(b"last")
        client.transport.loseWriteConnection()  # type: ignore[union-attr]
        far = self.far.connections[0]
        await far.closed
        self.assertTrue(far.received.endswith(b"last"))

    async def test_a_refusal_passes(self) -> None:
        self.far.scripts = {b"/row": (response(b"Content-Length: 2", status=b"403 Forbidden") + b"no",)}
        client = await self.connect()
        client.send(ASK)
        await client.until(b"\r\n\r\nno")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 403 Forbidden\r\n"))


class AddressTests(ProxyTestCase):
    async def test_a_unix_socket_is_reached(self) -> None:
        path = f"{Path(self.mktemp()).name}.sock"
        port = self.reactor.listenUNIX(path, self.far)
        self.addCleanup(port.stopListening)
        self.server = self.make_server(f"unix:{Path(path).resolve()}")
        self.far.scripts = {b"/row": (OK,)}
        client = await self.connect()
        client.send(get(b"/row") + get(b"/row", b"Connection: close"))
        self.assertEqual((await client.closed).count(b"hello"), 2)
        self.assertEqual(len(self.far.connections), 1)

    async def test_a_request_waits_for_room_in_the_queue_of_a_unix_socket(self) -> None:
        path = "full.sock"
        self.addCleanup(os.unlink, path)
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(path)
        listening.settimeout(20)
        listening.listen(0)
        first = socket.socket(socket.AF_UNIX)
        self.addCleanup(first.close)
        first.connect(path)
        self.server = self.make_server(f"unix:{Path(path).resolve()}")
        client = await self.connect()
        client.send(get(b"/row", b"Connection: close"))
        while not self.server.pool.connections:
            await deferLater(self.reactor, 0)
        for _ in range(20):
            # It has been turned away by then.
            await deferLater(self.reactor, 0)
        listening.accept()[0].close()
        far, _ = await deferToThread(listening.accept)
        self.addCleanup(far.close)
        far.settimeout(20)
        await deferToThread(far.recv, 65_536)
        far.sendall(OK)
        self.assertTrue((await client.closed).endswith(b"\r\n\r\nhello"), client.received)

    async def test_a_name_is_looked_up(self) -> None:
        self.server = self.make_server(f"http://localhost:{self.far.port}/base")
        self.far.scripts = {b"/base/row": (OK,)}
        self.assertTrue((await self.ask(get(b"/row", b"Connection: close"))).endswith(b"hello"))


class TLSTests(ProxyTestCase):
    def listen(self, *names: str, asks_for: trustme.CA | None = None) -> int:
        """A server that shows a certificate for these names, and perhaps asks for one of this authority; its port."""
        context = server_context(issue(*names).credential(), Policy(protocols=(b"http/1.1",)))
        if asks_for is not None:
            store = context.get_cert_store()
            assert store is not None
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, asks_for.cert_pem.bytes()))
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        port = self.reactor.listenSSL(0, self.far, _Shown(context), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def answered(self, url: str, tls: ClientTLS) -> bytes:
        self.server = self.make_server(url, tls)
        self.far.scripts = {b"/row": (OK,)}
        return await self.ask(get(b"/row") + get(b"/row", b"Connection: close"))

    async def test_a_server_that_is_who_it_says_is_asked(self) -> None:
        port = self.listen("localhost")
        came = await self.answered(f"https://localhost:{port}", ClientTLS(root_file()))
        self.assertEqual(came.count(b"hello"), 2)
        self.assertEqual(len(self.far.connections), 1)

    async def test_a_server_with_another_name_is_not(self) -> None:
        port = self.listen("other.example")
        came = await self.answered(f"https://localhost:{port}", ClientTLS(root_file()))
        self.assertEqual(came.count(b"HTTP/1.1 502 "), 2)
        self.assertEqual([connection.requests for connection in self.far.connections], [[], []])

    async def test_a_server_that_nobody_vouches_for_is_not(self) -> None:
        port = self.listen("localhost")
        came = await self.answered(f"https://localhost:{port}", ClientTLS())
        self.assertEqual(came.count(b"HTTP/1.1 502 "), 2)

    async def test_a_server_that_speaks_no_tls_is_not(self) -> None:
        # What it is sent is no request to it, and what it sends would be no TLS.
        self.patch(self.far, "buildProtocol", lambda addr: _Greeting())
        came = await self.answered(f"https://localhost:{self.far.port}", ClientTLS(root_file()))
        self.assertEqual(came.count(b"HTTP/1.1 502"), 2)

    async def test_a_certificate_is_shown_to_a_server_that_asks_for_one(self) -> None:
        authority = trustme.CA()
        port = self.listen("localhost", asks_for=authority)
        shown = Path(self.mktemp())
        authority.issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(shown)
        came = await self.answered(f"https://localhost:{port}", ClientTLS(root_file(), shown))
        self.assertEqual(came.count(b"hello"), 2)
        self.server.pool.stop()
        came = await self.answered(f"https://localhost:{port}", ClientTLS(root_file()))
        self.assertEqual(came.count(b"HTTP/1.1 502 "), 2)

    async def test_a_body_that_ends_with_the_connection_needs_a_goodbye(self) -> None:
        port = self.listen("localhost")
        for end, whole in ((CLOSE, True), ("cut", False)):
            self.server = self.make_server(f"https://localhost:{port}", ClientTLS(root_file()))
            self.far.scripts = {b"/row": (response(), b"hello") + ((end,) if whole else ())}
            client = await self.connect()
            client.send(get(b"/row", b"Connection: close"))
            await client.until(b"5\r\nhello\r\n" if not whole else b"5\r\nhello\r\n0\r\n\r\n")
            if not whole:
                # The connection below ends without what TLS would say.
                self.far.connections[-1].transport.transport.loseConnection()
            self.assertEqual((await client.closed).endswith(b"0\r\n\r\n"), whole)

    async def test_an_idle_connection_is_closed_with_a_goodbye(self) -> None:
        port = self.listen("localhost")
        self.limits = replace(LIMITS, kept_timeout=0.1)
        await self.answered(f"https://localhost:{port}", ClientTLS(root_file()))
        [connection] = self.server.pool.connections
        # No piece is to wait until the server has acknowledged the one before.
        self.assertTrue(connection.transport.getTcpNoDelay())
        await self.far.connections[0].closed
        self.assertTrue(self.far.connections[0].ended_well)

    async def test_a_tunnel_ends_with_either_side(self) -> None:
        port = self.listen("localhost")
        self.server = self.make_server(f"https://localhost:{port}", ClientTLS(root_file()))
        for is_first, end in ((True, "server"), (False, "client")):
            self.far.scripts = {b"/row": (SWITCH + b"hi",)}
            client = await self.connect()
            client.send(ASK)
            await client.until(b"\r\n\r\nhi")
            far = self.far.connections[0 if is_first else 1]
            if end == "server":
                far.transport.loseConnection()
            else:
                client.transport.abortConnection()  # type: ignore[union-attr]
            await client.closed
            await far.closed
            await self.none_in_flight()

    async def none_in_flight(self) -> None:
        until = self.reactor.seconds() + 10
        while self.server.in_flight and self.reactor.seconds() < until:
            await deferLater(self.reactor, 0.01)
        self.assertEqual(self.server.in_flight, 0)


class _Greeting(Protocol):
    """Speaks first, and no TLS."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"220 mail.example ESMTP\r\n")


@implementer(IOpenSSLContextFactory)
class _Shown:
    """What ``listenSSL`` takes."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def getContext(self) -> SSL.Context:
        return self._context
