"""A control socket on the reactor of the tests, and those who use it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet import defer
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from duck_tx.cli.ask import call
from duck_tx.process.control import ControlService, Verb
from duck_tx.process.unixsocket import connect
from tests.case import AsyncTestCase

__all__ = ["ControlCase"]


class ControlCase(AsyncTestCase):
    """Serves in a directory of its own.  Clients without a reactor run on threads.

    :ivar path: the socket.
    """

    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = self.directory / "control.sock"

    @property
    def reactor(self) -> Any:
        """That of the tests."""
        from twisted.internet import reactor

        return reactor

    def pause(self, seconds: float) -> defer.Deferred[None]:
        """Let the reactor do other things meanwhile."""
        return deferLater(self.reactor, seconds)

    def serve(self, verbs: Mapping[str, Verb] | None = None) -> ControlService:
        """A service that has started, and stops with the test."""
        service = ControlService(
            self.reactor, self.directory, verbs or {"echo": lambda given: given}, name="duck-server"
        )
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def ask(self, verb: str, arguments: Mapping[str, object] | None = None) -> defer.Deferred[Any]:
        """What ``duckctl`` is answered."""

        def ask() -> Any:
            with call(self.directory) as line:
                return line.ask(verb, arguments)

        return deferToThread(ask)

    def say(self, *parts: bytes) -> defer.Deferred[bytes]:
        """All that is answered to a client that says this, until it is dropped."""

        def say() -> bytes:
            heard = b""
            with connect(self.path, 10) as connected, suppress(ConnectionError):
                for part in parts:
                    connected.sendall(part)
                while data := connected.recv(65536):
                    heard += data
            return heard

        return deferToThread(say)

    def exchange(self, text: bytes) -> defer.Deferred[bytes]:
        """What is answered at first to a client that says this."""

        def exchange() -> bytes:
            with connect(self.path, 10) as connected:
                connected.sendall(text)
                return connected.recv(65536)

        return deferToThread(exchange)

    def client(self) -> socket.socket:
        """A connection that is closed with the test."""
        connected = connect(self.path, 10)
        self.addCleanup(connected.close)
        return connected
