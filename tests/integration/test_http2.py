"""HTTP/2 on real sockets: every row of the conformance tests, and clients that others have written."""

from __future__ import annotations

import atexit
import contextlib
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.case import UnitTestCase
from tests.integration.http2_site import FLOW
from tests.integration.server import Server, wait_until
from tests.integration.wire_resource import BIG, FILE
from tests.unit.http2_frames import PREFACE, Code, data, ping, post, settings
from tests.unit.http2_outcome import Row
from tests.unit.http2_reader import Reader
from tests.unit.test_http2_splits import ROWS

LAUNCH: Sequence[str] = ("-m", "tests.integration.http2_site")
"""The server; all else follows from the address that it says."""

_CURL = {"http": ("--http2-prior-knowledge",), "https": ("--http2", "--insecure")}
_IN_TIME = 1.0
"""Seconds for the answer to whatever is wrong."""

_ROUNDS, _FILLED = 24, 8


@cache
def _server() -> Server:
    """One for all tests that leave it as it is."""
    server = Server(launch=LAUNCH, project=None)
    atexit.register(server.close)
    return server.start()


def _connect(server: Server) -> socket.socket:
    client = socket.create_connection((server.host, server.port), timeout=10)
    if server.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        return context.wrap_socket(client, server_hostname="localhost")
    return client


