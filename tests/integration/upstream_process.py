"""Small HTTP servers in processes of their own, which a proxy has answer: killed, started again, asked how they are.

server = UpstreamProcess(self, "a")         # at server.url
server.kill(); server.start()               # again, at the same place

with Visitors(duck.port, "/api/x") as visitors:
    visitors.wait_for_answers_of("a")
self.assertEqual(visitors.lost, [])
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
from collections import Counter
from types import TracebackType
from unittest import TestCase

from tests.integration.server import wait_until

__all__ = ["UpstreamProcess", "Visitors"]

_PROGRAM = r"""
import asyncio, socket, sys
name, kind, place = sys.argv[1:]
well, hosts = True, []

async def serve(reader, writer):
    global well
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = head[:-4].split("\r\n")
            method, path, _ = line.split(" ")
            fields = {key.lower(): value for key, value in (field.split(": ", 1) for field in fields)}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            status, text = 200, f"{name} {method} {path} {len(body)}"
            if path == "/health":
                hosts.append(fields["host"])
                status = 200 if well else 503
            elif path in ("/sick", "/well"):
                well = path == "/well"
            elif path == "/hosts":
                text = " ".join(hosts)
            data = text.encode()
            writer.write(
                f"HTTP/1.1 {status} So\r\nX-Upstream: {name}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    if kind == "unix":
        server = await asyncio.start_unix_server(serve, place)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", int(place))
    where = server.sockets[0].getsockname()
    print(where if kind == "unix" else where[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class UpstreamProcess:
    """One server: answers every request with ``NAME METHOD PATH LENGTH``, at ``/health`` with 503 while it is sick.

    :ivar url: where it is.

    :param test: ends it.
    :param name: that it says in ``X-Upstream`` too.
    :param path: of a Unix socket; by default it has a port.
    :param starts: start it now.
    """

    def __init__(self, test: TestCase, name: str, path: str = "", port: int = 0, *, starts: bool = True) -> None:
        self.name = name
        self._path = path
        self.port = port
        self._process: subprocess.Popen[str] | None = None
        test.addCleanup(self.kill)
        if starts:
            self.start()

    @property
    def url(self) -> str:
        return f"unix:{self._path}" if self._path else f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; returns when it listens, where it did before."""
        place = ("unix", self._path) if self._path else ("tcp", str(self.port))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, self.name, *place],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if not said:
            raise AssertionError(f"the upstream {self.name} does not start")
        if not self._path:
            self.port = int(said)

    def kill(self) -> None:
        """Kill it, with whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def say(self, path: str) -> str:
        """What it answers, asked without the proxy."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("GET", path)
            return client.getresponse().read().decode()
        finally:
            client.close()


class Visitors:
    """Clients that ask the proxy again and again, each on a kept connection, until the block is left.

    :ivar answered: answers by the server that gave them.
    :ivar lost: what was no answer with the status 200.
    """

    def __init__(self, port: int, path: str, count: int = 4) -> None:
        self._port = port
        self._path = path
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self._is_over = False
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(count)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join(30)

    def _visit(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            while not self._is_over:
                try:
                    client.request("GET", self._path)
                    response = client.getresponse()
                    body = response.read()
                except (OSError, http.client.HTTPException) as error:
                    self.lost.append(repr(error))
                    client.close()
                    continue
                if response.status == 200:
                    self.answered[response.headers.get("X-Upstream", "")] += 1
                else:
                    self.lost.append(f"{response.status} {body!r}")
        finally:
            client.close()

    def wait_for(self, answers: int) -> None:
        """Wait for so many more answers."""
        wanted = self.answered.total() + answers
        wait_until(lambda: self.answered.total() >= wanted, 30, f"{answers} more answers: {self.lost[:5]}")

    def wait_for_answers_of(self, *names: str) -> None:
        """Wait until each of these servers has answered once more."""
        before = self.answered.copy()
        wait_until(
            lambda: all(self.answered[name] > before[name] for name in names),
            30,
            f"answers of {names}: {self.answered}, {self.lost[:5]}",
        )
