"""Much goes through the proxy between unequal sides, and little of it is ever in its memory."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from tests.case import UnitTestCase
from tests.integration.server import Server, serve

MEGABYTE = 1 << 20
SIZE = int(os.environ.get("PROXY_MEGABYTES", "64")) * MEGABYTE
"""What goes through; by hand, also 2048."""

GROWTH = 30 * MEGABYTE
"""What the process may grow by; the buffers of the system are not in it."""

_PIECE = bytes(range(256)) * 1024
_STUCK = 0.5
"""Seconds without a byte taken after which the other side is thought not to read."""


class Sending:
    """Sends :data:`SIZE` bytes on a thread.

    :ivar is_stuck: set while nobody takes anything.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.is_stuck = threading.Event()
        self.sent = 0
        self._connection = connection
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        self._connection.setblocking(False)
        while self.sent < SIZE:
            if not select.select([], [self._connection], [], _STUCK)[1]:
                self.is_stuck.set()
                select.select([], [self._connection], [], 60)
            self.sent += self._connection.send(_PIECE[: SIZE - self.sent])

    def join(self) -> None:
        self._thread.join(60)


class MemoryTests(UnitTestCase):
    def setUp(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(30)
        self.addCleanup(self.listening.close)
        upstream = f"/=http://127.0.0.1:{self.listening.getsockname()[1]}"
        environ = {"DUCK_HTTP__MAX_BODY": str(SIZE)}
        self.server = serve(self, "--upstream", upstream, project=None, environ=environ)

    def connect(self, head: bytes) -> tuple[socket.socket, socket.socket]:
        """Both ends of a request that has begun."""
        client = self.server.connect(60)
        self.addCleanup(client.close)
        client.sendall(head)
        far, _ = self.listening.accept()
        far.settimeout(60)
        self.addCleanup(far.close)
        received = b""
        while b"\r\n\r\n" not in received:
            received += far.recv(65_536)
        self.assertTrue(received.endswith(b"\r\n\r\n"), received)
        return client, far

    def flow(self, sender: socket.socket, receive: Callable[[], int]) -> None:
        """Send much, with a break in which nobody receives."""
        before = resident(self.server)
        sending = Sending(sender)
        self.assertTrue(sending.is_stuck.wait(30))
        self.assertLess(sending.sent, SIZE)
        self.assertLess(resident(self.server) - before, GROWTH)
        received = 0
        while received < SIZE:
            received += receive()
        sending.join()
        self.assertEqual(received, SIZE)
        self.assertLess(resident(self.server) - before, GROWTH)

    def test_a_large_response_waits_for_a_slow_client(self) -> None:
        for framing in (b"Content-Length: %d\r\n" % SIZE, b""):
            client, far = self.connect(b"GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n")
            far.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"Connection: close\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.flow(far, lambda client=client: len(client.recv(MEGABYTE)))  # type: ignore[misc]
            far.close()
            self.assertEqual(client.recv(1), b"")

    def test_a_large_body_waits_for_a_slow_server(self) -> None:
        head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % SIZE
        client, far = self.connect(head)
        self.flow(client, lambda: len(far.recv(MEGABYTE)))
        client.settimeout(60)
        far.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertTrue(client.recv(65_536).startswith(b"HTTP/1.1 204 "))


def resident(server: Server) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
