"""Sidecars: checked, started, started again, stopped."""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.errors import ApplicationError
from duck_tx.process.sidecars import SidecarService
from duck_tx.settings import SidecarSettings
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import ClockedReactor, lives, python, until

_ASKED = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nprint('up')\nwhile True: signal.pause()"
_STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\nwhile True: signal.pause()"


def _sidecar(name: str, code: str, **settings: Any) -> SidecarSettings:
    return SidecarSettings(name=name, command=tuple(python(code)), **settings)


class CheckTests(UnitTestCase):
    def faults(self, *sidecars: SidecarSettings, directory: str = "/", **environ: str) -> list[str]:
        service = SidecarService(
            ClockedReactor(), sidecars, directory=Path(directory), grace=30.0, environ={"PATH": "/bin"} | environ
        )
        try:
            service.check()
        except ApplicationError as error:
            return str(error).splitlines()
        return []

    def test_programs_that_are_there_pass(self) -> None:
        self.assertEqual(self.faults(SidecarSettings(command=("sh",)), SidecarSettings(command=("/bin/sh",))), [])

    def test_a_program_is_sought_in_the_path_of_its_environment(self) -> None:
        sidecar = SidecarSettings(command=("sh",), env={"PATH": "/nowhere"})
        self.assertEqual(
            self.faults(sidecar),
            ["sidecar sh: there is no program sh in PATH. Mend its command, or install it."],
        )

    def test_a_path_is_seen_from_its_directory(self) -> None:
        sidecar = SidecarSettings(command=("./sh",), directory="bin")
        self.assertEqual(self.faults(sidecar), [])
        self.assertEqual(
            self.faults(sidecar, directory="/usr/share"),
            ["sidecar sh: there is no directory /usr/share/bin. Mend its directory."],
        )

    def test_each_fault_has_a_line(self) -> None:
        file = Path(self.mktemp())
        file.write_text("")
        self.assertEqual(
            self.faults(
                SidecarSettings(command=("no-such-program",), name="one"),
                SidecarSettings(command=("sh",)),
                SidecarSettings(command=("/no/such", "program")),
                SidecarSettings(command=(str(file.absolute()),), name="two"),
            ),
            [
                "sidecar one: there is no program no-such-program in PATH. Mend its command, or install it.",
                "sidecar such: there is no program /no/such. Mend its command, or install it.",
                f"sidecar two: {file.absolute()} is not executable. Make it so (chmod +x), or mend its command.",
            ],
        )


class SidecarTestCase(AsyncTestCase):
    def setUp(self) -> None:
        self.reactor = ClockedReactor()
        # When all that a test made has been stopped.
        self.addCleanup(lambda: self.assertEqual(self.reactor.getDelayedCalls(), []))
        within = logged_lines()
        self.log = within.__enter__()
        self.addCleanup(within.__exit__, None, None, None)

    def service(
        self, *sidecars: SidecarSettings, grace: float = 30.0, environ: Mapping[str, str] | None = None
    ) -> SidecarService:
        service = SidecarService(
            self.reactor,
            sidecars,
            directory=Path("/"),
            grace=grace,
            environ=os.environ if environ is None else environ,
            draw=lambda: 1.0,
        )

        async def end() -> None:
            service.stop_at_once()
            await service.stopService()

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))
        return service

    def count(self, text: str) -> int:
        return sum(text in line for line in self.log)

    async def logged(self, text: str, times: int = 1) -> None:
        try:
            await until(lambda: self.count(text) >= times)
        except AssertionError:
            raise AssertionError(f"{text!r} is not in\n" + "\n".join(self.log)) from None

    def pids(self) -> list[int]:
        return [int(found[1]) for line in self.log if (found := re.search(r"started, pid (\d+)", line))]


class StartTests(SidecarTestCase):
    async def test_output_is_logged_with_its_name(self) -> None:
        code = "print('one'); print('two', file=sys.stderr); sys.stdout.write('three')"
        self.service(_sidecar("worker", code, restart="never")).startService()
        await self.logged("sidecar worker: exit status 0, not started again")
        self.assertEqual(len(self.pids()), 1)
        for line in ("one", "two", "three"):
            self.assertIn(f"[worker] {line}", self.log)

    async def test_the_environment_is_the_server_s_and_its_own(self) -> None:
        code = "print(*sorted(f'{key}={os.environ[key]}' for key in os.environ if key not in ('PATH', 'LC_CTYPE')))"
        environ = {"ONE": "1", "TWO": "2", "PATH": os.environ["PATH"]}
        for_the_server = {"NOTIFY_SOCKET": "/x", "LISTEN_FDS": "1", "LISTEN_PID": "1", "WATCHDOG_USEC": "1"}
        sidecar = _sidecar("worker", code, restart="never", env={"TWO": "two", "THREE": "3"})
        self.service(sidecar, environ=environ | for_the_server).startService()
        await self.logged("not started again")
        self.assertIn("[worker] ONE=1 THREE=3 TWO=two", self.log)

    async def test_it_runs_in_its_directory(self) -> None:
        self.service(_sidecar("worker", "print(os.getcwd())", restart="never", directory="usr")).startService()
        await self.logged("not started again")
        self.assertIn("[worker] /usr", self.log)


