"""What tests of restarts have in common: clients of every kind that count their answers, and servers."""

from __future__ import annotations

import asyncio
import os
import random
import re
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.server import START_TIMEOUT, Server

__all__ = ["KINDS", "Load", "descriptors", "lives_of", "next_life", "under_load"]

_FAR = 30.0
"""Seconds after which a client thinks that its server is lost."""


@dataclass
class Load:
    """What clients have seen.

    :ivar context: for connections over TLS.
    :ivar ends: no further request is to begin.
    :ivar longest: seconds that the slowest answer took beyond what it was asked to take.
    """

    port: int
    chance: random.Random
    context: ssl.SSLContext | None = None
    answered: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    longest: float = 0.0
    ends: bool = False


class _Connection:
    """A client connection that knows whether its server may close it."""

    def __init__(self, load: Load, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.load = load
        self.kind = kind
        self.reader = reader
        self.writer = writer
        self.is_open = True
        self.has_answered = False

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            # Found by :meth:`answer`.
            pass

    async def answer(self, expected: bytes, begun: float, takes: float = 0.0) -> None:
        """Read one whole answer, or note that it is lost.

        :param begun: when it was asked for, by the monotonic clock.
        :param takes: seconds that it was asked to take.
        """
        try:
            async with asyncio.timeout(_FAR):
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            self.load.lost.append(f"{self.kind}: {error!r} after {time.monotonic() - begun:.2f} s")
            self.is_open = False
            return
        if not head.startswith(b"HTTP/1.1 200 ") or body != expected:
            self.load.lost.append(f"{self.kind}: {head!r} {body!r}")
        self.load.longest = max(self.load.longest, time.monotonic() - begun - takes)
        self.load.answered[self.kind] += 1
        if b"connection: close" in head.lower():
            self.is_open = False


async def _connected(load: Load, kind: str) -> _Connection | None:
    """A new connection; a refused one is lost."""
    if load.ends:
        return None
    try:
        name = "localhost" if load.context is not None else None
        streams = await asyncio.open_connection("127.0.0.1", load.port, ssl=load.context, server_hostname=name)
        return _Connection(load, kind, *streams)
    except OSError as error:
        load.lost.append(f"{kind}: {error!r}")
        return None


def _get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % path


async def _kept(load: Load) -> None:
    """One request after the other on a kept connection."""
    while connection := await _connected(load, "kept"):
        while connection.is_open and not load.ends:
            begun = time.monotonic()
            await connection.send(_get(b"/kept"))
            await connection.answer(b"/kept", begun)
            await asyncio.sleep(load.chance.random() * 0.02)
        connection.writer.close()


async def _pipelined(load: Load) -> None:
    """Requests sent ahead; those behind an answer that closes the connection were never accepted."""
    while connection := await _connected(load, "pipelined"):
        while connection.is_open and not load.ends:
            count = load.chance.randint(2, 6)
            begun = time.monotonic()
            await connection.send(b"".join(_get(b"/pipelined/%d" % number) for number in range(count)))
            for number in range(count):
                if connection.is_open:
                    await connection.answer(b"/pipelined/%d" % number, begun)
            await asyncio.sleep(load.chance.random() * 0.02)
        connection.writer.close()


async def _fresh(load: Load) -> None:
    """A connection for each request."""
    begun = time.monotonic()
    while connection := await _connected(load, "fresh"):
        await connection.send(_get(b"/fresh"))
        await connection.answer(b"/fresh", begun)
        connection.writer.close()
        await asyncio.sleep(load.chance.random() * 0.01)
        begun = time.monotonic()


async def _tardy(load: Load) -> None:
    """Connections that are accepted a while before their request comes."""
    while connection := await _connected(load, "tardy"):
        await asyncio.sleep(load.chance.random() * 0.2)
        begun = time.monotonic()
        await connection.send(_get(b"/tardy"))
        await connection.answer(b"/tardy", begun)
        connection.writer.close()


async def _clinging(load: Load) -> None:
    """Connections whose client does not hang up when it is asked to."""
    while connection := await _connected(load, "clinging"):
        begun = time.monotonic()
        await connection.send(_get(b"/clinging"))
        await connection.answer(b"/clinging", begun)
        await asyncio.sleep(load.chance.random() * 3.0)
        connection.writer.close()


async def _uploading(load: Load) -> None:
    """Bodies that arrive in pieces."""
    begun = time.monotonic()
    while connection := await _connected(load, "uploading"):
        size = load.chance.randint(1, 100_000)
        await connection.send(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        for start in range(0, size, 20_000):
            await connection.send(b"x" * min(20_000, size - start))
            await asyncio.sleep(load.chance.random() * 0.01)
        await connection.answer(b"/up %d" % size, begun)
        connection.writer.close()
        begun = time.monotonic()


async def _slow(load: Load) -> None:
    """Answers that take a while."""
    while connection := await _connected(load, "slow"):
        while connection.is_open and not load.ends:
            milliseconds = load.chance.randint(1, 400)
            begun = time.monotonic()
            await connection.send(_get(b"/sleep?%d" % milliseconds))
            await connection.answer(b"/sleep", begun, milliseconds / 1000)
        connection.writer.close()


KINDS: tuple[Callable[[Load], Coroutine[Any, Any, None]], ...] = (
    _kept,
    _pipelined,
    _fresh,
    _tardy,
    _clinging,
    _uploading,
    _slow,
)


async def under_load(load: Load, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Have a client of every kind ask until ``meanwhile`` is over, and have their answers."""
    asking = [asyncio.create_task(kind(load)) for kind in KINDS]
    try:
        await meanwhile()
    finally:
        load.ends = True
        await asyncio.wait_for(asyncio.gather(*asking), 2 * _FAR)


_LIFE = re.compile(r"ready: ")


def lives_of(text: str) -> int:
    """How often a server has said that it is ready."""
    return len(_LIFE.findall(text))


def next_life(server: Server, before: int, timeout: float = START_TIMEOUT) -> None:
    """Wait until a server has been ready once more than ``before``."""
    server.wait_for(re.compile(f"(?s)(ready: .*){{{before + 1}}}"), timeout)


def descriptors(pid: int) -> dict[str, str]:
    """What a process has open, by number."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[path.name] = os.readlink(path)
        except OSError:
            # It was closed meanwhile.
            continue
    return found
