"""The control service: where it listens, whom it lets in, and how it ends."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from stat import S_IMODE
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread

from duck_tx.cli.ask import NotRunning, WentAway
from duck_tx.errors import ApplicationError
from duck_tx.process import control
from duck_tx.process.control import ControlService
from duck_tx.process.unixsocket import connect
from tests.case import UnitTestCase
from tests.unit.control_case import ControlCase
from tests.unit.logged import logged_lines
from tests.unit.nobody import as_nobody


class StartTests(ControlCase):
    async def test_the_socket_is_in_the_state_directory_which_is_made(self) -> None:
        self.directory = self.directory / "state"
        self.serve()
        self.assertEqual(S_IMODE(self.directory.stat().st_mode), 0o700)
        self.assertEqual(S_IMODE((self.directory / "control.sock").lstat().st_mode), 0o600)
        self.assertEqual(await self.ask("echo", {"a": 1}), {"a": 1})

    async def test_a_second_server_is_refused_and_harms_nobody(self) -> None:
        first = self.serve()
        second = ControlService(None, self.directory, {}, name="second")
        expected = rf"^a server \(pid {os.getpid()}\) uses the state directory {self.directory}; stop it, or choose"
        self.assertRaisesRegex(ApplicationError, expected, second.check)
        self.assertRaisesRegex(ApplicationError, expected, second.startService)
        await second.stopService()
        first.check()
        self.assertEqual(await self.ask("echo"), {})

    async def test_it_starts_again_after_a_stop(self) -> None:
        service = self.serve()
        for _ in range(3):
            await service.stopService()
            self.assertEqual(os.listdir(self.directory), [])
            service.check()
            with self.assertRaises(NotRunning):
                await self.ask("echo")
            service.startService()
            self.assertEqual(await self.ask("echo"), {})

    async def test_it_can_be_made_again_where_its_directory_was_removed(self) -> None:
        service = self.serve()
        with logged_lines() as lines:
            service.renew()
            self.assertEqual(lines, [])
            shutil.rmtree(self.directory)
            service.renew()
        self.assertEqual(lines, [f"the control socket was gone, and has been made again: {self.path}"])
        self.assertEqual(S_IMODE(self.path.lstat().st_mode), 0o600)
        self.assertEqual(await self.ask("echo", {"a": 1}), {"a": 1})
        await service.stopService()
        self.assertEqual(os.listdir(self.directory), [])

    async def test_where_it_cannot_be_made_again_that_is_logged(self) -> None:
        self.directory = self.directory / "state"
        service = self.serve()
        shutil.rmtree(self.directory)
        self.directory.touch()
        with logged_lines() as lines:
            service.renew()
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith("the control socket is gone: "), lines)
        await service.stopService()
        service.renew()

    async def test_one_that_never_started_can_be_stopped(self) -> None:
        await ControlService(None, self.directory, {}, name="x").stopService()

    async def test_a_long_path_does_as_well(self) -> None:
        self.directory = self.directory / ("x" * 200)
        self.serve()
        self.assertEqual(await self.ask("echo"), {})


class AdmissionTests(ControlCase):
    async def test_other_users_are_refused_even_if_they_get_at_the_socket(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can be somebody else")
        self.serve()
        self.directory.chmod(0o711)
        self.path.chmod(0o666)
        with logged_lines() as lines:
            with as_nobody():
                stranger = connect(self.path, 10)
            self.addCleanup(stranger.close)
            self.assertEqual(await deferToThread(stranger.recv, 1), b"")
        self.assertEqual(lines, [f"control: uid 65534 (pid {os.getpid()}) is not for this server, refused"])

    async def test_there_is_room_for_so_many(self) -> None:
        self.patch(control, "_ROOM", 2)
        service = self.serve()
        clients = [self.client() for _ in range(2)]
        with logged_lines() as lines:
            self.assertEqual(await self.say(), b"")
        self.assertEqual(lines, ["control: 2 clients are connected, one more refused"])
        for client in clients:
            client.close()
        while service._conversations:
            await self.pause(0.001)
        self.assertEqual(await self.ask("echo"), {})


class StopTests(ControlCase):
    async def test_what_is_in_flight_is_answered(self) -> None:
        begun: Deferred[None] = Deferred()
        answer: Deferred[str] = Deferred()

        def wait(given: object) -> Deferred[str]:
            begun.callback(None)
            return answer

        service = self.serve({"wait": wait})
        asked = self.ask("wait")
        await begun
        stopped = service.stopService()
        self.assertEqual(os.listdir(self.directory), [])
        self.assertFalse(stopped.called)
        answer.callback("x" * 200_000)
        self.assertEqual(len(await asked), 200_000)
        await stopped

    async def test_a_verb_may_stop_the_service_that_asks_it(self) -> None:
        stopped: list[Deferred[None]] = []

        def stop(given: object) -> str:
            stopped.append(service.stopService())
            return "as you wish"

        service = self.serve({"stop": stop})
        self.assertEqual(await self.ask("stop"), "as you wish")
        await stopped[0]

    async def test_what_takes_too_long_is_not_waited_for(self) -> None:
        self.patch(control, "_LAST_WORDS", 0.05)
        begun: Deferred[None] = Deferred()
        answer: Deferred[None] = Deferred()

        def wait(given: object) -> Deferred[None]:
            begun.callback(None)
            return answer

        service = self.serve({"wait": wait})
        asked = self.ask("wait")
        await begun
        await service.stopService()
        with self.assertRaises(WentAway):
            await asked

    async def test_idle_clients_are_not_waited_for(self) -> None:
        service = self.serve()
        client = self.client()
        await self.ask("echo")
        await service.stopService()
        self.assertEqual(client.recv(1), b"")

    async def test_a_stop_that_is_cancelled_ends_at_once(self) -> None:
        begun: Deferred[None] = Deferred()

        def wait(given: object) -> Deferred[None]:
            begun.callback(None)
            return Deferred()

        service = self.serve({"wait": wait})
        asked = self.ask("wait")
        await begun
        stopping = service.stopService()
        stopping.addErrback(lambda failure: None)
        stopping.cancel()
        with self.assertRaises(WentAway):
            await asked


class _Full:
    """A socket that listens in a process that has no descriptor left."""

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def accept(self) -> tuple[socket.socket, str]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class DoorTests(UnitTestCase):
    def test_without_descriptors_the_reactor_is_left_in_peace_for_a_while(self) -> None:
        reactor = MemoryReactorClock()
        door = control._Door(reactor, _Full(), lambda connected: None)  # type: ignore[arg-type]
        with logged_lines() as lines:
            for _ in range(3):
                self.assertEqual(reactor.getReaders(), [door])
                door.doRead()
                self.assertEqual(reactor.getReaders(), [])
                reactor.advance(1)
        self.assertEqual(lines, ["control: nobody can connect: Too many open files"])
        door.doRead()
        door.close()
        self.assertEqual((reactor.getReaders(), reactor.getDelayedCalls()), ([], []))
