"""The stop of a server that speaks TLS: not one answer is lost, whatever its connections are at."""

from __future__ import annotations

import contextlib
import random
import signal
import ssl

from tests.authority import trusting
from tests.case import UnitTestCase
from tests.integration.https_server import HttpsServer, read_all, serve_https
from tests.integration.server import wait_until


class StopTests(UnitTestCase):
    def test_an_upload_in_flight_is_finished_and_kept_connections_are_closed(self) -> None:
        server = serve_https(self)
        kept = [server.secured() for _ in range(5)]
        for connection in kept:
            self.addCleanup(connection.close)
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_all(connection, lambda received: received.endswith(b"Hello, world!"))
        upload = server.secured()
        self.addCleanup(upload.close)
        body = random.Random(1).randbytes(500_000)
        upload.sendall(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        upload.sendall(body[:200_000])
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.accepts, 10, "the port is closed")
        for connection in kept:
            # Closed with a goodbye, or a client could not know that it missed nothing.
            self.assertEqual(connection.recv(1), b"")
        upload.sendall(body[200_000:])
        answer = read_all(upload)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:200])
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertIn(b'"size": 500000', answer)
        self.assertEqual(server.exit(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_handshakes_under_way_are_finished_and_idle_ones_do_not_hold_it_up(self) -> None:
        server = serve_https(self)
        for _ in range(5):
            self.addCleanup(server.connect().close)
        client = _SlowClient(server)
        self.addCleanup(client.socket.close)
        client.step()
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.accepts, 10, "the port is closed")
        answer = client.ask(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(answer.endswith(b"\r\n\r\nHello, world!"), answer)
        self.assertEqual(server.exit(5), -signal.SIGTERM)
        self.assertNotIn("were cut", server.log)
        self.assertEqual(server.left_behind(), [])


class _SlowClient:
    """Shakes hands one step at a time."""

    def __init__(self, server: HttpsServer) -> None:
        self.socket = server.connect()
        self._inbound, self._outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting().wrap_bio(self._inbound, self._outbound, server_hostname="localhost")

    def step(self) -> bool:
        """One flight; whether it was the last."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
            return True
        self.socket.sendall(self._outbound.read())
        self._inbound.write(self.socket.recv(65_536))
        return False

    def ask(self, request: bytes) -> bytes:
        """Finish, send a request, and read until the server says goodbye."""
        while not self.step():
            pass
        self._tls.write(request)
        self.socket.sendall(self._outbound.read())
        received = b""
        while True:
            try:
                data = self._tls.read(65_536)
            except ssl.SSLWantReadError:
                self._inbound.write(self.socket.recv(65_536))
                continue
            if not data:
                return received
            received += data
