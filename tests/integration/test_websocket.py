"""WebSockets on real sockets: every row of the rules, and clients that are slow, silent, or gone."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path
from typing import Any

from tests.case import UnitTestCase
from tests.integration.server import Server, wait_until
from tests.integration.websocket_case import LAUNCH, RowCase, rows, shared, shared_tls
from tests.integration.websocket_clients import SocketClient, WebSocketClient
from tests.integration.websocket_site import FLOOD, PIECE
from tests.unit.websocket_frames import FIN, PING, TEXT, Frame, binary, close, pong, text
from tests.unit.websocket_rows import Row

_LITTLE = 30_000_000
"""Bytes of memory, less than half of what some clients send or are sent."""


def _memory(server: Server, key: str) -> int:
    """Bytes of memory: ``VmRSS`` now, ``VmHWM`` at most."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the system does not say {key}")


@rows()
class RowTests(RowCase):
    """One test for each row."""

    def client(self, row: Row) -> WebSocketClient:
        fields = [f"Sec-WebSocket-Extensions: {row.offer.decode()}"] if row.offer else []
        client = SocketClient(shared(), fields=fields)
        self.addCleanup(client.close)
        return client


@rows(every=9)
class TlsRowTests(RowCase):
    def client(self, row: Row) -> WebSocketClient:
        fields = [f"Sec-WebSocket-Extensions: {row.offer.decode()}"] if row.offer else []
        client = SocketClient(shared_tls(), fields=fields)
        self.addCleanup(client.close)
        return client


class EndTests(UnitTestCase):
    """Clients that are slow, silent, or gone."""

    def client(self, path: str = "/echo", server: Server | None = None, **options: Any) -> SocketClient:
        client = SocketClient(server or shared(), path, **options)
        self.addCleanup(client.close)
        return client

    def test_a_client_that_has_ended_its_half_gets_its_answer(self) -> None:
        said = len(shared().lines("closed: 1006"))
        client = self.client()
        client.send(text("duck"))
        client.socket.shutdown(socket.SHUT_WR)
        client.until(lambda: False)
        self.assertEqual(client.frames, [Frame(FIN | TEXT, b"duck")])
        wait_until(lambda: len(shared().lines("closed: 1006")) > said)

    def test_a_silent_client_is_pinged_and_then_closed(self) -> None:
        client = self.client("/impatient")
        client.until(lambda: client.close_code is not None)
        self.assertEqual(client.frames[0], Frame(FIN | PING, b""))
        self.assertEqual((client.close_code, client.close_reason), (1011, "no answer to a ping"))

    def test_a_client_that_answers_its_ping_is_heard(self) -> None:
        client = self.client("/patient")
        client.until(lambda: client.frames)
        self.assertEqual(client.frames, [Frame(FIN | PING, b"")])
        client.send(pong() + text("duck"))
        client.until(lambda: len(client.frames) > 1)
        self.assertEqual(client.frames[1], Frame(FIN | TEXT, b"duck"))

    def test_a_slow_reader_gets_everything_and_takes_little_memory(self) -> None:
        server = shared()
        before = _memory(server, "VmRSS")
        client = self.client("/flood", receive_buffer=65_536)
        # Others are served meanwhile.
        other = self.client()
        other.send(text("duck"))
        other.until(lambda: other.frames)
        client.until(lambda: client.close_code is not None, 30)
        numbers = [int.from_bytes(frame.payload[:4], "big") for frame in client.frames[:-1]]
        self.assertEqual(numbers, list(reversed(range(FLOOD))))
        self.assertEqual(client.close_reason, "that was all")
        self.assertLess(_memory(server, "VmHWM") - before, _LITTLE)

    def test_a_client_that_does_not_read_what_is_pushed_is_closed_as_too_slow(self) -> None:
        client = self.client("/pushy", receive_buffer=65_536)
        shared().wait_for("closed: 1013 ")
        client.until(lambda: client.close_code is not None)
        self.assertEqual(client.close_code, 1013)
        self.assertTrue(all(frame.payload == bytes(PIECE) for frame in client.frames[:-1]))
        self.assertLess(len(client.frames), FLOOD // 2)

    def test_a_client_that_sends_and_does_not_read_is_not_read_either(self) -> None:
        server = shared()
        before = _memory(server, "VmRSS")
        client = self.client("/polite", receive_buffer=65_536)
        sent = 70 * binary(bytes(1_000_000))
        sending = threading.Thread(target=client.socket.sendall, args=(sent,))
        client.socket.settimeout(30)
        sending.start()
        self.addCleanup(sending.join)
        other = self.client()
        other.send(text("duck"))
        other.until(lambda: other.frames)
        self.assertTrue(sending.is_alive())
        left = 70 * (1_000_000 + 10)
        while left:
            came = len(client.socket.recv(1_000_000))
            self.assertTrue(came)
            left -= came
        self.assertLess(_memory(server, "VmHWM") - before, _LITTLE)

    def test_a_server_that_stops_says_so_to_each_client(self) -> None:
        server = Server(launch=LAUNCH, project=None)
        self.addCleanup(server.close)
        server.start()
        clients = [self.client(server=server) for _ in range(5)]
        server.send_signal(signal.SIGTERM)
        for client in clients:
            client.until(lambda client=client: client.close_code is not None)  # type: ignore[misc]
            self.assertEqual(client.close_code, 1001)
            client.send(close(1001))
            client.until(lambda: False)
            client.close()
        self.assertEqual(server.exit(), 0)
        self.assertEqual(len(server.lines("closed: 1001")), 5)

    def test_no_connection_is_left(self) -> None:
        server = shared()
        clients = [SocketClient(server) for _ in range(50)]
        for number, client in enumerate(clients):
            if number % 2:
                client.send(text("duck")[:3])
            client.close()
        # Those of other tests that are not over yet count as well.
        wait_until(lambda: server.get("/count").body == b"1", 20, "connections are left")
