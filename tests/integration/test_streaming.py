"""Bodies that are taken while they arrive, and tunnels: a server process, and clients in TCP and TLS."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tests.authority import issue, root_file, trusting
from tests.case import UnitTestCase
from tests.integration.server import Server, wait_until

LAUNCH: Sequence[str] = ("-m", "tests.integration.streaming_site")

_LEAF = issue("localhost", "127.0.0.1")
_MIB = 1024 * 1024
_LITTLE = 16 * _MIB
"""Memory that a server may take for one connection, and whatever else it does meanwhile."""

_HOST = b"Host: localhost\r\n"
_UPGRADE = b"GET /tunnel HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: quack\r\n\r\n"


@cache
def _server(secure: bool) -> Server:
    """One for all tests that leave it as it is."""
    server = Server(launch=[*LAUNCH, "cert.pem", "key.pem"] if secure else LAUNCH, project=None)
    atexit.register(server.close)
    _LEAF.write(server.directory)
    return server.start()


@cache
def _root() -> str:
    return str(root_file())


def _memory(server: Server) -> int:
    """Resident memory in bytes."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _post(path: bytes, *fields: bytes) -> bytes:
    return b"".join([b"POST %b HTTP/1.1\r\n" % path, _HOST, *(field + b"\r\n" for field in fields), b"\r\n"])


class Client:
    """A connection that sends and reads at the same time.

    :ivar received: what has come.
    :ivar unsent: what the server has not taken yet.
    """

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=20)
        if server.scheme == "https":
            self.socket = trusting().wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setblocking(False)
        self.received = bytearray()
        self.unsent = memoryview(b"")

    def send(self, data: bytes) -> None:
        """Send as much as the server takes at once; the rest goes while the test reads."""
        self.unsent = memoryview(bytes(self.unsent) + data)
        self.push()

    def push(self) -> None:
        """Send what can be sent now."""
        with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent[:16_384]) :]

    def read(self) -> bytes:
        """Wait for something to come, and take it; empty when the server has closed."""
        until = time.monotonic() + 20
        while True:
            self.push()
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                return self.socket.recv(262_144)
            writable = [self.socket] if self.unsent else []
            select.select([self.socket], writable, [], 1.0)
            if time.monotonic() > until:
                raise TimeoutError(f"nothing came after {self.received[:200]!r}")

    def until(self, fact: Callable[[bytearray], object]) -> bytearray:
        """Read until something is so of all that has come, or the server has closed."""
        while not fact(self.received):
            came = self.read()
            if not came:
                break
            self.received += came
        return self.received

    def response(self) -> tuple[bytes, bytes]:
        """Take one response with a length: its head and its body."""
        received = self.until(lambda data: b"\r\n\r\n" in data)
        head, _, rest = map(bytes, received.partition(b"\r\n\r\n"))
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        size = int(length[1]) if length else 0
        self.received = bytearray(rest)
        self.until(lambda data: len(data) >= size)
        body, self.received = bytes(self.received[:size]), self.received[size:]
        return head, body

    def closed(self) -> bytes:
        """What has come when the server has closed."""
        return bytes(self.until(lambda data: False))

    def close(self) -> None:
        self.socket.close()


def _dechunked(data: bytes) -> tuple[bytes, bytes]:
    """A body in chunks, and the trailers behind it."""
    body: list[bytes] = []
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(body), data
        body.append(data[:length])
        data = data[length + 2 :]


