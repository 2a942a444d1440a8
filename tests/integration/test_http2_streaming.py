"""Bodies while they come, trailers, hints and tunnels over HTTP/2 on real sockets."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events

from tests.case import UnitTestCase
from tests.integration.server import Server, wait_until
from tests.integration.test_http2 import LAUNCH, SocketClient, _curl, _server
from tests.unit.http2_frames import LARGEST, Code, block, connect, data, headers, ping, post, reset

BODY = random.Random(8441).randbytes(3_000_000)


def _memory(server: Server) -> int:
    """Resident memory in bytes."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class CurlTests(UnitTestCase):
    """What curl does."""

    def body(self, path: str, *options: str, sent: bytes | None = None) -> bytes:
        return _curl(_server(), path, *options, sent=sent).stdout

    def test_a_body_comes_back_while_it_is_sent(self) -> None:
        self.assertEqual(self.body("/live/echo", "--upload-file", "-", sent=BODY), BODY)
        self.assertEqual(self.body("/live/echo", "--data-binary", "@-", sent=BODY), BODY)
        self.assertEqual(self.body("/live/echo", "--data-binary", "@-", sent=b""), b"")

    def test_a_large_body_is_taken(self) -> None:
        self.assertEqual(self.body("/live/sink", "--upload-file", "-", sent=bytes(20_000_000)), b"20000000")

    def test_a_body_is_invited_when_it_is_wanted(self) -> None:
        expects = ("--header", "Expect: 100-continue", "--include", "--upload-file", "-")
        said = self.body("/live/sink", *expects, sent=BODY)
        self.assertTrue(said.startswith(b"HTTP/2 100 "), said[:100])
        self.assertTrue(said.endswith(b"3000000"), said[-100:])
        said = self.body("/live/deny", *expects, sent=BODY)
        self.assertTrue(said.startswith(b"HTTP/2 403 "), said[:100])

    def test_a_body_that_is_not_wanted_is_answered_all_the_same(self) -> None:
        for _ in range(5):
            said = self.body("/live/deny", "--upload-file", "-", "--write-out", "|%{http_code}", sent=bytes(20_000_000))
            self.assertEqual(said, b"not for you|403")

    def test_hints_come_first(self) -> None:
        said = self.body("/live/hints", "--include")
        self.assertTrue(said.startswith(b"HTTP/2 103 "), said[:100])
        self.assertIn(b"\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/2 200 ", said)
        self.assertTrue(said.endswith(b"hinted"))