class RestartTests(SidecarTestCase):
    async def test_one_that_dies_is_started_again_at_once_and_then_later_and_later(self) -> None:
        self.service(_sidecar("worker", "sys.exit(3)")).startService()
        delays = ((0.0, "at once"), (0.5, "in 0.5 s"), (1.0, "in 1.0 s"), (2.0, "in 2.0 s"))
        for times, (delay, words) in enumerate(delays, 1):
            await self.logged(f"sidecar worker: exit status 3 after 0.0 s, started again {words}")
            if delay:
                self.reactor.advance(delay / 2)
            self.assertEqual(len(self.pids()), times)
            self.reactor.advance(delay / 2)
            self.assertEqual(len(self.pids()), times + 1)

    async def test_failures_are_forgiven_after_a_minute_of_life(self) -> None:
        self.service(_sidecar("worker", _ASKED)).startService()
        for times in range(1, 4):
            await self.logged("[worker] up", times)
            self.reactor.advance(61)
            os.kill(self.pids()[-1], signal.SIGKILL)
            await self.logged("sidecar worker: ended by SIGKILL after 61.0 s, started again at once", times)
            self.reactor.advance(0)

    async def test_a_clean_end_is_no_failure_where_it_is_said_so(self) -> None:
        for number, (restart, code, words) in enumerate(
            (
                ("on-failure", "", "exit status 0, not started again"),
                ("on-failure", "sys.exit(1)", "exit status 1 after 0.0 s, started again at once"),
                ("never", "sys.exit(1)", "exit status 1, not started again"),
                ("always", "", "exit status 0 after 0.0 s, started again at once"),
            )
        ):
            self.service(_sidecar(f"w{number}", code, restart=restart)).startService()
            await self.logged(f"sidecar w{number}: {words}")

    async def test_a_process_that_cannot_be_made_is_a_failure_too(self) -> None:
        spawn, refusals = self.reactor.spawnProcess, [OSError(errno.EAGAIN, "too many")]

        def refuse(*args: Any, **kwargs: Any) -> Any:
            if refusals:
                raise refusals.pop()
            return spawn(*args, **kwargs)

        self.reactor.spawnProcess = refuse  # type: ignore[method-assign]
        self.service(_sidecar("worker", _ASKED)).startService()
        self.assertIn("sidecar worker: could not be started (too many) after 0.0 s, started again at once", self.log)
        self.reactor.advance(0)
        await self.logged("[worker] up")


class StopTests(SidecarTestCase):
    async def test_they_stop_one_after_the_other_the_last_one_first(self) -> None:
        service = self.service(*(_sidecar(name, _ASKED) for name in ("one", "two", "three")))
        service.startService()
        await self.logged("] up", 3)
        del self.log[:]
        await service.stopService()
        self.assertEqual(
            [line for line in self.log if "sidecar" in line],
            [f"sidecar {name} stopped: exit status 0" for name in ("three", "two", "one")],
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    async def test_one_that_does_not_end_in_its_grace_is_killed(self) -> None:
        service = self.service(_sidecar("worker", _STUBBORN, grace=5.0))
        service.startService()
        await self.logged("[worker] up")
        stopped = Deferred.fromCoroutine(service.stopService())
        self.reactor.advance(4.9)
        self.assertTrue(lives(self.pids()[0]))
        self.reactor.advance(0.1)
        await stopped
        self.assertIn("sidecar worker stopped: ended by SIGKILL", self.log)

    async def test_together_they_take_no_longer_than_the_server_may(self) -> None:
        service = self.service(*(_sidecar(name, _STUBBORN, grace=20.0) for name in ("one", "two")), grace=30.0)
        service.startService()
        await self.logged("] up", 2)
        stopped = Deferred.fromCoroutine(service.stopService())
        self.reactor.advance(20)
        await self.logged("sidecar two stopped")
        self.reactor.advance(10)
        await stopped
        self.assertEqual(self.count("stopped: ended by SIGKILL"), 2)

    async def test_one_that_waits_for_its_next_start_is_not_started(self) -> None:
        service = self.service(_sidecar("worker", "sys.exit(1)"))
        service.startService()
        await self.logged("started again at once")
        await service.stopService()
        self.reactor.advance(100)
        self.assertEqual(len(self.pids()), 1)

    async def test_a_stop_at_once_kills(self) -> None:
        service = self.service(*(_sidecar(name, _STUBBORN) for name in ("one", "two")))
        service.startService()
        await self.logged("] up", 2)
        stopped = Deferred.fromCoroutine(service.stopService())
        service.stop_at_once()
        await stopped
        self.assertEqual(self.count("stopped: ended by SIGKILL"), 2)

    async def test_a_stop_that_is_given_up_kills_too(self) -> None:
        service = self.service(_sidecar("worker", _STUBBORN))
        service.startService()
        await self.logged("[worker] up")
        stopped = Deferred.fromCoroutine(service.stopService())
        stopped.addErrback(lambda failure: None)
        stopped.cancel()
        await self.logged("sidecar worker stopped: ended by SIGKILL")

    async def test_it_can_be_started_again(self) -> None:
        service = self.service(_sidecar("worker", _ASKED))
        for times in (1, 2):
            service.startService()
            await self.logged("[worker] up", times)
            await service.stopService()
        self.assertEqual(self.count("sidecar worker stopped: exit status 0"), 2)

    async def test_a_service_that_was_never_started_stops(self) -> None:
        await self.service(_sidecar("worker", _ASKED)).stopService()
