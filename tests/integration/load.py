"""Clients that keep a server busy on raw sockets, and count every single answer.

    with Load(server.port) as load:              # over a restart: nothing may be lost, no connection refused
        load.wait_for(100)
        ...
    self.assertEqual(load.lost, [])

    with Load(server.port) as load:              # over a stop: a connection may be refused once that has begun
        load.wait_for(100)
        load.stop_begins()
        server.send_signal(signal.SIGTERM)

A kept connection may be closed after an answer that said so.  Whatever else ends without a whole answer is lost.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType

from tests.integration.clients import KINDS, Client, Tally

__all__ = ["Load"]

_AFTER_A_STOP = 20.0
"""Seconds until all clients have been refused."""

_TO_THE_END = 60.0
"""Seconds that clients have to end: more than the patience of each."""


class Load(Tally):
    """So many clients of each kind, on a thread, until the block is left; over a stop, until they are refused.

    :param port: of the server, at 127.0.0.1.
    :param kinds: what they do.
    :param each: how many of each kind.
    :param chance: draws what is left to chance.
    :param context: for connections over TLS.
    """

    def __init__(
        self,
        port: int,
        kinds: Collection[Client] = KINDS,
        each: int = 1,
        chance: random.Random | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(port, chance or random.Random(port), context)
        self._clients = [kind for kind in kinds for _ in range(each)]
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._ask())
        except BaseException as error:
            self._error = error

    async def _ask(self) -> None:
        await asyncio.gather(*(client(self) for client in self._clients))

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.is_stopping and error is None:
            self._thread.join(_AFTER_A_STOP)
        is_late = self.is_stopping and self._thread.is_alive()
        self.is_over = True
        self._thread.join(_TO_THE_END)
        if error is not None:
            return
        if self._error is not None:
            raise self._error
        if is_late:
            raise AssertionError(f"clients still had connections {_AFTER_A_STOP:g} s after the stop had begun")
        if self._thread.is_alive():
            raise AssertionError(f"clients have not ended after {_TO_THE_END:g} s")

    def stop_begins(self) -> None:
        """From now on connections may be refused, and clients end by that."""
        self.is_stopping = True

    @property
    def total(self) -> int:
        """How many answers came."""
        return self.answered.total()

    def wait_for(self, answers: int, timeout: float = 30.0) -> None:
        """Wait for so many more answers.

        :raises AssertionError: if they do not come in time.
        """
        wanted = self.total + answers
        self._wait(lambda: self.total >= wanted, timeout, lambda: f"{wanted - self.total} of {answers} answers")

    def wait_for_answers_of(self, pids: Collection[int], timeout: float = 30.0) -> None:
        """Wait until each of these processes has answered once more.

        :raises AssertionError: if they have not in time.
        """
        before = self.answered_by.copy()

        def late() -> list[int]:
            return [pid for pid in pids if self.answered_by[pid] == before[pid]]

        self._wait(lambda: not late(), timeout, lambda: f"answers of {late()}")

    def _wait(self, fact: Callable[[], bool], timeout: float, what: Callable[[], str]) -> None:
        until = time.monotonic() + timeout
        while not fact():
            if self._error is not None:
                raise self._error
            if time.monotonic() > until:
                raise AssertionError(f"{what()} are missing after {timeout:g} s: {self.lost[:20]}")
            time.sleep(0.005)
