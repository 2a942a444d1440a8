"""WebSocket clients: many connections in this process, with one frame for all, so that they cost next to nothing."""

from __future__ import annotations

import os
import select
import socket
import statistics
import time
from types import TracebackType

from benchmarks.client import HOST
from benchmarks.frames import PING, PONG, TEXT, FrameError, accepted, frame, frames, hello
from benchmarks.load import Load, LoadError

_TIMEOUT = 10.0
_READ = 65_536

#: 64 bytes, as text.
SAYING = b"Ducks dive where the water is deep, and come up where it is not."


class Sockets:
    """``count`` WebSockets on a path of a server, open until it is left.

    :raises LoadError: if one of them cannot be had within ten seconds.
    """

    def __init__(self, port: int, path: str, count: int) -> None:
        self._port = port
        self._path = path
        self._count = count
        self._open: dict[int, socket.socket] = {}
        self._rest: dict[int, bytes] = {}
        self._poller = select.epoll()
        self._said, self._heard = frame(SAYING), frame(SAYING, is_masked=False)

    def __enter__(self) -> Sockets:
        try:
            for _ in range(self._count):
                self._connect()
        except (OSError, FrameError) as error:
            self.close()
            raise LoadError(f"WebSocket {len(self._open) + 1} of {self._count}: {error}") from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        self._poller.close()
        for each in self._open.values():
            each.close()
        self._open.clear()

    def echo_once(self) -> None:
        """Say something on each, one after the other, and hear it.

        :raises LoadError: if it is not heard.
        """
        for number in self._open:
            os.write(number, self._said)
            self._hear({number})

    def echo(self, seconds: float) -> Load:
        """Say something on all at once, and on each again when it has been heard: round trips per second.

        :raises LoadError: if one ends, is told something else, or nothing comes for ten seconds.
        """
        clock, took = time.perf_counter, []
        began = clock()
        said = dict.fromkeys(self._open, began)
        try:
            for number in self._open:
                os.write(number, self._said)
            while (now := clock()) < began + seconds:
                for number in self._ready():
                    if self._listen(number):
                        now = clock()
                        took.append(now - said[number])
                        said[number] = now
                        os.write(number, self._said)
            self._hear(set(self._open))
        except OSError as error:
            raise LoadError(f"a WebSocket failed: {error}") from error
        if len(took) < 2:
            raise LoadError("not two messages came back")
        percentiles = statistics.quantiles(took, n=100)
        return Load(len(took) / (now - began), percentiles[49] * 1000, percentiles[98] * 1000)

    def broadcast(self) -> float:
        """Say something on one, and wait until all have heard it: milliseconds until the last has.

        :raises LoadError: if that takes longer than ten seconds.
        """
        began = time.perf_counter()
        os.write(next(iter(self._open)), self._said)
        self._hear(set(self._open))
        return (time.perf_counter() - began) * 1000

    def _connect(self) -> None:
        connection = socket.create_connection((HOST, self._port), _TIMEOUT)
        try:
            rest = self._greet(connection)
        except BaseException:
            connection.close()
            raise
        number = connection.fileno()
        self._open[number], self._rest[number] = connection, rest
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._poller.register(number, select.EPOLLIN)

    def _greet(self, connection: socket.socket) -> bytes:
        """Switch to WebSocket; what came after the answer."""
        connection.sendall(hello(self._port, self._path))
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = connection.recv(_READ)
            if not data:
                raise FrameError(f"it was closed after {answer[:120]!r}")
            answer += data
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not accepted(head):
            raise FrameError(f"another key was answered: {head[:300]!r}")
        return rest

    def _ready(self) -> list[int]:
        found = self._poller.poll(_TIMEOUT)
        if not found:
            raise LoadError(f"nothing came for {_TIMEOUT:g} s on {len(self._open)} WebSockets")
        return [number for number, _ in found]

    def _hear(self, missing: set[int]) -> None:
        """Wait until each of these has heard one message."""
        while missing:
            for number in self._ready():
                if self._listen(number):
                    missing.discard(number)

    def _listen(self, number: int) -> bool:
        """Read what has come; whether it was the message."""
        data = os.read(number, _READ)
        if data == self._heard and not self._rest[number]:
            return True
        if not data:
            raise LoadError("a WebSocket was closed")
        return self._sort(number, self._rest[number] + data)

    def _sort(self, number: int, data: bytes) -> bool:
        """The same for pieces of a message, and for pings, which are answered."""
        end, heard = 0, False
        try:
            for opcode, payload, end in frames(data):  # noqa: B007
                if opcode == PING:
                    os.write(number, frame(payload, opcode=PONG))
                elif (opcode, payload) == (TEXT, SAYING):
                    heard = True
                elif opcode != PONG:
                    raise LoadError(f"a WebSocket was told {payload!r} (opcode {opcode:#x})")
        except FrameError as error:
            raise LoadError(str(error)) from error
        self._rest[number] = data[end:]
        return heard
