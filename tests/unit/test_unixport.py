"""Unix sockets at paths that the settings name: bound, listened on, left behind."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from stat import S_IMODE
from tempfile import mkdtemp
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from duck_tx.errors import PortError
from duck_tx.http.unixport import UnixPort
from duck_tx.process.unixport import bind_unix
from tests.case import UnitTestCase


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = self.directory / "x.sock"

    def bound(self) -> socket.socket:
        bound = bind_unix(self.path, "gateway.addr")
        self.addCleanup(bound.close)
        return bound

    def reaches(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.path))
            except ConnectionRefusedError:
                return False
        return True


class BindTests(_Case):
    def refused(self) -> str:
        with self.assertRaises(PortError) as caught:
            bind_unix(self.path, "gateway.addr")
        return str(caught.exception)

    def test_it_is_for_this_user_alone(self) -> None:
        self.bound()
        self.assertEqual(S_IMODE(self.path.stat().st_mode), 0o600)

    def test_what_a_dead_process_left_is_replaced(self) -> None:
        self.bound().close()
        self.bound().listen()
        self.assertTrue(self.reaches())

    def test_who_listens_there_is_named(self) -> None:
        self.bound().listen()
        said = self.refused()
        self.assertTrue(said.startswith(f"{self.path} is in use"), said)
        self.assertTrue(said.endswith(" Stop it, or choose another with gateway.addr."), said)
        self.assertTrue(self.reaches())

    def test_what_is_no_socket_stays(self) -> None:
        self.path.write_text("mine")
        self.assertIn("is in the way: it is no socket. Remove it, or choose another with gateway.addr.", self.refused())
        self.assertEqual(self.path.read_text(), "mine")

    def test_a_path_that_cannot_be(self) -> None:
        self.path = self.directory / "no" / "x.sock"
        self.assertIn(f"{self.path} cannot be bound: No such file or directory. Choose", self.refused())
        self.path = self.directory / ("x" * 120)
        self.assertIn("cannot be bound: ", self.refused())


class UnixPortTests(_Case):
    def test_the_end_of_one_listener_is_not_the_end_of_all(self) -> None:
        bound = self.bound()
        bound.listen()
        other = bound.dup()
        self.addCleanup(other.close)
        reactor: Any = MemoryReactorClock()
        port = UnixPort.adopt(reactor, bound.fileno(), Factory())
        self.assertEqual(S_IMODE(os.stat(self.path).st_mode), 0o600)
        bound.close()
        port.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.path.exists())
        self.assertTrue(self.reaches())
