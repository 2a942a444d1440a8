"""Load of new connections: each is opened, shakes hands in full, asks once, and is gone."""

from __future__ import annotations

import select
import socket
import statistics
import time
from dataclasses import dataclass, field

from benchmarks.client import HOST
from benchmarks.handshake import HandshakeError, Share, Visit
from benchmarks.load import Load, LoadError

_TIMEOUT = 10.0
_READ = 65_536


@dataclass(slots=True)
class _Open:
    """A connection under way; ``began`` in seconds of ``time.perf_counter``."""

    connection: socket.socket
    visit: Visit
    began: float


@dataclass(slots=True)
class Newcomers:
    """So many connections at a time: where one has had its answer and was closed, the next is opened.

    It runs in this process, on the core that this process is pinned to.
    """

    port: int
    path: str
    at_a_time: int
    _share: Share = field(default_factory=lambda: Share("localhost"))
    _open: dict[int, _Open] = field(default_factory=dict)
    _took: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> Load:
        """Do so for ``seconds``: connections that were answered per second, and what each of them took.

        :raises LoadError: if a connection breaks, is not answered with a 200, or nothing happens for ten seconds.
        """
        self._took.clear()
        poller = select.epoll()
        began = time.perf_counter()
        try:
            for _ in range(self.at_a_time):
                self._connect(poller)
            while (now := time.perf_counter()) < began + seconds:
                ready = poller.poll(_TIMEOUT)
                if not ready:
                    raise LoadError(f"nothing came for {_TIMEOUT:g} s on {len(self._open)} connections")
                for number, _ in ready:
                    if self._attend(self._open[number]):
                        del self._open[number]
                        self._connect(poller)
        except (OSError, HandshakeError) as error:
            raise LoadError(f"a connection failed: {error}") from error
        finally:
            poller.close()
            for each in self._open.values():
                each.connection.close()
            self._open.clear()
        return self._load(now - began)

    def _load(self, seconds: float) -> Load:
        if len(self._took) < 2:
            raise LoadError("not two connections were answered")
        percentiles = statistics.quantiles(self._took, n=100)
        return Load(len(self._took) / seconds, percentiles[49] * 1000, percentiles[98] * 1000)

    def _connect(self, poller: select.epoll) -> None:
        request = f"GET {self.path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nConnection: close\r\n\r\n"
        connection = socket.socket()
        connection.settimeout(_TIMEOUT)
        opened = _Open(connection, Visit(self._share, request.encode()), time.perf_counter())
        self._open[connection.fileno()] = opened
        connection.connect((HOST, self.port))
        connection.sendall(opened.visit.greeting)
        connection.setblocking(False)
        poller.register(connection, select.EPOLLIN)

    def _attend(self, opened: _Open) -> bool:
        """Read what has come, and answer; whether the connection has come to its end."""
        try:
            data = opened.connection.recv(_READ)
        except BlockingIOError:
            return False
        visit = opened.visit
        if data and (answer := visit.receive(data)):
            try:
                # Less than the buffer of a socket that hardly anything was sent on.
                opened.connection.sendall(answer)
            except ConnectionError:
                # Some servers do not wait for the goodbye.
                if not visit.is_over:
                    raise
        if data and not visit.is_over:
            return False
        opened.connection.close()
        status, _, _ = visit.answer.partition(b"\r\n")
        if not status.startswith(b"HTTP/1.1 200"):
            raise LoadError(f"a connection was answered with {status[:120]!r}")
        self._took.append(time.perf_counter() - opened.began)
        return True
