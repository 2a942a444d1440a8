"""The stop of a server that speaks TLS: not one answer is lost, whatever its connections are at."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.authority import trusting
from tests.case import UnitTestCase
from tests.integration.https_server import HttpsServer, read_all, serve_https
from tests.integration.server import wait_until

_ROUNDS = 5
_SEED = 20_261


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


@dataclass
class _Load:
    """What the clients of one round have seen."""

    port: int
    chance: random.Random
    context: ssl.SSLContext = field(default_factory=trusting)
    answered: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    refused: int = 0

    async def connect(self, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection; None if there is no more to be had, which is no loss before hands were shaken for it."""
        made = socket.socket()
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.port))
        except OSError:
            made.close()
            self.refused += 1
            return None
        try:
            return await asyncio.open_connection(sock=made, ssl=self.context, server_hostname="localhost")
        except OSError as error:
            self.lost.append(f"{kind}: handshake: {error!r}")
            return None

    async def answer(self, kind: str, reader: asyncio.StreamReader, expected: bytes) -> bool:
        """Read one whole answer; whether another may follow."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            self.lost.append(f"{kind}: {error!r}")
            return False
        if not head.startswith(b"HTTP/1.1 200 ") or body != expected:
            self.lost.append(f"{kind}: {head!r} {body!r}")
        self.answered[kind] += 1
        return b"connection: close" not in head.lower()


async def _kept(load: _Load) -> None:
    """One request after the other on a kept connection."""
    while made := await load.connect("kept"):
        reader, writer = made
        while True:
            writer.write(b"GET /kept HTTP/1.1\r\nHost: test\r\n\r\n")
            if not await load.answer("kept", reader, b"/kept"):
                break
            await asyncio.sleep(load.chance.random() * 0.02)
        writer.close()


async def _fresh(load: _Load) -> None:
    """A handshake for each request."""
    while made := await load.connect("fresh"):
        reader, writer = made
        writer.write(b"GET /fresh HTTP/1.1\r\nHost: test\r\n\r\n")
        await load.answer("fresh", reader, b"/fresh")
        writer.close()
        await asyncio.sleep(load.chance.random() * 0.01)


async def _uploading(load: _Load) -> None:
    """Bodies that arrive in pieces."""
    while made := await load.connect("uploading"):
        reader, writer = made
        size = load.chance.randint(1, 100_000)
        writer.write(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        for start in range(0, size, 20_000):
            writer.write(b"x" * min(20_000, size - start))
            with contextlib.suppress(OSError):
                await writer.drain()
            await asyncio.sleep(load.chance.random() * 0.01)
        await load.answer("uploading", reader, b"/up %d" % size)
        writer.close()


_KINDS: tuple[Callable[[_Load], Awaitable[None]], ...] = (_kept, _fresh, _uploading)


async def _round(server: HttpsServer, load: _Load) -> None:
    clients = [asyncio.ensure_future(kind(load)) for kind in _KINDS for _ in range(4)]
    await asyncio.sleep(0.2 + load.chance.random() * 0.4)
    server.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*clients), 20)


class LoadTests(UnitTestCase):
    def test_a_stop_at_any_moment_loses_no_answer(self) -> None:
        chance = random.Random(_SEED)
        answered: Counter[str] = Counter()
        for number in range(_ROUNDS):
            server = serve_https(
                self,
                "--wsgi",
                "tests.integration.gated:application",
                "--no-access-log",
                "--threads",
                "16",
                project=None,
                launch="module",
            )
            load = _Load(server.port, chance)
            asyncio.run(_round(server, load))
            self.assertEqual(load.lost, [], f"round {number}")
            self.assertEqual(server.exit(5), -signal.SIGTERM)
            answered += load.answered
            server.close()
        self.assertEqual(set(answered), {"kept", "fresh", "uploading"})
        self.assertGreater(answered.total(), 50 * _ROUNDS)
