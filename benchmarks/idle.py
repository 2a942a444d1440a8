"""Connections that have had one answer each and then say nothing."""

from __future__ import annotations

import http.client
import select
import socket
from types import TracebackType

from benchmarks.client import HOST, Origin

_TIMEOUT = 5.0


class IdleConnections:
    """Opens up to ``count`` kept-alive connections and holds them until it is left.

    It gives up at the first one that cannot be had within five seconds: ``len()`` says how many there are.
    """

    def __init__(self, origin: Origin, path: str, count: int) -> None:
        self._origin = origin
        self._path = path
        self._count = count
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> IdleConnections:
        try:
            for _ in range(self._count):
                if not self._open():
                    break
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """How many are still open at both ends."""
        return sum(_open_at_the_other_end(each) for each in self._sockets)

    def close(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    def _open(self) -> bool:
        port, trust = self._origin.port, self._origin.trust
        connection = socket.socket()
        connection.settimeout(_TIMEOUT)
        try:
            connection.connect((HOST, port))
            if trust is not None:
                connection = trust.wrap_socket(connection, server_hostname=HOST)
            connection.sendall(f"GET {self._path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
            response = http.client.HTTPResponse(connection, method="GET")
            response.begin()
            response.read()
            kept = response.status == 200 and not response.will_close
            response.close()
        except (OSError, http.client.HTTPException):
            kept = False
        if kept:
            connection.setblocking(False)
            self._sockets.append(connection)
        else:
            connection.close()
        return kept


def _open_at_the_other_end(connection: socket.socket) -> bool:
    # The kernel says so even if something lies before the end that nobody has read, such as a TLS ticket.
    poller = select.poll()
    poller.register(connection, select.POLLRDHUP)
    return not poller.poll(0)