class SocketClient(Reader):
    """A client's end of a connection on a socket.

    :ivar closed: the server has closed its side, and properly.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.socket = _connect(server)
        self.closed = False

    def begin(self) -> None:
        self.changes()
        self.acknowledges = True
        self.socket.sendall(PREFACE + settings())

    def until(self, fact: Callable[[], object], seconds: float = 10.0) -> None:
        """Read until something is so, or the server has closed.

        :raises TimeoutError: if neither comes about in time.
        """
        end = time.monotonic() + seconds
        while not fact() and not self.closed:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            came = self.socket.recv(262_144)
            self.closed = not came
            self.feed(came)
            if self.owed:
                self.socket.sendall(b"".join(self.owed))
                self.owed.clear()


class RowTests(UnitTestCase):
    """One test for each row of the tables: the same outcome on a socket, within a second."""


def _add(row: Row, name: str) -> None:
    def test(self: RowTests) -> None:
        client = SocketClient(_server())
        self.addCleanup(client.socket.close)
        if not row.instead:
            client.begin()
        client.socket.sendall(b"".join(row.sent))
        began = time.monotonic()
        client.socket.sendall(ping(b"the last"))
        client.until(lambda: b"the last" in client.pongs, _IN_TIME)
        took = time.monotonic() - began
        complaints = [outcome.differs(client, closed=client.closed) for outcome in row.outcomes]
        self.assertIn("", complaints)
        self.assertLess(took, _IN_TIME)

    assert not hasattr(RowTests, name), name
    setattr(RowTests, name, test)


for _number, _row in enumerate(ROWS):
    _add(_row, f"test_{_number:03}_" + re.sub("[^a-z0-9]+", "_", f"{_row.section} {_row.name}".lower()))


class AftermathTests(UnitTestCase):
    def test_every_row_leaves_no_connection_no_memory_and_no_word_in_the_log(self) -> None:
        server = Server(launch=LAUNCH, project=None)
        self.addCleanup(server.close)
        server.start()
        said, blocks = len(server.lines()), []
        for _ in range(_ROUNDS):
            for row in ROWS:
                client = _connect(server)
                # Its first word shows that it has accepted: more than its backlog would have to wait for the system.
                client.recv(1)
                with contextlib.suppress(OSError):
                    client.sendall((b"" if row.instead else PREFACE + settings()) + b"".join(row.sent))
                client.close()
            wait_until(lambda: _curl(server, "/channels").stdout == b"1", 15, "connections are left")
            blocks.append(int(_curl(server, "/blocks").stdout))
        # The first rounds fill what is kept on purpose.  A connection that one row left behind would be dozens of
        # blocks in each round.
        self.assertLess(blocks[-1] - blocks[_FILLED], 10 * (_ROUNDS - _FILLED), blocks)
        self.assertEqual(server.lines()[said:], [])

    def greeted(self, server: Server) -> SocketClient:
        """A client that the server has heard."""
        client = SocketClient(server)
        self.addCleanup(client.socket.close)
        client.begin()
        client.socket.sendall(ping())
        client.until(lambda: client.pongs)
        return client

    def test_a_stopping_server_finishes_what_it_has_begun(self) -> None:
        server = Server(launch=LAUNCH, project=None)
        self.addCleanup(server.close)
        server.start()
        busy, idle = self.greeted(server), self.greeted(server)
        busy.socket.sendall(post(1) + ping())
        busy.until(lambda: len(busy.pongs) == 2)
        server.send_signal(signal.SIGTERM)
        idle.until(lambda: False)
        self.assertEqual(idle.goaways[-1][1], Code.NO_ERROR)
        busy.until(lambda: busy.goaways)
        busy.socket.sendall(data(1, b"duck", end=True))
        busy.until(lambda: False)
        self.assertTrue(busy.response(1).body.endswith(b"duck"))
        self.assertTrue(busy.response(1).complete)
        self.assertFalse(busy.failed)
        self.assertEqual(server.exit(), 0)


# Clients that others have written.


def _curl(server: Server, path: str, *options: str, sent: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "--silent", "--show-error", "--max-time", "30", *_CURL[server.scheme], *options]
    address = f"{server.scheme}://{server.host}:{server.port}{path}"
    return subprocess.run([*command, address], input=sent, capture_output=True, timeout=40, check=True)


class CurlTests(UnitTestCase):
    def body(self, path: str, *options: str, sent: bytes | None = None) -> bytes:
        return _curl(_server(), path, *options, sent=sent).stdout

    def test_a_page_comes_in_version_2(self) -> None:
        said = self.body("/hello", "--write-out", "|%{http_version} %{http_code} %{size_download}")
        self.assertEqual(said, b"Hello, world!|2 200 13")

    def test_a_head_has_the_length_and_no_body(self) -> None:
        head = self.body("/hello", "--head").lower()
        self.assertTrue(head.startswith(b"http/2 200"), head)
        self.assertIn(b"\r\ncontent-length: 13\r\n", head)

    def test_a_body_comes_back(self) -> None:
        for sent in (b"", b"duck", BIG * 8):
            self.assertTrue(self.body("/e", "--data-binary", "@-", sent=sent).endswith(b"\n\n" + sent))

    def test_a_body_of_unknown_length_is_invited_and_comes_back(self) -> None:
        said = self.body("/e", "--upload-file", "-", "--header", "Expect: 100-continue", "--include", sent=BIG)
        self.assertTrue(said.startswith(b"HTTP/2 100 "), said[:100])
        self.assertTrue(said.endswith(b"\n\n" + BIG))

    def test_large_bodies_come_whole(self) -> None:
        self.assertEqual(self.body("/big"), BIG)
        self.assertEqual(self.body("/flow"), bytes(FLOW))
        self.assertEqual(self.body("/pieces"), b"one two")

    def test_files_whole_in_part_and_unchanged(self) -> None:
        self.assertEqual(self.body("/static/file.bin"), FILE)
        self.assertEqual(self.body("/static/file.bin", "--range", "5-14"), FILE[5:15])
        since = ("--time-cond", "Mon, 07 Nov 1994 00:00:00 GMT", "--write-out", "%{http_code}")
        self.assertEqual(self.body("/static/file.bin", *since), b"304")

    def test_a_body_that_is_too_short_is_an_error_for_the_client(self) -> None:
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            self.body("/short")
        self.assertIn(b"HTTP/2 stream", caught.exception.stderr)


class NghttpTests(UnitTestCase):
    """nghttp can do what other clients cannot be told to."""

    def nghttp(self, *arguments: str, paths: Sequence[str] = ("/hello",)) -> str:
        server = _server()
        addresses = [f"{server.scheme}://{server.host}:{server.port}{path}" for path in paths]
        command = ["nghttp", "--no-verify-peer", "--timeout=20", *arguments, *addresses]
        return subprocess.run(command, capture_output=True, timeout=40, check=True, text=True).stdout

    def test_a_small_window_on_the_stream_and_on_the_connection(self) -> None:
        for options in (("--window-bits=8",), ("--connection-window-bits=16", "--window-bits=10")):
            said = self.nghttp("--null-out", "--stat", *options, paths=["/pieces", "/push", "/static/file.bin"])
            self.assertEqual(len(re.findall(r" 200 ", said)), 3, said)

    def test_padding_continuation_and_trailers(self) -> None:
        with TemporaryDirectory() as folder:
            body = Path(folder, "body")
            body.write_bytes(b"duck" * 50_000)
            said = self.nghttp(
                "--padding=200", "--continuation", "--trailer=x-sum: 1", f"--data={body}", "--header=x-duck: quack",
                paths=["/e"],
            )  # fmt: skip
        self.assertIn("x-duck: quack\n", said)
        self.assertTrue(said.endswith("duck" * 50_000))

    def test_tables_of_no_size_and_of_a_large_one(self) -> None:
        for size in ("0", "64", "65536"):
            options = (f"--header-table-size={size}", f"--encoder-header-table-size={size}")
            said = self.nghttp("--null-out", "--stat", *options, paths=[f"/e/{number}" for number in range(20)])
            self.assertEqual(len(re.findall(r" 200 ", said)), 20, said)

    def test_priorities_of_the_old_kind(self) -> None:
        said = self.nghttp("--null-out", "--stat", "--weight=200", "--multiply=20", paths=["/hello"])
        self.assertEqual(len(re.findall(r" 200 ", said)), 20, said)


class LoadTests(UnitTestCase):
    def load(self, *arguments: str, path: str = "/hello") -> str:
        server = _server()
        command = ["h2load", *arguments, f"{server.scheme}://{server.host}:{server.port}{path}"]
        return subprocess.run(command, capture_output=True, timeout=60, check=True, text=True).stdout

    def test_thousands_of_requests_on_a_few_connections_all_succeed(self) -> None:
        said = self.load("--requests=10000", "--clients=8", "--max-concurrent-streams=32")
        self.assertIn("10000 total, 10000 started, 10000 done, 10000 succeeded, 0 failed, 0 errored, 0 timeout", said)

    def test_as_many_streams_as_there_may_be(self) -> None:
        said = self.load("--requests=2000", "--clients=2", "--max-concurrent-streams=128", path="/big")
        self.assertIn("2000 succeeded, 0 failed, 0 errored, 0 timeout", said)

    def test_bodies_from_many_streams(self) -> None:
        with TemporaryDirectory() as folder:
            body = Path(folder, "body")
            body.write_bytes(BIG[:100_000])
            said = self.load(
                "--requests=500", "--clients=4", "--max-concurrent-streams=20", f"--data={body}", path="/e"
            )
        self.assertIn("500 succeeded, 0 failed, 0 errored, 0 timeout", said)
