"""A real server in a process of its own, for the tests: started, watched, stopped, and looked at for what it left.

    server = serve(self, "--threads", "4")          # twistd -n duck, the example project, a free port
    answer = server.get("/hello")                   # answer.status, answer.headers, answer.body
    status, log = server.stop(), server.log
    self.assertEqual(server.left_behind(), [])

Waiting is always for a fact and ends with a deadline; the message then holds all that the server has said.
"""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import TestCase
from uuid import uuid4

import tests
from tests.integration.example import EXAMPLE, SETTINGS, example_data

__all__ = ["CHECKOUT", "LAUNCHERS", "Answer", "Server", "serve", "shared_server", "wait_until"]

CHECKOUT = Path(tests.__file__).resolve().parent.parent

START_TIMEOUT = 30.0
"""Seconds that a start may take on a machine that does other things as well."""

STOP_TIMEOUT = 20.0

_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
_TWIST = "import sys; from twisted.application.twist._twist import Twist; sys.argv[0] = 'twist'; Twist.main()"

LAUNCHERS: Mapping[str, tuple[str, ...]] = {
    "twistd": ("-c", _TWISTD, "-n", "duck"),
    "twist": ("-c", _TWIST, "duck"),
    "module": ("-m", "duck_tx"),
}
"""The commands that start the same tree; options follow."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has its background jobs ignore it, and what is ignored stays so in the servers that are started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_READY = re.compile(r"ready: .* at (https?)://(\[[^\]]+\]|[^:/\s]+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A process that serves.  It works in a temporary directory, where everything that it writes belongs.

    :param options: of the command; ``--port 0`` and a state directory are added where they are missing.
    :param launch: a name of :data:`LAUNCHERS`, or what to hand to Python instead, options included.
    :param project: the Django project, as ``--project``; ``None`` for whatever the server finds.
    :param environ: variables for it, ``None`` to remove one.
    :param files: written into the working directory first, by relative path.

    :ivar directory: the working directory.
    :ivar state: the state directory.
    :ivar data: ``EXAMPLE_DATA`` of an example project: migrated, with an administrator ``admin`` / ``admin``.
    """

    def __init__(
        self,
        *options: str,
        launch: str | Sequence[str] = "twistd",
        project: Path | None = EXAMPLE,
        environ: Mapping[str, str | None] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        # The real path, as a server would name it.
        self._root = Path(mkdtemp(prefix="duck-test-")).resolve()
        self.directory, self.state = self._root / "work", self._root / "state"
        self.data, self._temporary = self._root / "data", self._root / "tmp"
        for path in (self.directory, self._temporary):
            path.mkdir()
        for name, text in (files or {}).items():
            file = self.directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if project in SETTINGS:
            shutil.copytree(example_data(project), self.data)
        self._mark = uuid4().hex
        self._environ = self._variables(environ or {})
        self._arguments = self._command(list(options), launch, project)
        self._process: subprocess.Popen[bytes] | None = None
        self._said: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self.scheme, self.host, self.port = "http", "localhost", 0

    def _variables(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DUCK_", "EXAMPLE_")) and name not in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH")
        }
        kept |= {
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self._temporary),
            "EXAMPLE_DATA": str(self.data),
            "DUCK_SERVER__STATE_DIR": str(self.state),
            "DUCK_SERVER__PORT": "0",
            # Where a test turns debug on, it is not for this; an option still wins.
            "DUCK_RELOAD__ENABLED": "0",
            "DUCK_TEST_MARK": self._mark,
        }
        for name, value in changes.items():
            kept.pop(name, None)
            if value is not None:
                kept[name] = value
        return kept

    def _command(self, options: list[str], launch: str | Sequence[str], project: Path | None) -> list[str]:
        if not isinstance(launch, str):
            return [sys.executable, *launch, *options]
        if project is not None:
            options = ["--project", str(project), *options]
        return [sys.executable, *LAUNCHERS[launch], *options]

    # Its life.

    def begin(self) -> Server:
        """Start the process, without waiting for anything."""
        self._process = subprocess.Popen(
            self._arguments,
            cwd=self.directory,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A Ctrl-C at the terminal is for the test run, which then stops its servers one by one.
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        return self

    def start(self, timeout: float = START_TIMEOUT) -> Server:
        """Start the process, and wait until it says that it is ready.

        :raises AssertionError: with all that it said, if it ends or is not ready in time.
        """
        if self._process is None:
            self.begin()
        found = self.wait_for(_READY, timeout)
        self.scheme, self.host = found[1], found[2].strip("[]")
        self.port = int(found[3] or {"http": 80, "https": 443}[self.scheme])
        return self

    def _listen(self, stream: Any) -> None:
        for line in iter(stream.readline, b""):
            with self._news:
                self._said.append(line.decode(errors="backslashreplace"))
                self._news.notify_all()
        stream.close()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def log(self) -> str:
        """All that it has written on standard output and error."""
        with self._news:
            return "".join(self._said)

    def lines(self, containing: str = "") -> list[str]:
        """The lines of the log with ``containing`` in them."""
        return [line for line in self.log.splitlines() if containing in line]

    def wait_for(self, pattern: str | re.Pattern[str], timeout: float = START_TIMEOUT) -> re.Match[str]:
        """Wait until the log matches ``pattern`` (a string is taken as it is, a pattern as a pattern).

        :raises AssertionError: if that takes longer than ``timeout`` seconds, or the process ends first.
        """
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern
        until = time.monotonic() + timeout
        with self._news:
            while True:
                found = wanted.search("".join(self._said))
                if found:
                    return found
                left = until - time.monotonic()
                if self._ended or left <= 0:
                    how = "ended" if self._ended else f"went on for {timeout:g} s"
                    raise AssertionError(f"the server {how} without {wanted.pattern!r}:\n{''.join(self._said)}")
                self._news.wait(left)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def exit(self, timeout: float = STOP_TIMEOUT) -> int:
        """Wait for the process to end: its exit status, negative for a signal.

        :raises AssertionError: with the log, if it does not end in time.
        """
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server has not ended after {timeout:g} s:\n{self.log}") from None
        with self._news:
            # A child that lives on would hold the stream open; it is found by left_behind().
            self._news.wait_for(lambda: self._ended, 5.0)
        return status

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = STOP_TIMEOUT) -> int:
        """Send a signal, and wait for the process to end: its exit status, negative for a signal."""
        self.send_signal(number)
        return self.exit(timeout)

    def close(self) -> None:
        """Kill what is still there, and remove the temporary directory."""
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()
            self._process.wait()
            for pid in self._marked():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self._root, ignore_errors=True)

    # What it does.

    @property
    def uri(self) -> str:
        """``http://host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def connect(self, timeout: float = 10.0) -> socket.socket:
        """A connection to the port."""
        return socket.create_connection((self.host, self.port), timeout)

    def client(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        """A client with one kept connection."""
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
    ) -> Answer:
        """One request on a connection of its own."""
        client = self.client(timeout)
        try:
            client.request(method, path, body, dict(headers or {}))
            response = client.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            client.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, timeout: float = 10.0) -> Answer:
        """``GET`` on a connection of its own."""
        return self.request("GET", path, None, headers, timeout)

    # What it leaves.

    @property
    def accepts(self) -> bool:
        """Whether the port takes connections."""
        try:
            self.connect(2.0).close()
        except OSError:
            return False
        return True

    def left_behind(self) -> list[str]:
        """What a server that has ended must not leave: processes, an open port, metadata, sockets, a pid file,
        temporary files."""
        left = [f"process {pid}" for pid in self._marked()]
        if self.port and self.accepts:
            left.append(f"port {self.port}")
        left += [str(path) for path in self._temporary.rglob("*")]
        for folder in (self.directory, self.state):
            left += [
                str(path)
                for path in folder.rglob("*")
                if path.is_socket() or path.name == "meta.json" or path.suffix in (".pid", ".part", ".lock")
            ]
        return left

    @property
    def processes(self) -> list[int]:
        """Those of the session that the server began, as far as they live."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            # Processes come and go.
            with suppress(OSError):
                state, *_, session = path.read_text().rpartition(")")[2].split()[:4]
                if self._process is not None and int(session) == self._process.pid and state != "Z":
                    found.append(int(path.parent.name))
        return found

    def _marked(self) -> list[int]:
        """Processes that the server started, itself included, as far as they live."""
        mark = f"DUCK_TEST_MARK={self._mark}".encode()
        # One that has given itself a title has lost the mark, and a daemon has left the session.
        found = self.processes
        for path in Path("/proc").glob("[0-9]*/environ"):
            # Processes come and go, and some are others'.
            with suppress(OSError):
                if mark in path.read_bytes():
                    found.append(int(path.parent.name))
        return sorted(set(found))


def serve(
    test: TestCase,
    *options: str,
    launch: str | Sequence[str] = "twistd",
    project: Path | None = EXAMPLE,
    environ: Mapping[str, str | None] | None = None,
    files: Mapping[str, str] | None = None,
) -> Server:
    """A server that is ready, and goes with ``test``; the arguments are those of :class:`Server`."""
    server = Server(*options, launch=launch, project=project, environ=environ, files=files)
    test.addCleanup(server.close)
    return server.start()


@cache
def shared_server(*options: str, environ: frozenset[tuple[str, str]] = frozenset()) -> Server:
    """A server of the example project for tests that leave it as it is, started by the first of them; it is killed when
    the test run ends."""
    server = Server(*options, environ=dict(environ))
    atexit.register(server.close)
    return server.start()


def wait_until(fact: Callable[[], object], timeout: float = 10.0, what: str = "") -> None:
    """Look again and again until ``fact()`` is true.

    :raises AssertionError: if it is not after ``timeout`` seconds.
    """
    until = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > until:
            raise AssertionError(f"not after {timeout:g} s: {what or fact}")
        time.sleep(0.005)
