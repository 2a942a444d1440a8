"""Ten thousand requests of every kind on one server, those included that end badly: nothing may pile up."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path

from tests.case import UnitTestCase
from tests.integration.server import Server, serve, wait_until

_BATCH = 1_000
_BATCHES = 10
_WARM_UP = 2
_CLIENTS = 4
_SEED = 4711
_GROWTH = 3 * 1024 * 1024
"""Bytes of resident memory that some 5,000 requests may add."""

_FRUGAL = {
    # A database connection of each thread would count, and come with the first request that needs that thread.
    "EXAMPLE_CONN_MAX_AGE": "0",
    # The C library gives back what is not in use, instead of keeping some for each thread.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}

_BOUNDARY = b"----------------------------duck"
_FORM = (
    b'--%b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
    % _BOUNDARY
    + bytes(range(256)) * 100
    + b"\r\n--%b--\r\n" % _BOUNDARY
)


def _request(method: bytes, path: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method, path), b"Host: test", *fields, b"", body))


def _post(path: bytes, kind: bytes, body: bytes) -> bytes:
    return _request(b"POST", path, b"Content-Type: " + kind, b"Content-Length: %d" % len(body), body=body)


_CHUNKED = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

#: What is sent, and the status that must come.
_WHOLE: dict[str, tuple[bytes, int]] = {
    "hello": (_request(b"GET", b"/hello"), 200),
    "page": (_request(b"GET", b"/page"), 200),
    "head": (_request(b"HEAD", b"/page"), 200),
    "upload": (_post(b"/upload", b"multipart/form-data; boundary=" + _BOUNDARY, _FORM), 200),
    "static": (_request(b"GET", b"/static/pages/site.css"), 200),
    "missing": (_request(b"GET", b"/no/such/page"), 404),
    "missing file": (_request(b"GET", b"/static/no.css"), 404),
    "stream": (_request(b"GET", b"/stream?chunks=20&size=2000"), 200),
    "file": (_request(b"GET", b"/file"), 200),
    "error": (_request(b"GET", b"/error"), 500),
    "chunked": (_request(b"POST", b"/echo", b"Transfer-Encoding: chunked", body=_CHUNKED), 200),
    "session": (_request(b"GET", b"/form"), 200),
}
_BAD = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
#: What is sent before the client is gone.
_ABORTED = (
    b"",
    b"GET /hel",
    _request(b"GET", b"/bytes/2000000"),
    _request(b"GET", b"/stream?chunks=50&size=20000"),
    _request(b"POST", b"/upload", b"Content-Length: 100000", body=b"x" * 5000),
    _request(b"GET", b"/sleep?s=0.02"),
)


class _Client:
    """Sends what it is told to, on a kept connection where that is possible."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._kept: socket.socket | None = None

    def do(self, kind: str, chance: random.Random) -> str:
        """One request; what came of it."""
        if kind == "aborted":
            return self._abort(chance)
        if kind == "bad":
            return self._bad(chance)
        data, expected = _WHOLE[kind]
        connection = self._kept = self._kept or self._connect()
        connection.sendall(data)
        response = HTTPResponse(connection, method="HEAD" if kind == "head" else "GET")
        response.begin()
        response.read()
        if response.will_close:
            self.close()
        return kind if response.status == expected else f"{kind}: {response.status}"

    def _abort(self, chance: random.Random) -> str:
        with self._connect() as connection:
            connection.sendall(chance.choice(_ABORTED))
            if chance.random() < 0.5:
                # A reset instead of an end.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "aborted"

    def _bad(self, chance: random.Random) -> str:
        with self._connect() as connection:
            connection.sendall(chance.choice(_BAD))
            answer = connection.makefile("rb").read()
        return "bad" if answer.startswith(b"HTTP/1.1 400 ") else f"bad: {answer[:80]!r}"

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _memory(pid: int) -> int:
    """Resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _descriptors(pid: int) -> list[str]:
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(path))
        except FileNotFoundError:
            continue
    return found


class LeakTests(UnitTestCase):
    def test_descriptors_and_memory_stay_flat(self) -> None:
        server = serve(self, "--no-access-log", "--threads", "4", environ=_FRUGAL)
        seen = self._load(server, _BATCH, 0)
        descriptors = self._at_rest(server)
        memory = []
        for batch in range(1, _BATCHES):
            seen += self._load(server, _BATCH, batch)
            memory.append(_memory(server.pid))
        self.assertEqual(self._at_rest(server), descriptors, _descriptors(server.pid))
        # What is in use goes up and down with what happens at the same time: a leak lifts the lowest point.
        memory = memory[_WARM_UP:]
        self.assertLess(min(memory[-3:]) - min(memory[:3]), _GROWTH, memory)
        self.assertEqual(set(seen), {*_WHOLE, "aborted", "bad"})
        self.assertEqual(seen.total(), _BATCH * _BATCHES)
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def _load(self, server: Server, count: int, seed: int) -> Counter[str]:
        def client(number: int) -> Counter[str]:
            chance = random.Random(_SEED + 100 * seed + number)
            kinds = [*_WHOLE, "aborted", "bad"]
            client = _Client(server.connect)
            try:
                return Counter(client.do(chance.choice(kinds), chance) for _ in range(count // _CLIENTS))
            finally:
                client.close()

        with ThreadPoolExecutor(_CLIENTS) as pool:
            return sum(pool.map(client, range(_CLIENTS)), Counter())

    def _at_rest(self, server: Server) -> int:
        """How many descriptors are open when no connection is."""
        wait_until(lambda: not self._connections(server), 20, "all connections are closed")
        return len(_descriptors(server.pid))

    def _connections(self, server: Server) -> int:
        port = f":{server.port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        # Established or waiting for the server's close, seen from the server's side.
        return sum(line.split()[1].endswith(port) and line.split()[3] in ("01", "08") for line in lines)
