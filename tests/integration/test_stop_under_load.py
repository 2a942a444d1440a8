"""The stop while clients of every kind are busy: not one answer is lost.

A connection may be refused, and a kept one may be closed after an answer that said so. Whatever else ends without a
whole answer is lost, and fails the test.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass, field

from tests.case import UnitTestCase
from tests.integration.server import Server, serve

_ROUNDS = 8
_SEED = 20_260


@dataclass
class _Load:
    """What the clients of one round have seen."""

    port: int
    chance: random.Random
    answered: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    refused: int = 0


class _Connection:
    """A client connection that knows whether its server may close it."""

    def __init__(self, load: _Load, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.load = load
        self.kind = kind
        self.reader = reader
        self.writer = writer
        self.is_open = True

    async def send(self, data: bytes) -> None:
        """Send, as far as the server still takes it: what it does not answer is found by :meth:`answer`."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def answer(self, expected: bytes) -> None:
        """Read one whole answer, or note that it is lost."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.load.lost.append(f"{self.kind}: {error!r}")
            self.is_open = False
            return
        if not head.startswith(b"HTTP/1.1 200 ") or body != expected:
            self.load.lost.append(f"{self.kind}: {head!r} {body!r}")
        self.load.answered[self.kind] += 1
        if b"connection: close" in head.lower():
            self.is_open = False

    def close(self) -> None:
        self.writer.close()


async def _connect(load: _Load, kind: str) -> _Connection | None:
    try:
        return _Connection(load, kind, *await asyncio.open_connection("127.0.0.1", load.port))
    except OSError:
        load.refused += 1
        return None


def _get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % path


async def _kept(load: _Load) -> None:
    """One request after the other on a kept connection."""
    while connection := await _connect(load, "kept"):
        while connection.is_open:
            await connection.send(_get(b"/kept"))
            await connection.answer(b"/kept")
            await asyncio.sleep(load.chance.random() * 0.02)
        connection.close()


async def _pipelined(load: _Load) -> None:
    """Requests sent ahead; those behind an answer that closes the connection were never accepted."""
    while connection := await _connect(load, "pipelined"):
        while connection.is_open:
            count = load.chance.randint(2, 6)
            await connection.send(b"".join(_get(b"/pipelined/%d" % number) for number in range(count)))
            for number in range(count):
                if connection.is_open:
                    await connection.answer(b"/pipelined/%d" % number)
        connection.close()


async def _fresh(load: _Load) -> None:
    """A connection for each request."""
    while connection := await _connect(load, "fresh"):
        await connection.send(_get(b"/fresh"))
        await connection.answer(b"/fresh")
        connection.close()
        await asyncio.sleep(load.chance.random() * 0.01)


async def _uploading(load: _Load) -> None:
    """Bodies that arrive in pieces."""
    while connection := await _connect(load, "uploading"):
        size = load.chance.randint(1, 100_000)
        await connection.send(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        for start in range(0, size, 20_000):
            await connection.send(b"x" * min(20_000, size - start))
            await asyncio.sleep(load.chance.random() * 0.01)
        await connection.answer(b"/up %d" % size)
        connection.close()


async def _slow(load: _Load) -> None:
    """Answers that take a while."""
    while connection := await _connect(load, "slow"):
        while connection.is_open:
            await connection.send(_get(b"/sleep?%d" % load.chance.randint(1, 400)))
            await connection.answer(b"/sleep")
        connection.close()


async def _round(server: Server, load: _Load) -> None:
    clients = [
        asyncio.create_task(kind(load)) for kind in (_kept, _pipelined, _fresh, _uploading, _slow) for _ in range(4)
    ]
    await asyncio.sleep(0.1 + load.chance.random() * 0.4)
    server.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*clients), 20)


class LoadTests(UnitTestCase):
    def test_a_stop_at_any_moment_loses_no_answer(self) -> None:
        chance = random.Random(_SEED)
        answered: Counter[str] = Counter()
        for number in range(_ROUNDS):
            server = serve(
                self, "--wsgi", "tests.integration.gated:application", "--no-access-log", "--threads", "16",
                project=None, launch="module",
            )  # fmt: skip
            load = _Load(server.port, chance)
            asyncio.run(_round(server, load))
            self.assertEqual(load.lost, [], f"round {number}")
            self.assertEqual(server.exit(5), -signal.SIGTERM)
            self.assertEqual(load.refused, 20)
            answered += load.answered
            server.close()
        self.assertEqual(set(answered), {"kept", "pipelined", "fresh", "uploading", "slow"})
        self.assertGreater(answered.total(), 50 * _ROUNDS)
