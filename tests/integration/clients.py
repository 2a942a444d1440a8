"""The clients of a :class:`~tests.integration.load.Load`: each asks again and again in its own way, and counts.

What they ask answers with the path, and with the number of bytes behind it where a body was sent.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

__all__ = ["KINDS", "ONE_BY_ONE", "Client", "Loss", "Tally", "fresh", "kept", "pipelined", "slow", "tardy", "uploading"]

_FAR = 30.0
"""Seconds after which a client thinks that its server is lost."""

_RETRY = 0.01


class Loss(NamedTuple):
    """A request that was not answered as it should be.

    :ivar pid: of the process that had answered on the connection before; 0 if none had, or none says.
    """

    pid: int
    what: str


class Tally:
    """What clients have seen.

    :param context: for connections over TLS.

    :ivar answered: how many whole answers came, by the kind of the client.
    :ivar answered_by: the same by the pid of the process, as far as answers say it.
    :ivar lost: whatever was asked and not answered, and connections that could not be made before a stop had begun.
    :ivar refused: how many connections could not be made at all.  What fails after that, as a handshake, is lost.
    :ivar longest: seconds that the slowest answer took beyond what it was asked to take.
    :ivar is_stopping: a stop has begun: the first refusal is the end for a client.
    :ivar is_over: no further request is to begin.
    """

    def __init__(self, port: int, chance: random.Random, context: ssl.SSLContext | None) -> None:
        self.answered: Counter[str] = Counter()
        self.answered_by: Counter[int] = Counter()
        self.lost: list[Loss] = []
        self.refused = 0
        self.longest = 0.0
        self.is_stopping = self.is_over = False
        self.port = port
        self.chance = chance
        self.context = context

    def pause(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait for as long as that at most."""
        return asyncio.sleep(self.chance.random() * seconds)


class Connection:
    """A connection that knows whether its server may close it: after an answer that said so."""

    def __init__(self, tally: Tally, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = 0
        self._tally = tally
        self._kind = kind
        self._reader = reader
        self._writer = writer
        self._is_open = True

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        return self._is_open and not self._tally.is_over

    async def send(self, data: bytes) -> None:
        """Send, as far as the server still takes it: what it does not answer is found by :meth:`answer`."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            pass

    async def get(self, path: bytes, takes: float = 0.0) -> None:
        """Ask for a path, and read the answer.

        :param takes: seconds that it is asked to take.
        """
        begun = time.monotonic()
        await self.send(request(path))
        await self.answer(path.partition(b"?")[0], begun, takes)

    async def answer(self, expected: bytes, begun: float, takes: float = 0.0) -> None:
        """Read one whole answer, or note that it is lost.

        :param begun: when it was asked for, by the monotonic clock.
        """
        if not self._is_open:
            # What was sent ahead, behind an answer that closes the connection, was never accepted.
            return
        try:
            async with asyncio.timeout(_FAR):
                head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
                body = await self._reader.readexactly(int(_value(head, b"content-length")))
        except (asyncio.IncompleteReadError, OSError) as error:
            self._lose(f"{error!r} after {time.monotonic() - begun:.2f} s")
            self._is_open = False
            return
        if not head.startswith(b"http/1.1 200 ") or body != expected:
            self._lose(f"{head!r} {body!r}")
        self.pid = int(_value(head, b"pid") or 0)
        self._tally.longest = max(self._tally.longest, time.monotonic() - begun - takes)
        self._tally.answered[self._kind] += 1
        self._tally.answered_by[self.pid] += 1
        if _value(head, b"connection") == b"close":
            self._is_open = False

    def _lose(self, what: str) -> None:
        self._tally.lost.append(Loss(self.pid, f"{self._kind}: {what}"))

    def close(self) -> None:
        self._writer.close()


def request(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % path


def _value(head: bytes, name: bytes) -> bytes:
    """The value of a field in a head in lower case; empty if there is none."""
    return head.partition(b"\r\n%b: " % name)[2].partition(b"\r\n")[0]


async def connected(tally: Tally, kind: str) -> Connection | None:
    """A new connection; ``None`` if there is to be no more."""
    while not tally.is_over:
        made = socket.socket()
        made.setblocking(False)
        try:
            async with asyncio.timeout(_FAR):
                await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", tally.port))
        except OSError as error:
            made.close()
            tally.refused += 1
            if tally.is_stopping:
                return None
            tally.lost.append(Loss(0, f"{kind}: {error!r}"))
            await asyncio.sleep(_RETRY)
            continue
        try:
            # From here on the server has it.
            name = "localhost" if tally.context is not None else None
            streams = await asyncio.open_connection(sock=made, ssl=tally.context, server_hostname=name)
        except OSError as error:
            tally.lost.append(Loss(0, f"{kind}: handshake: {error!r}"))
            await asyncio.sleep(_RETRY)
            continue
        return Connection(tally, kind, *streams)
    return None


async def kept(tally: Tally) -> None:
    """One request after the other on a kept connection."""
    while connection := await connected(tally, "kept"):
        while connection.is_usable:
            await connection.get(b"/kept")
            await tally.pause(0.02)
        connection.close()


async def pipelined(tally: Tally) -> None:
    """Requests sent ahead."""
    while connection := await connected(tally, "pipelined"):
        while connection.is_usable:
            paths = [b"/pipelined/%d" % number for number in range(tally.chance.randint(2, 6))]
            begun = time.monotonic()
            await connection.send(b"".join(map(request, paths)))
            for path in paths:
                await connection.answer(path, begun)
            await tally.pause(0.02)
        connection.close()


async def fresh(tally: Tally) -> None:
    """A connection for each request."""
    begun = time.monotonic()
    while connection := await connected(tally, "fresh"):
        await connection.send(request(b"/fresh"))
        await connection.answer(b"/fresh", begun)
        connection.close()
        await tally.pause(0.01)
        begun = time.monotonic()


async def tardy(tally: Tally) -> None:
    """Connections that are accepted a while before their request comes."""
    while connection := await connected(tally, "tardy"):
        await tally.pause(0.2)
        await connection.get(b"/tardy")
        connection.close()


async def clinging(tally: Tally) -> None:
    """Connections whose client does not hang up when it is asked to."""
    while connection := await connected(tally, "clinging"):
        await connection.get(b"/clinging")
        await tally.pause(3.0)
        connection.close()


async def uploading(tally: Tally) -> None:
    """Bodies that arrive in pieces."""
    begun = time.monotonic()
    while connection := await connected(tally, "uploading"):
        size = tally.chance.randint(1, 100_000)
        await connection.send(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        for start in range(0, size, 20_000):
            await connection.send(b"x" * min(20_000, size - start))
            await tally.pause(0.01)
        await connection.answer(b"/up %d" % size, begun)
        connection.close()
        begun = time.monotonic()


async def slow(tally: Tally) -> None:
    """Answers that take a while."""
    while connection := await connected(tally, "slow"):
        while connection.is_usable:
            milliseconds = tally.chance.randint(1, 400)
            await connection.get(b"/sleep?%d" % milliseconds, milliseconds / 1000)
        connection.close()


Client = Callable[[Tally], Coroutine[Any, Any, None]]

KINDS: tuple[Client, ...] = (kept, pipelined, fresh, tardy, clinging, uploading, slow)

ONE_BY_ONE: tuple[Client, ...] = (kept, fresh, slow)
"""Those that have a single request under way, and nothing else."""
