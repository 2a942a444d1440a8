"""WebSockets with clients that others have written."""

from __future__ import annotations

import os
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from tests.authority import trusting
from tests.case import UnitTestCase
from tests.integration.server import Server
from tests.integration.websocket_case import shared, shared_tls
from tests.integration.websocket_clients import connect_to


class WebsocketsTests(UnitTestCase):
    """The library ``websockets`` as a client."""

    def connected(self, path: str = "/echo", server: Server | None = None, **options: Any) -> ClientConnection:
        server = server or shared()
        context = trusting() if server.scheme == "https" else None
        uri = f"{server.uri.replace('http', 'ws', 1)}{path}"
        client = connect(uri, ssl=context, open_timeout=10, close_timeout=10, **options)
        self.addCleanup(client.close)
        return client

    def talks(self, client: ClientConnection) -> None:
        for message in ("duck", "", b"\x00\xff", "⛲" * 1000, b"d" * 200_000, os.urandom(100_000), "duck" * 40, "!"):
            client.send(message)
            self.assertEqual(client.recv(10), message)

    def test_messages_of_all_sizes_come_back(self) -> None:
        self.talks(self.connected(compression=None))

    def test_they_do_over_tls(self) -> None:
        self.talks(self.connected(server=shared_tls()))

    def test_they_do_with_compression_of_each_kind(self) -> None:
        for path in ("/echo", "/plain", "/fresh", "/wide"):
            for factory in (
                ClientPerMessageDeflateFactory(),
                ClientPerMessageDeflateFactory(server_no_context_takeover=True),
                ClientPerMessageDeflateFactory(client_no_context_takeover=True),
                ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9),
                ClientPerMessageDeflateFactory(server_max_window_bits=15, client_max_window_bits=True),
                ClientPerMessageDeflateFactory(server_max_window_bits=8),
            ):
                client = self.connected(path, compression=None, extensions=[factory])
                self.talks(client)
                client.close()
                self.assertEqual(client.close_code, 1000)

    def test_the_answer_says_what_was_agreed_on(self) -> None:
        client = self.connected(subprotocols=[Subprotocol("duck.v2"), Subprotocol("duck.v1")])
        assert client.response is not None
        self.assertEqual(client.subprotocol, "duck.v1")
        self.assertEqual(client.response.headers["X-Duck"], "quack")
        self.assertEqual(
            client.response.headers["Sec-WebSocket-Extensions"], "permessage-deflate; client_max_window_bits=12"
        )

    def test_a_message_in_fragments_comes_back_whole(self) -> None:
        client = self.connected()
        client.send(["du", "", "ck ", "⛲"])
        self.assertEqual(client.recv(10), "duck ⛲")
        client.send([b"d" * 50_000] * 4)
        self.assertEqual(client.recv(10), b"d" * 200_000)

    def test_pings_are_answered_between_messages(self) -> None:
        client = self.connected()
        answers = [client.ping(b"%d" % number) for number in range(5)]
        client.send("duck")
        for answer in answers:
            self.assertTrue(answer.wait(10))
        self.assertEqual(client.recv(10), "duck")

    def test_the_server_closes_with_a_code_and_a_reason(self) -> None:
        for code in (1000, 1001, 1008, 1011, 1013, 3000, 4999):
            client = self.connected("/closer")
            client.send(f"{code} because ⛲")
            with self.assertRaises(ConnectionClosed):
                client.recv(10)
            self.assertEqual((client.close_code, client.close_reason), (code, "because ⛲"))

    def test_the_client_closes_with_a_code_and_a_reason(self) -> None:
        client = self.connected()
        client.close(4002, "enough of ducks")
        self.assertEqual(client.close_code, 4002)
        shared().wait_for("closed: 4002 enough of ducks")

    def test_messages_wait_for_a_listener_that_takes_its_time(self) -> None:
        client = self.connected("/slow")
        sent = [f"{number} " + "d" * 1000 for number in range(300)]
        for message in sent:
            client.send(message)
        self.assertEqual([client.recv(10) for _ in sent], sent)

    def test_a_handshake_of_another_version_is_told_which_there_is(self) -> None:
        with self.assertRaises(InvalidStatus) as caught:
            self.connected(additional_headers={"Sec-WebSocket-Version": "8"})
        response = caught.exception.response
        self.assertEqual((response.status_code, response.headers["Sec-WebSocket-Version"]), (426, "13"))

    def test_a_page_that_asks_for_no_websocket_is_told_that_this_is_one(self) -> None:
        answer = shared().get("/echo")
        self.assertEqual((answer.status, answer.headers["Sec-WebSocket-Version"]), (426, "13"))
        self.assertEqual(answer.headers["Upgrade"], "websocket")


class WsprotoTests(UnitTestCase):
    """The library ``wsproto`` as a client."""

    def setUp(self) -> None:
        self.socket = connect_to(shared())
        self.addCleanup(self.socket.close)
        self.ws = WSConnection(ConnectionType.CLIENT)

    def open(self, *extensions: Any) -> AcceptConnection:
        self.socket.sendall(self.ws.send(Request(host="localhost", target="/echo", extensions=list(extensions))))
        accepted = self.next()
        assert isinstance(accepted, AcceptConnection)
        return accepted

    def send(self, *events: Event) -> None:
        self.socket.sendall(b"".join(self.ws.send(event) for event in events))

    def next(self) -> Event:
        while True:
            for event in self.ws.events():
                return event
            self.ws.receive_data(self.socket.recv(65_536))

    def message(self) -> str | bytes:
        """The next message, of which the library gives what has come."""
        pieces: list[Any] = []
        while True:
            event = self.next()
            assert isinstance(event, TextMessage | BytesMessage)
            pieces.append(event.data)
            if event.message_finished:
                return type(pieces[0])().join(pieces)

    def test_text_and_bytes_in_fragments_with_a_ping_between(self) -> None:
        self.open()
        self.send(TextMessage(data="du", message_finished=False), Ping(payload=b"!"), TextMessage(data="ck"))
        answer = self.next()
        assert isinstance(answer, Pong)
        self.assertEqual(answer.payload, b"!")
        self.assertEqual(self.message(), "duck")
        self.send(BytesMessage(data=b"\xff" * 100_000))
        self.assertEqual(self.message(), b"\xff" * 100_000)

    def test_compressed_messages(self) -> None:
        for number, extension in enumerate(
            (
                PerMessageDeflate(),
                PerMessageDeflate(client_no_context_takeover=True, server_no_context_takeover=True),
                PerMessageDeflate(client_max_window_bits=10, server_max_window_bits=10),
            )
        ):
            if number:
                self.setUp()
            self.assertEqual(len(self.open(extension).extensions), 1)
            for _ in range(3):
                self.send(TextMessage(data="duck and duckling " * 100))
                self.assertEqual(self.message(), "duck and duckling " * 100)

    def test_a_close_is_answered_and_the_connection_ends(self) -> None:
        self.open()
        self.send(CloseConnection(code=4000, reason="enough"))
        closed = self.next()
        assert isinstance(closed, CloseConnection)
        self.assertEqual((closed.code, self.ws.state), (4000, ConnectionState.CLOSED))
        self.assertEqual(self.socket.recv(10), b"")
