"""Clients that keep a server busy and count every answer, by the process that gave it.

    with Crowd(server.port) as crowd:
        crowd.wait_for(100)
        ...
    self.assertEqual(crowd.lost, [])

What they ask for has to be answered with the pid of the process.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Collection
from types import TracebackType

__all__ = ["Crowd"]

_REQUEST = b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n"


class Crowd:
    """Clients of three kinds: with kept connections, with a connection for each request, and with slow answers.

    :param each: how many of each kind.

    :ivar answered: how many answers came, by pid.
    :ivar lost: of requests that were not answered: the pid that had answered on the connection before, 0 if none had,
        and what happened.
    :ivar refused: connections that could not be made.
    """

    def __init__(self, port: int, each: int = 4) -> None:
        self.answered: Counter[int] = Counter()
        self.lost: list[tuple[int, str]] = []
        self.refused = 0
        self._port = port
        self._each = each
        self._chance = random.Random(port)
        self._is_over = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_over = True
        self._thread.join()

    @property
    def total(self) -> int:
        """How many answers came."""
        return self.answered.total()

    def wait_for(self, answers: int, timeout: float = 30.0) -> None:
        """Wait for so many more answers.

        :raises AssertionError: if they do not come in time.
        """
        wanted, until = self.total + answers, time.monotonic() + timeout
        while self.total < wanted:
            if time.monotonic() > until:
                raise AssertionError(f"{wanted - self.total} of {answers} answers are missing after {timeout:g} s")
            time.sleep(0.005)

    def wait_for_answers_of(self, pids: Collection[int], timeout: float = 30.0) -> None:
        """Wait until each of these processes has answered once more.

        :raises AssertionError: if they have not in time.
        """
        before, until = self.answered.copy(), time.monotonic() + timeout
        while late := [pid for pid in pids if self.answered[pid] == before[pid]]:
            if time.monotonic() > until:
                raise AssertionError(f"{late} have not answered after {timeout:g} s")
            time.sleep(0.005)

    async def _run(self) -> None:
        kinds = ((b"/kept", True, 0.01), (b"/fresh", False, 0.01), (b"/sleep?100", True, 0.0))
        await asyncio.gather(*(self._client(*kind) for kind in kinds for _ in range(self._each)))

    async def _client(self, path: bytes, is_kept: bool, pause: float) -> None:
        while not self._is_over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            pid = 0
            while pid >= 0 and not self._is_over:
                pid, stays = await self._ask(reader, writer, path, pid)
                await asyncio.sleep(self._chance.random() * pause)
                if not (stays and is_kept):
                    break
            writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: bytes, pid: int
    ) -> tuple[int, bool]:
        """Ask once: who has answered, and whether the connection may be used again."""
        try:
            writer.write(_REQUEST % path)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.lost.append((pid, f"{path!r}: {error!r}"))
            return pid, False
        if not head.startswith(b"HTTP/1.1 200 "):
            self.lost.append((pid, f"{path!r}: {head!r}"))
            return pid, False
        self.answered[int(body)] += 1
        return int(body), b"connection: close" not in head.lower()
