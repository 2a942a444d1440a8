"""WebSockets on streams of HTTP/2 (RFC 8441)."""

from __future__ import annotations

from typing import Any

from tests.case import UnitTestCase
from tests.integration.websocket_case import RowCase, rows, shared_tls
from tests.integration.websocket_clients import Http2Client, WebSocketClient
from tests.integration.websocket_site import FLOOD
from tests.unit.websocket_frames import BINARY, FIN, TEXT, Frame, binary, close, text
from tests.unit.websocket_rows import Row


@rows(every=9, first=4)
class Http2RowTests(RowCase):
    def client(self, row: Row) -> WebSocketClient:
        fields = [("sec-websocket-extensions", row.offer.decode())] if row.offer else []
        client = Http2Client(shared_tls(), fields=fields)
        self.addCleanup(client.close)
        return client


class Http2Tests(UnitTestCase):
    """WebSockets on streams (RFC 8441)."""

    def client(self, path: str = "/echo", **options: Any) -> Http2Client:
        client = Http2Client(shared_tls(), path, **options)
        self.addCleanup(client.close)
        return client

    def test_messages_come_back(self) -> None:
        client = self.client()
        self.assertEqual(client.status, "200")
        for payload in (b"duck", bytes(200_000)):
            client.frames.clear()
            client.send(binary(payload))
            client.until(lambda: client.frames)
            self.assertEqual(client.frames, [Frame(FIN | BINARY, payload)])
        client.send(close(4000))
        client.until(lambda: client.ended)
        self.assertEqual((client.close_code, client.was_reset), (4000, False))

    def test_more_than_the_window_of_a_stream_comes_in_order(self) -> None:
        client = self.client("/flood")
        client.until(lambda: client.close_code is not None, 40)
        numbers = [int.from_bytes(frame.payload[:4], "big") for frame in client.frames[:-1]]
        self.assertEqual(numbers, list(reversed(range(FLOOD))))

    def test_a_client_that_ends_its_stream_gets_its_answer(self) -> None:
        client = self.client()
        client.send(text("duck"))
        client.end()
        client.until(lambda: client.ended)
        self.assertEqual((client.frames, client.was_reset), ([Frame(FIN | TEXT, b"duck")], False))

    def test_a_handshake_without_a_version_is_refused(self) -> None:
        self.assertEqual(self.client(fields=[("sec-websocket-version", "8")]).status, "426")
