"""Clients that send exactly what a test wants, on a socket, in TLS, or on a stream of HTTP/2."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.authority import trusting
from tests.integration.server import Server
from tests.unit.websocket_frames import ServerFrames

__all__ = ["Http2Client", "SocketClient", "WebSocketClient", "connect_to"]

_READ = 262_144


def connect_to(server: Server, *alpn: str, receive_buffer: int | None = None) -> socket.socket:
    """A connection, in TLS if that is what the server speaks."""
    plain = socket.socket()
    try:
        plain.settimeout(10)
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.connect((server.host, server.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.scheme == "http":
            return plain
        context: ssl.SSLContext = trusting()
        context.set_alpn_protocols(list(alpn))
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


class WebSocketClient(ServerFrames):
    """What all of them have in common.

    :ivar ended: the server will say no more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    def send(self, data: bytes) -> None:
        """Send bytes within the WebSocket."""
        raise NotImplementedError

    def receive(self, seconds: float) -> None:
        """Wait for something to come, and read it.

        :raises TimeoutError: if nothing does in time.
        """
        raise NotImplementedError

    def until(self, fact: Callable[[], object], seconds: float = 10.0) -> None:
        """Read until something is so, or the server has ended.

        :raises TimeoutError: if neither comes about in time.
        """
        end = time.monotonic() + seconds
        while not fact() and not self.ended:
            self.receive(max(0.001, end - time.monotonic()))


class SocketClient(WebSocketClient):
    """Speaks HTTP/1.1 first.

    :ivar head: of the server's response.
    """

    def __init__(
        self, server: Server, path: str = "/echo", fields: Sequence[str] = (), receive_buffer: int | None = None
    ) -> None:
        super().__init__()
        self.socket = connect_to(server, "http/1.1", receive_buffer=receive_buffer)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *fields,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            came = self.socket.recv(_READ)
            if not came:
                raise ConnectionError(f"closed after {received!r}")
            received += came
        self.head, _, rest = received.partition(b"\r\n\r\n")
        self.feed(rest)

    def send(self, data: bytes) -> None:
        self.socket.settimeout(10)
        self.socket.sendall(data)

    def receive(self, seconds: float) -> None:
        self.socket.settimeout(seconds)
        try:
            came = self.socket.recv(_READ)
        except ConnectionResetError:
            came = b""
        self.ended = not came
        self.feed(came)

    def close(self) -> None:
        self.socket.close()


class Http2Client(WebSocketClient):
    """Speaks HTTP/2 (RFC 8441).

    :ivar status: of the response.
    :ivar was_reset: the server has reset the stream.
    """

    def __init__(self, server: Server, path: str = "/echo", fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.socket = connect_to(server, "h2")
        self.status = ""
        self.was_reset = False
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self._h2: Any = h2.connection.H2Connection(config)
        self._h2.initiate_connection()
        self._flush()
        while not self._h2.remote_settings.enable_connect_protocol:
            self._read(10)
        self._stream = self._h2.get_next_available_stream_id()
        head = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", server.scheme),
            (":authority", "localhost"),
            (":path", path),
            ("sec-websocket-version", "13"),
            *fields,
        ]
        self._h2.send_headers(self._stream, head)
        self._flush()
        self.until(lambda: self.status)

    def send(self, data: bytes) -> None:
        while data:
            room = min(self._h2.local_flow_control_window(self._stream), self._h2.max_outbound_frame_size)
            if not room:
                self._read(10)
                continue
            self._h2.send_data(self._stream, data[:room])
            data = data[room:]
            self._flush()

    def end(self) -> None:
        """Say that nothing more will come."""
        self._h2.end_stream(self._stream)
        self._flush()

    def receive(self, seconds: float) -> None:
        self._read(seconds)

    def _flush(self) -> None:
        self.socket.settimeout(10)
        self.socket.sendall(self._h2.data_to_send())

    def _read(self, seconds: float) -> None:
        self.socket.settimeout(seconds)
        came = self.socket.recv(_READ)
        if not came:
            self.ended = True
            return
        for event in self._h2.receive_data(came):
            if isinstance(event, h2.events.ResponseReceived):
                fields: Any = event.headers
                self.status = dict(fields)[":status"]
            elif isinstance(event, h2.events.DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self.feed(event.data or b"")
            elif isinstance(event, h2.events.StreamEnded):
                self.ended = True
            elif isinstance(event, h2.events.StreamReset):
                self.ended = self.was_reset = True
        self._flush()

    def close(self) -> None:
        self.socket.close()
