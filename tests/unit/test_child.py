"""Child processes, with real programs."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.process.child import Child, Ending, environ_of_child
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.spawning import ClockedReactor, lives, python, until

_SAY_PID = "os.write(1, b'%d\\n' % os.getpid())"
"""In one piece: two processes write to one pipe."""


class EnvironmentTests(UnitTestCase):
    def test_what_a_supervisor_says_to_the_server_is_not_for_its_children(self) -> None:
        told = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        self.assertEqual(environ_of_child({"PATH": "/bin", **dict.fromkeys(told, "1")}), {"PATH": "/bin"})

    def test_neither_are_the_sockets_that_an_earlier_life_has_left_to_it(self) -> None:
        self.assertEqual(environ_of_child({"DUCK_LISTEN_FDS": "server=7", "HOME": "/"}), {"HOME": "/"})


class EndingTests(UnitTestCase):
    def test_it_is_told_in_words(self) -> None:
        self.assertEqual(str(Ending(3)), "exit status 3")
        self.assertEqual(str(Ending(None, signal.SIGKILL)), "ended by SIGKILL")
        self.assertEqual(str(Ending(None, signal.SIGRTMIN + 1)), f"ended by signal {signal.SIGRTMIN + 1}")

    def test_only_status_0_is_clean(self) -> None:
        self.assertEqual([Ending(0).is_clean, Ending(1).is_clean, Ending(None, 9).is_clean], [True, False, False])


class ChildTests(AsyncTestCase):
    def setUp(self) -> None:
        self.said: list[tuple[str, str]] = []

    def started(
        self, code: str, environ: Mapping[str, str] | None = None, reactor: Any = None
    ) -> tuple[Child, Deferred[Ending]]:
        if reactor is None:
            from twisted.internet import reactor
        ended: Deferred[Ending] = Deferred()
        child = Child(reactor, output=lambda *said: self.said.append(said), ended=ended.callback)
        child.start(python(code), directory=Path("/"), environ=environ or os.environ, grace=10.0)

        async def end() -> None:
            child.kill()
            await until(lambda: ended.called)

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))
        return child, ended

    def _has_said(self, lines: int) -> bool:
        return len(self.said) == lines

    @property
    def lines(self) -> list[str]:
        return [line for _, line in self.said]

    async def test_output_comes_in_lines_the_last_one_included(self) -> None:
        _, ended = self.started("print('one'); print('two'); sys.stderr.write('three'); sys.stdout.write('four')")
        self.assertEqual(await ended, Ending(0))
        self.assertEqual([line for stream, line in self.said if stream == "stdout"], ["one", "two", "four"])
        self.assertEqual([line for stream, line in self.said if stream == "stderr"], ["three"])

    async def test_its_status_is_known(self) -> None:
        _, ended = self.started("sys.exit(3)")
        self.assertEqual(await ended, Ending(3))
        _, ended = self.started("os.kill(os.getpid(), signal.SIGKILL)")
        self.assertEqual(await ended, Ending(None, signal.SIGKILL))

    async def test_its_environment_is_the_one_given(self) -> None:
        _, ended = self.started("print(os.environ)", {"ONE": "1", "LC_ALL": "C.UTF-8"})
        await ended
        self.assertEqual(self.lines, ["environ({'ONE': '1', 'LC_ALL': 'C.UTF-8'})"])

    async def test_it_has_no_file_of_the_server(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.set_inheritable(True)
            _, ended = self.started("print(os.getcwd(), sorted(map(int, os.listdir('/dev/fd'))))")
            await ended
        # The last one is the list's own.
        self.assertEqual(self.lines, ["/ [0, 1, 2, 3]"])

    async def test_it_can_be_asked_to_end(self) -> None:
        child, ended = self.started(
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\nprint('up')\nwhile True: signal.pause()"
        )
        await until(lambda: self.lines)
        child.terminate()
        self.assertEqual(await ended, Ending(7))
        child.terminate()

    async def test_it_can_be_killed_when_it_has_only_begun(self) -> None:
        child, ended = self.started("print('up')")
        child.kill()
        self.assertEqual(await ended, Ending(None, signal.SIGKILL))
        child.kill()

    async def test_it_can_be_killed_with_all_that_it_started(self) -> None:
        child, ended = self.started(f"os.fork()\n{_SAY_PID}\ntime.sleep(60)")
        await until(lambda: len(self.lines) == 2)
        child.kill()
        self.assertEqual(await ended, Ending(None, signal.SIGKILL))
        await until(lambda: not any(lives(int(line)) for line in self.lines))

    async def test_what_it_leaves_in_its_group_is_killed(self) -> None:
        _, ended = self.started(f"os.fork()\n{_SAY_PID}\nif os.getppid() != os.getpgrp(): time.sleep(60)")
        self.assertEqual(await ended, Ending(0))
        await until(lambda: not any(lives(int(line)) for line in self.lines))

    async def test_a_daemon_that_it_leaves_is_not_waited_for(self) -> None:
        code = (
            "read, write = os.pipe()\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    print(os.getpid())\n"
            "    os.write(write, b'.')\n"
            "    time.sleep(60)\n"
            "os.read(read, 1)\n"
        )
        _, ended = self.started(code)
        self.assertEqual(await ended, Ending(0))
        [line] = self.lines
        self.assertTrue(lives(int(line)))
        os.kill(int(line), signal.SIGKILL)

    async def test_a_program_that_writes_too_much_has_to_wait(self) -> None:
        reactor = ClockedReactor()
        child, ended = self.started("while True: os.write(1, b'x\\n' * 30000)", reactor=reactor)
        for lines in (1000, 2000, 3000):
            await until(partial(self._has_said, lines))
            reactor.advance(1)
        child.kill()
        await ended
        self.assertRegex(self.lines[-1], r"\(\d+ more lines are left out\)")
        self.assertLess(len(self.said), 6000)
        self.assertEqual(reactor.getDelayedCalls(), [])

    async def test_some_may_write_more(self) -> None:
        ended: Deferred[Ending] = Deferred()
        reactor = ClockedReactor()
        child = Child(reactor, output=lambda *said: self.said.append(said), ended=ended.callback, rate=5000)
        child.start(python("os.write(1, b'x\\n' * 5000)"), directory=Path("/"), environ=os.environ, grace=1.0)
        self.assertEqual(await ended, Ending(0))
        self.assertEqual(self.lines, ["x"] * 5000)
        self.assertEqual(reactor.getDelayedCalls(), [])

    async def test_a_program_that_is_not_there_ends_with_a_line_that_says_so(self) -> None:
        from twisted.internet import reactor

        ended: Deferred[Ending] = Deferred()
        child = Child(reactor, output=lambda *said: self.said.append(said), ended=ended.callback)
        child.start(["/no/such"], directory=Path("/"), environ={}, grace=1.0)
        self.assertEqual(await ended, Ending(127))
        self.assertEqual(self.said, [("stderr", "/no/such cannot be used: No such file or directory")])
