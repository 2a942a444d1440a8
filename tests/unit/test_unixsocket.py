"""The socket of the state directory: who gets it, who may connect, and what becomes of its file."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sys
from pathlib import Path
from stat import S_IMODE
from tempfile import mkdtemp

from duck_tx.errors import ApplicationError
from duck_tx.process import unixsocket
from duck_tx.process.unixsocket import Taken, connect, peer_of, refuse_living, take
from tests.case import UnitTestCase
from tests.unit.nobody import as_nobody


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = self.directory / "control.sock"

    def take(self, path: Path | None = None) -> Taken:
        taken = take(path or self.path)
        self.addCleanup(taken.socket.close)
        return taken

    def reached(self, path: Path | None = None) -> bool:
        try:
            connect(path or self.path, 0).close()
        except OSError:
            return False
        return True

    def refused(self) -> str:
        with self.assertRaises(ApplicationError) as caught:
            take(self.path)
        with self.assertRaises(ApplicationError) as again:
            refuse_living(self.path)
        self.assertEqual(str(again.exception), str(caught.exception))
        return str(caught.exception)


class TakeTests(_Case):
    def test_it_listens_for_its_owner_only_and_leaves_nothing_else(self) -> None:
        self.take()
        self.assertEqual(S_IMODE(self.path.lstat().st_mode), 0o600)
        self.assertTrue(self.reached())
        self.assertEqual(os.listdir(self.directory), ["control.sock"])

    def test_it_has_its_mode_before_it_has_its_name_and_listens(self) -> None:
        seen: list[tuple[int, bool, bool]] = []
        rename = Path.rename

        def look(path: Path, target: Path) -> Path:
            seen.append((S_IMODE(path.lstat().st_mode), self.reached(path), self.path.exists()))
            return rename(path, target)

        self.patch(Path, "rename", look)
        self.take()
        self.assertEqual(seen, [(0o600, True, False)])

    def test_its_mode_does_not_come_from_the_umask(self) -> None:
        earlier = os.umask(0)
        self.addCleanup(os.umask, earlier)
        self.take()
        self.assertEqual(S_IMODE(self.path.lstat().st_mode), 0o600)

    def test_others_cannot_connect(self) -> None:
        self.directory.chmod(0o711)
        self.take()
        if os.geteuid() == 0:
            with as_nobody():
                self.assertFalse(self.reached())

    def test_what_a_dead_process_left_is_replaced(self) -> None:
        self.take().socket.close()
        self.assertTrue(self.path.exists())
        self.assertFalse(self.reached())
        refuse_living(self.path)
        self.take()
        self.assertTrue(self.reached())
        self.assertEqual(os.listdir(self.directory), ["control.sock"])

    def test_that_of_a_living_one_is_refused_by_name_and_goes_on(self) -> None:
        self.take()
        self.assertEqual(
            self.refused(),
            f"a server (pid {os.getpid()}) uses the state directory {self.directory}; stop it, or choose another with "
            "--state-dir.",
        )
        self.assertTrue(self.reached())
        self.assertEqual(os.listdir(self.directory), ["control.sock"])

    def test_one_that_takes_nobody_lives_too(self) -> None:
        self.patch(unixsocket, "_BACKLOG", 0)
        self.take()
        with connect(self.path, 0):
            self.assertTrue(self.refused().startswith(f"a server uses the state directory {self.directory}; "))

    def test_a_file_that_is_no_socket_is_left_alone(self) -> None:
        self.path.write_text("mine")
        self.assertTrue(self.refused().startswith(f"{self.path} is in the way: it is no socket. Remove it. "))
        self.assertEqual(self.path.read_text(), "mine")

    def test_where_there_is_no_directory_there_is_no_server(self) -> None:
        (self.directory / "file").touch()
        for place in ("nowhere", "file"):
            refuse_living(self.directory / place / "control.sock")

    def test_two_do_not_begin_at_the_same_time(self) -> None:
        opened = os.open(self.directory, os.O_RDONLY)
        self.addCleanup(os.close, opened)
        fcntl.flock(opened, fcntl.LOCK_EX)
        with self.assertRaisesRegex(ApplicationError, f"another server begins to use .* {self.directory}\\. Choose"):
            take(self.path)
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_directory_that_cannot_be_used_is_a_line(self) -> None:
        with self.assertRaisesRegex(ApplicationError, f"the control socket {self.path}/x cannot be made: No such file"):
            take(self.path / "x")

    def test_what_fails_half_way_leaves_nothing(self) -> None:
        def fail(path: Path, target: Path) -> Path:
            raise OSError(28, "No space left on device")

        self.patch(Path, "rename", fail)
        with self.assertRaisesRegex(ApplicationError, "cannot be made: No space left on device. Choose another"):
            take(self.path)
        self.assertEqual(os.listdir(self.directory), [])


class LongPathTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.long = self.directory / ("x" * 100) / ("ü" * 60) / "control.sock"
        self.long.parent.mkdir(parents=True)

    def test_a_long_path_does_as_well(self) -> None:
        taken = self.take(self.long)
        self.assertEqual(S_IMODE(self.long.lstat().st_mode), 0o600)
        self.assertTrue(self.reached(self.long))
        with self.assertRaisesRegex(ApplicationError, rf"a server \(pid {os.getpid()}\) uses "):
            take(self.long)
        taken.release()
        self.assertEqual(os.listdir(self.long.parent), [])
        self.assertFalse(self.reached(self.long))

    def test_a_path_of_every_length_near_the_limit(self) -> None:
        for length in range(95, 112):
            name = "x" * (length - len(os.fsencode(self.directory)) - len("//control.sock"))
            path = self.directory / name / "control.sock"
            path.parent.mkdir()
            self.assertEqual(len(os.fsencode(path)), length)
            self.take(path)
            self.assertTrue(self.reached(path), length)

    def test_where_the_system_has_no_way_to_it_that_is_said(self) -> None:
        self.patch(os.path, "isdir", lambda path: False)
        with self.assertRaisesRegex(ApplicationError, f"^{self.long}.* is too long for a socket on this system, which"):
            take(self.long)
        with self.assertRaisesRegex(ApplicationError, "is too long"):
            connect(self.long, 0)


class ReleaseTests(_Case):
    def test_the_file_goes_and_nobody_listens(self) -> None:
        self.take().release()
        self.assertEqual(os.listdir(self.directory), [])

    def test_the_file_of_another_server_stays(self) -> None:
        first = self.take()
        self.path.unlink()
        self.take()
        first.release()
        self.assertTrue(self.reached())

    def test_a_file_that_is_gone_is_not_missed(self) -> None:
        first = self.take()
        self.path.unlink()
        first.release()
        self.assertEqual(first.socket.fileno(), -1)


class PeerTests(_Case):
    def test_both_ends_are_known(self) -> None:
        taken = self.take()
        with connect(self.path, 0) as client, taken.socket.accept()[0] as server:
            for end in (client, server):
                peer = peer_of(end)
                assert peer is not None
                self.assertEqual((peer.pid, peer.uid), (os.getpid(), os.geteuid()))

    def test_where_the_system_does_not_tell_that_is_no_trouble(self) -> None:
        first, second = socket.socketpair()
        with first, second:
            self.patch(sys, "platform", "darwin")
            self.assertIsNone(peer_of(first))