class StreamingCase(UnitTestCase):
    secure = False

    def server(self) -> Server:
        return _server(self.secure)

    def client(self, server: Server | None = None) -> Client:
        client = Client(server or self.server())
        self.addCleanup(client.close)
        return client

    def get(self, path: bytes) -> bytes:
        client = self.client()
        client.send(b"GET %b HTTP/1.1\r\n%b\r\n" % (path, _HOST))
        body = client.response()[1]
        client.close()
        return body

    def stuck(self, client: Client) -> None:
        """Send until the server takes no more."""
        left = -1
        while left != len(client.unsent):
            left = len(client.unsent)
            client.push()
            # A server that reads on would do so before it answers somebody else.
            self.get(b"/held")

    def curl(self, path: str, *options: str, sent: bytes | None = None) -> bytes:
        server = self.server()
        command = ["curl", "--silent", "--show-error", "--http1.1", "--max-time", "30", "--cacert", _root()]
        address = f"{server.scheme}://localhost:{server.port}{path}"
        resolve = ("--resolve", f"localhost:{server.port}:127.0.0.1")
        done = subprocess.run([*command, *resolve, *options, address], input=sent, capture_output=True, timeout=40)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class BodyTests(StreamingCase):
    def test_a_body_and_its_response_pass_each_other(self) -> None:
        sent = os.urandom(_MIB) * 6
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(sent[at : at + 50_000]), sent[at : at + 50_000])
                          for at in range(0, len(sent), 50_000))  # fmt: skip
        client = self.client()
        client.send(_post(b"/echo", b"Transfer-Encoding: chunked"))
        client.send(chunks + b"0\r\nX-Sum: 1\r\nTE: x\r\n\r\n")
        received = client.until(lambda data: data.endswith(b"X-Sum: 1\r\n\r\n"))
        body, trailers = _dechunked(bytes(received.partition(b"\r\n\r\n")[2]))
        self.assertTrue(body == sent)
        self.assertEqual(trailers, b"X-Sum: 1\r\n\r\n")
        client.received.clear()
        client.send(_post(b"/sink", b"Content-Length: 3") + b"abc")
        self.assertEqual(client.response()[1], b"3")

    def test_requests_behind_it_are_answered_in_order(self) -> None:
        client = self.client()
        client.send(_post(b"/sink", b"Content-Length: 200000"))
        client.send(b"x" * 200_000 + _post(b"/sink", b"Content-Length: 100000") + b"y" * 50_000)
        self.assertEqual(client.response()[1], b"200000")
        client.send(b"y" * 50_000 + _post(b"/hints"))
        self.assertEqual(client.response()[1], b"100000")
        self.assertTrue(client.until(lambda data: b"hinted" in data).startswith(b"HTTP/1.1 103 Early Hints\r\nLink: "))

    def test_curl_uploads_with_and_without_a_length_and_an_expectation(self) -> None:
        sent = b"x" * (3 * _MIB)
        expect = ("--header", "Expect: 100-continue", "--expect100-timeout", "20")
        for options in (("--header", "Expect:"), expect):
            self.assertEqual(self.curl("/sink", "--data-binary", "@-", *options, sent=sent), b"%d" % len(sent))
            self.assertEqual(self.curl("/sink", "--upload-file", "-", *options, sent=sent), b"%d" % len(sent))

    def test_curl_is_not_asked_for_a_body_that_nobody_wants(self) -> None:
        said = self.curl(
            "/early", "--data-binary", "@-", "--header", "Expect: 100-continue", "--expect100-timeout", "20",
            "--include", "--write-out", "|%{size_upload}", sent=b"x" * 100_000,
        )  # fmt: skip
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said)
        self.assertIn(b"\r\nConnection: close\r\n", said)
        self.assertTrue(said.endswith(b"early|0"), said)

    def test_an_answer_that_comes_before_the_body_arrives_whole(self) -> None:
        for path, found in ("/early", b"early|200"), ("/refuse", b"no|403"):
            for size in 100, 100_000, 8 * _MIB:
                said = self.curl(
                    path, "--data-binary", "@-", "--header", "Expect:", "--write-out", "|%{http_code}", sent=b"x" * size
                )
                self.assertEqual(said, found)

    def test_the_connection_lives_on_after_a_short_rest(self) -> None:
        client = self.client()
        for _ in range(3):
            client.send(_post(b"/early", b"Content-Length: 60000") + b"x" * 20_000)
            self.assertEqual(client.response()[1], b"early")
            client.send(b"x" * 40_000)

    def test_chunks_that_are_none_are_refused(self) -> None:
        client = self.client()
        client.send(_post(b"/sink", b"Transfer-Encoding: chunked"))
        client.send(b"3\r\nabc\r\nnonsense\r\n")
        self.assertTrue(client.closed().startswith(b"HTTP/1.1 400 "))

    def test_a_response_that_ends_early_is_not_whole(self) -> None:
        client = self.client()
        client.send(_post(b"/cut"))
        self.assertTrue(client.closed().endswith(b"4\r\npart\r\n"))

    def test_a_client_that_leaves_is_noticed(self) -> None:
        client = self.client()
        before = self.get(b"/failed")
        client.send(_post(b"/sink", b"Content-Length: 100"))
        client.send(b"x")
        client.close()
        wait_until(lambda: len(self.get(b"/failed")) > len(before))

    def test_little_is_kept_of_what_nobody_takes(self) -> None:
        size = 128 * _MIB
        client = self.client()
        before = _memory(self.server())
        client.send(_post(b"/hold", b"Content-Length: %d" % size))
        client.send(b"x" * size)
        wait_until(lambda: self.get(b"/held") == b"1")
        self.stuck(client)
        self.assertGreater(len(client.unsent), size // 2)
        self.assertLess(_memory(self.server()) - before, _LITTLE)
        self.assertEqual(self.get(b"/release"), b"1")
        self.assertEqual(client.response()[1], b"%d" % size)
        self.assertLess(_memory(self.server()) - before, _LITTLE)

    def test_nor_of_what_the_client_does_not_read(self) -> None:
        size = 64 * _MIB
        client = self.client()
        before = _memory(self.server())
        client.send(_post(b"/echo", b"Content-Length: %d" % size))
        client.send(b"x" * size)
        self.stuck(client)
        self.assertGreater(len(client.unsent), size // 2)
        self.assertLess(_memory(self.server()) - before, _LITTLE)
        while not client.received.endswith(b"0\r\n\r\n"):
            came = client.read()
            self.assertTrue(came)
            client.received = bytearray(client.received[-5:] + came)
        self.assertLess(_memory(self.server()) - before, _LITTLE)


class TLSBodyTests(BodyTests):
    secure = True


class TunnelTests(StreamingCase):
    def open(self, server: Server | None = None, ahead: bytes = b"") -> Client:
        client = self.client(server)
        client.send(_UPGRADE + ahead)
        head = client.until(lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")[0]
        self.assertTrue(head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        self.assertTrue(head.endswith(b"\r\nConnection: Upgrade\r\nUpgrade: quack"))
        del client.received[: len(head) + 4]
        return client

    def test_what_was_sent_ahead_and_later_comes_back(self) -> None:
        client = self.open(ahead=b"ahead")
        client.until(lambda data: data == b"ahead")
        client.send(b" of time")
        self.assertEqual(client.until(lambda data: len(data) >= 13), b"ahead of time")

    def test_much_goes_both_ways_at_the_pace_of_the_client(self) -> None:
        sent = os.urandom(_MIB) * 48
        client = self.open()
        before = _memory(self.server())
        client.send(sent)
        self.stuck(client)
        self.assertGreater(len(client.unsent), len(sent) // 2)
        self.assertLess(_memory(self.server()) - before, _LITTLE)
        came = bytearray()
        while len(came) < len(sent):
            came += client.read()
        self.assertTrue(came == sent)
        self.assertLess(_memory(self.server()) - before, _LITTLE)

    def test_a_client_that_has_said_all_hears_the_rest(self) -> None:
        client = self.open()
        client.send(b"last")
        if isinstance(client.socket, ssl.SSLSocket):
            client.until(lambda data: data == b"last")
            with contextlib.suppress(ssl.SSLError):
                # It says goodbye, and finds the rest of what the server says before that says so too.
                client.socket.unwrap()
            client.close()
        else:
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.closed(), b"lastEND")
        wait_until(lambda: self.get(b"/count") == b"1")

    def test_one_that_leaves_leaves_nothing(self) -> None:
        for _ in range(20):
            self.open().close()
        wait_until(lambda: self.get(b"/count") == b"1")

    def test_a_stop_lets_it_say_goodbye(self) -> None:
        server = Server(launch=[*LAUNCH, "cert.pem", "key.pem"] if self.secure else LAUNCH, project=None)
        self.addCleanup(server.close)
        _LEAF.write(server.directory)
        server.start()
        client = self.open(server)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(client.closed(), b"BYE")
        client.close()
        self.assertIn(server.exit(), (0, -signal.SIGTERM, 128 + signal.SIGTERM))


class TLSTunnelTests(TunnelTests):
    secure = True