class FrameTests(UnitTestCase):
    """What can be seen frame by frame."""

    def greeted(self, server: Server) -> SocketClient:
        client = SocketClient(server)
        self.addCleanup(client.socket.close)
        client.begin()
        client.socket.sendall(ping())
        client.until(lambda: client.pongs)
        return client

    def test_a_body_and_its_trailers_come_back_piece_by_piece(self) -> None:
        client = self.greeted(_server())
        response = client.response(1)
        client.socket.sendall(post(1, b"/live/echo"))
        for piece in (b"quack", b"duck", b"!"):
            before = len(response.body)
            client.socket.sendall(data(1, piece))
            client.until(lambda before=before: len(response.body) > before)  # type: ignore[misc]
        client.socket.sendall(headers(1, block((b"x-sum", b"5"), (b"content-length", b"9"))))
        client.until(lambda: response.complete)
        self.assertEqual(bytes(response.body), b"quackduck!")
        self.assertEqual(response.trailers, [(b"x-sum", b"5")])

    def test_a_response_that_breaks_off_is_reset(self) -> None:
        client = self.greeted(_server())
        client.socket.sendall(post(1, b"/live/cut"))
        client.until(lambda: client.response(1).resets)
        self.assertEqual(bytes(client.response(1).body), b"part")
        self.assertEqual((client.response(1).complete, client.response(1).resets), (False, [Code.INTERNAL_ERROR]))

    def fill(self, client: SocketClient, stream: int) -> int:
        """Send as much as the windows allow at present."""
        sent = 0
        while (room := min(client.granted(0), client.granted(stream), LARGEST)) > 0:
            client.spend(stream, room)
            client.socket.sendall(data(stream, bytes(room)))
            sent += room
        return sent

    def fill_all(self, client: SocketClient, stream: int) -> int:
        """Send until no more window comes."""
        sent = self.fill(client, stream)
        while True:
            pongs = len(client.pongs)
            client.socket.sendall(ping())
            client.until(lambda expected=pongs: len(client.pongs) > expected)  # type: ignore[misc]
            filled = self.fill(client, stream)
            if not filled:
                return sent
            sent += filled

    def test_what_nobody_takes_stays_with_the_client_and_holds_up_nobody(self) -> None:
        server = _server()
        client = self.greeted(server)
        self.assertEqual(_curl(server, "/live/sink", "--upload-file", "-", sent=BODY).stdout, b"3000000")
        memory = _memory(server)
        sent = 0
        for stream in range(1, 100, 2):
            client.socket.sendall(post(stream, b"/live/hold"))
            sent += self.fill_all(client, stream)
        self.assertEqual(client.granted(0), 0)
        self.assertLessEqual(sent, 5 * 1024 * 1024)
        self.assertLess(_memory(server) - memory, 16 * 1024 * 1024)
        # Another connection goes on, and so does this one when they are taken.
        self.assertEqual(_curl(server, "/live/sink", "--upload-file", "-", sent=BODY).stdout, b"3000000")
        self.assertEqual(_curl(server, "/live/release").stdout, b"50")
        client.until(lambda: client.granted(0) > 500_000)
        for stream in range(1, 100, 2):
            client.socket.sendall(data(stream, end=True))
        client.until(lambda: len([each for each in client.responses.values() if each.complete]) == 50)
        self.assertEqual(sum(int(each.body) for each in client.responses.values()), sent)

    def test_an_echo_waits_for_a_client_that_does_not_read(self) -> None:
        client = self.greeted(_server())
        client.socket.sendall(post(1, b"/live/echo"))
        sent = self.fill_all(client, 1)
        # What the client takes, what waits for it in the server, and the window of the upload.
        self.assertLess(sent, 65_535 + 65_536 + 16_384 + 262_144 + 1)
        client.socket.sendall(reset(1))
        client.socket.sendall(ping(b"the last"))
        client.until(lambda: b"the last" in client.pongs)
        self.assertFalse(client.failed)

    def test_a_server_that_stops_says_goodbye_in_a_tunnel(self) -> None:
        server = Server(launch=LAUNCH, project=None)
        self.addCleanup(server.close)
        server.start()
        client = self.greeted(server)
        client.socket.sendall(connect(1, b"/live/tunnel") + data(1, b"quack"))
        client.until(lambda: client.response(1).body == b"quack")
        server.send_signal(signal.SIGTERM)
        client.until(lambda: client.response(1).complete)
        self.assertEqual((bytes(client.response(1).body), client.goaways[0][1]), (b"quackBYE", Code.NO_ERROR))
        client.socket.sendall(data(1, b"thanks", end=True))
        client.until(lambda: False)
        self.assertTrue(client.closed)
        self.assertFalse(client.failed)
        self.assertEqual(server.exit(), 0)


