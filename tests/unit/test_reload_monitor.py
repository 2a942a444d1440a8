"""The monitor, with real processes that end as they are told."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.utils import getProcessOutput

from duck_tx.errors import ApplicationError
from duck_tx.reload.child import Start
from duck_tx.reload.monitor import MonitorService
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import lives, python, until


class _Files:
    """What watches the files, by hand."""

    def __init__(self, reactor: Any, changed: Callable[[str], object], *, polls: bool) -> None:
        self.changed = changed
        self.paths: set[str] = set()
        self.running = False

    def start(self) -> None:
        self.running = True

    def add(self, paths: Iterable[str]) -> set[str]:
        new = set(paths) - self.paths
        self.paths |= new
        return new

    def stop(self) -> Deferred[None]:
        self.running = False
        return succeed(None)


_SERVE = """
import json, socket
signal.signal(signal.SIGINT, signal.SIG_DFL)
link = socket.socket(fileno=int(os.environ["DUCK_RELOAD_LINK"]))
say = lambda **message: link.sendall(json.dumps(message).encode() + b"\\n")
if not link.recv(100): sys.exit(0)
with open(sys.argv[1], "a") as file:
    file.write("started\\n")
say(watch=["/watched.py"], ready=True)
"""
_FOR_EVER = "while True: time.sleep(60)"


class MonitorTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.record = Path(self.mktemp()).absolute()
        self.record.touch()
        self.over: list[tuple[int | None, int | None]] = []
        self.told: list[str] = []
        self.sockets: list[int] = []
        self.problem: ApplicationError | None = None
        self.project = ""
        self.code = _FOR_EVER

    def prepare(self) -> Start:
        if self.problem is not None:
            raise self.problem
        command = [*python(_SERVE + self.code), str(self.record)]
        return Start(command, os.getcwd(), os.environ, self.sockets, ["/settings.toml"], self.project)

    async def start(self, *, watched: str = "/watched.py") -> MonitorService:
        self.files: Any = None

        def watch(*args: Any, **options: Any) -> Any:
            self.files = _Files(*args, **options)
            return self.files

        monitor = MonitorService(
            self.reactor,
            self.prepare,
            lambda error: self.told.append(str(error)),
            lambda *how: self.over.append(how),
            watch=watch,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(monitor.stopService()))
        monitor.privilegedStartService()
        monitor.startService()
        await until(lambda: self.starts == 1 and watched in self.files.paths)
        return monitor

    @property
    def starts(self) -> int:
        return self.record.read_text().count("started")

    def has_started(self, number: int) -> bool:
        return self.starts == number

    async def test_an_edit_starts_the_server_anew_and_the_old_one_is_gone(self) -> None:
        monitor = await self.start()
        self.assertEqual(self.files.paths, {"/settings.toml", "/watched.py"})
        first = monitor.pid
        assert first is not None
        with logged_lines() as lines:
            self.files.changed("/watched.py")
            await until(lambda: self.starts == 2)
        self.assertFalse(lives(first))
        self.assertIn("watched.py changed", lines[0])
        self.assertEqual(self.over, [])

    async def test_the_stop_ends_the_server_and_the_watching(self) -> None:
        monitor = await self.start()
        pid = monitor.pid
        assert pid is not None
        await Deferred.fromCoroutine(monitor.stopService())
        self.assertFalse(lives(pid))
        self.assertFalse(self.files.running)
        self.assertEqual((self.over, monitor.pid), ([], None))

    async def test_after_ctrl_c_the_server_has_time_to_hear_of_it_itself(self) -> None:
        monitor = await self.start()
        monitor.by_terminal = True
        stopped = Deferred.fromCoroutine(monitor.stopService())
        monitor.signal(signal.SIGINT)
        await stopped
        self.assertIsNone(monitor.pid)

    async def test_a_stop_at_once_kills(self) -> None:
        self.code = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay(ready=True)\n" + _FOR_EVER
        monitor = await self.start()
        stopped = Deferred.fromCoroutine(monitor.stopService())
        stopped.cancel()
        await stopped
        self.assertIsNone(monitor.pid)

    async def test_a_server_that_ends_by_itself_takes_the_monitor_with_it(self) -> None:
        for code, how in (("", (0, None)), ("os.kill(os.getpid(), signal.SIGTERM)", (None, signal.SIGTERM))):
            self.record.write_text("")
            self.over.clear()
            self.code = code
            await self.start()
            await until(lambda: self.over)
            self.assertEqual(self.over, [how])

    async def test_a_server_that_fails_waits_for_the_next_edit(self) -> None:
        self.code = "sys.exit(3)"
        with logged_lines() as lines:
            monitor = await self.start()
            await until(lambda: monitor.pid is None)
        self.assertIn("the server has failed (exit status 3); it is started again at the next change", lines)
        self.code = _FOR_EVER
        self.files.changed("/watched.py")
        await until(lambda: self.starts == 2)
        self.assertEqual(self.over, [])

    async def test_one_that_fails_before_it_says_a_word_is_mended_by_any_file_of_the_project(self) -> None:
        self.project = str(Path(self.mktemp()).absolute())
        source = Path(self.project, "settings.py")
        source.parent.mkdir()
        source.touch()
        os.utime(source, (1, 1))
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        self.sockets = [listening.fileno()]
        self.code = "os._exit(3)"
        monitor = await self.start(watched="/settings.toml")
        await until(lambda: monitor.pid is None)
        self.assertIn(str(source), self.files.paths)
        asked = getProcessOutput("curl", ["-sS", "http://{}:{}/".format(*listening.getsockname())], errortoo=True)
        self.assertEqual(await asked, b"503 The server has failed (exit status 3).\n")
        self.code = _FOR_EVER
        self.files.changed(str(source))
        await until(lambda: self.starts == 2)

    async def test_a_file_that_the_server_does_without_is_left_alone_while_it_serves(self) -> None:
        monitor = await self.start()
        await until(lambda: monitor._spare)
        first = monitor.pid
        self.files.changed("/of_no_account.py")
        self.files.changed("/watched.py")
        with logged_lines() as lines:
            await until(lambda: self.starts == 2)
        self.assertEqual(lines[0], f"starting anew: {os.path.relpath('/watched.py')} changed")
        self.assertNotEqual(monitor.pid, first)

    async def test_a_hundred_restarts_leave_as_many_processes_and_descriptors_as_one(self) -> None:
        monitor = await self.start()
        monitor._stand_by(self.prepare())
        before = len(monitor._living), len(os.listdir("/proc/self/fd"))
        for number in range(2, 102):
            monitor.restart("asked for")
            await until(partial(self.has_started, number))
        monitor._stand_by(self.prepare())
        await until(lambda: (len(monitor._living), len(os.listdir("/proc/self/fd"))) == before)
        self.assertEqual(before[0], 2)

    async def test_a_server_may_stop_and_leave_the_monitor(self) -> None:
        self.code = "say(stays=True)"
        monitor = await self.start()
        await until(lambda: monitor.pid is None)
        self.assertEqual(self.over, [])

    async def test_what_makes_no_sense_leaves_the_server_alone_until_it_does(self) -> None:
        monitor = await self.start()
        pid = monitor.pid
        self.problem = ApplicationError("port = 'x'")
        monitor.restart("asked for")
        self.assertEqual((self.told, monitor.pid, self.starts), (["port = 'x'"], pid, 1))
        self.problem = None
        monitor.restart("asked for")
        await until(lambda: self.starts == 2)

    async def test_the_server_itself_may_ask(self) -> None:
        self.code = "import pathlib\n" + (
            "if pathlib.Path(sys.argv[1]).read_text().count('started') == 1: say(restart='x')\n" + _FOR_EVER
        )
        await self.start()
        await until(lambda: self.starts == 2)

    async def test_what_listens_is_handed_to_every_life(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        listening.set_inheritable(True)
        self.sockets = [listening.fileno()]
        self.code = (
            f"client = socket.socket(fileno={listening.fileno()}).accept()[0]\n"
            "client.sendall(b'%d' % os.getpid())\nclient.close()\n" + _FOR_EVER
        )
        monitor = await self.start()
        pids = []
        for number in (1, 2):
            with socket.create_connection(listening.getsockname(), 10) as client:
                pids.append(int(client.recv(20)))
            self.assertEqual(pids[-1], monitor.pid)
            monitor.restart("asked for")
            await until(partial(self.has_started, number + 1))
        self.assertNotEqual(*pids)

    async def test_a_file_that_was_written_before_it_was_watched_has_changed_once(self) -> None:
        source = Path(self.mktemp()).absolute()
        self.code = f"open({str(source)!r}, 'a').close()\nsay(watch=[{str(source)!r}])\n" + _FOR_EVER
        await self.start()
        await until(lambda: self.starts == 2)
        self.assertIn(str(source), self.files.paths)

    async def test_the_next_one_stands_by_and_is_the_one_that_serves_then(self) -> None:
        monitor = await self.start()
        await until(lambda: monitor._spare)
        spare = monitor._spare
        assert spare is not None
        monitor.restart("asked for")
        await until(partial(self.has_started, 2))
        self.assertEqual(monitor.pid, spare.pid)

    async def test_one_that_stands_by_for_another_start_is_of_no_use(self) -> None:
        monitor = await self.start()
        await until(lambda: monitor._spare)
        spare = monitor._spare
        assert spare is not None
        pid = spare.pid
        self.code += "\n"
        monitor.restart("asked for")
        await until(partial(self.has_started, 2))
        self.assertNotEqual(monitor.pid, pid)
        await until(lambda: not lives(pid))

    async def test_one_that_stands_by_goes_with_the_others_or_alone(self) -> None:
        monitor = await self.start()
        await until(lambda: monitor._spare)
        spare = monitor._spare
        assert spare is not None
        os.kill(spare.pid, signal.SIGKILL)
        await until(lambda: monitor._spare is None)
        self.assertEqual((self.over, self.starts), ([], 1))
        monitor._stand_by(self.prepare())
        await Deferred.fromCoroutine(monitor.stopService())
        self.assertEqual(monitor._living, set())

    async def test_what_python_keeps_of_an_edited_file_is_removed(self) -> None:
        from importlib.util import cache_from_source

        source = Path(self.mktemp()).absolute() / "a.py"
        compiled = Path(cache_from_source(str(source)))
        compiled.parent.mkdir(parents=True)
        compiled.touch()
        self.code = f"say(watch=[{str(source)!r}])\n" + _FOR_EVER
        await self.start()
        await until(lambda: str(source) in self.files.paths)
        self.files.changed(str(source))
        await until(lambda: self.starts == 2)
        self.assertFalse(compiled.exists())

    async def test_nothing_is_started_that_cannot_be(self) -> None:
        self.problem = ApplicationError("no")
        monitor = MonitorService(self.reactor, self.prepare, print, print, watch=_Files)
        self.assertRaises(ApplicationError, monitor.privilegedStartService)
        self.assertRaises(ApplicationError, monitor.startService)
        await Deferred.fromCoroutine(monitor.stopService())