class Library:
    """A client made of the ``h2`` library.

    :ivar body: what has come on each stream.
    :ivar status: by stream.
    :ivar ended: streams that the server has ended; :ivar cut: those that it has reset, and why.
    """

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self.body: dict[int, bytearray] = {}
        self.status: dict[int, int] = {}
        self.ended: set[int] = set()
        self.cut: dict[int, int] = {}
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def connect(self, path: bytes, protocol: bytes = b"websocket") -> int:
        """Ask for another protocol."""
        stream: int = self.h2.get_next_available_stream_id()
        asked = [(b":method", b"CONNECT"), (b":protocol", protocol), (b":scheme", b"http"), (b":path", path)]
        self.h2.send_headers(stream, [*asked, (b":authority", b"duck.example"), (b"sec-websocket-version", b"13")])
        self.flush()
        return stream

    def send(self, stream: int, content: bytes) -> None:
        """Send as the windows allow, and read meanwhile."""
        while content:
            self.until(lambda: self.h2.local_flow_control_window(stream) > 0)
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, content[:room])
            content = content[room:]
            self.flush()
            self.read(0)

    def until(self, fact: Callable[[], object], seconds: float = 15.0) -> None:
        """Read until something is so."""
        end = time.monotonic() + seconds
        while not fact():
            self.read(max(0.001, end - time.monotonic()))

    def read(self, seconds: float) -> None:
        self.socket.settimeout(seconds)
        with contextlib.suppress(BlockingIOError):
            came = self.socket.recv(262_144)
            if not came:
                raise ConnectionError("the server has closed the connection")
            self.socket.settimeout(10)
            for event in self.h2.receive_data(came):
                self._take(event)
            self.flush()
        self.socket.settimeout(10)

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.status[event.stream_id] = int(dict(event.headers)[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.body.setdefault(event.stream_id, bytearray()).extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.cut[event.stream_id] = event.error_code


class LibraryTests(UnitTestCase):
    """What the h2 library does, which holds the server to its rules as well."""

    def client(self) -> Library:
        client = Library(_server())
        self.addCleanup(client.socket.close)
        client.until(lambda: client.h2.remote_settings.enable_connect_protocol)
        return client

    def open(self) -> int:
        return int(_curl(_server(), "/live/open").stdout)

    def test_another_protocol_is_spoken_on_a_stream(self) -> None:
        client = self.client()
        stream = client.connect(b"/live/tunnel")
        client.until(lambda: stream in client.status)
        self.assertEqual(client.status[stream], 200)
        client.send(stream, b"quack")
        client.until(lambda: bytes(client.body.get(stream, b"")) == b"quack")
        self.assertEqual(self.open(), 1)
        client.h2.end_stream(stream)
        client.flush()
        client.until(lambda: stream in client.ended)
        self.assertEqual((client.cut, self.open()), ({}, 0))

    def test_much_goes_through_several_at_once(self) -> None:
        client = self.client()
        streams = [client.connect(b"/live/tunnel") for _ in range(4)]
        for start in range(0, len(BODY), 100_000):
            for stream in streams:
                client.send(stream, BODY[start : start + 100_000])
        for stream in streams:
            client.h2.end_stream(stream)
        client.flush()
        client.until(lambda: client.ended == set(streams))
        self.assertEqual([client.body[stream] == BODY + b"END" for stream in streams], [True] * 4)
        self.assertEqual((client.cut, self.open()), ({}, 0))

    def test_one_that_is_not_spoken_is_refused(self) -> None:
        client = self.client()
        for path, protocol in (
            (b"/live/tunnel", b"connect-udp"),
            (b"/hello", b"websocket"),
            (b"/live/hints", b"websocket"),
        ):
            stream = client.connect(path, protocol)
            client.until(lambda stream=stream: stream in client.ended)  # type: ignore[misc]
            self.assertEqual(client.status[stream], 501)

    def test_a_client_that_is_gone_is_noticed(self) -> None:
        client = self.client()
        first, second = client.connect(b"/live/tunnel"), client.connect(b"/live/tunnel")
        client.until(lambda: {first, second} <= client.status.keys())
        self.assertEqual(self.open(), 2)
        client.h2.reset_stream(first)
        client.flush()
        wait_until(lambda: self.open() == 1, 10, "a tunnel that was reset is still open")
        client.socket.close()
        wait_until(lambda: self.open() == 0, 10, "a tunnel of a connection that is gone is still open")
