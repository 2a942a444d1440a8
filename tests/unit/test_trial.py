"""The trial of new code: the child that looks, and who waits for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred

from duck_tx.errors import ApplicationError
from duck_tx.process.trial import Trial, reasons
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.child import ROOT
from tests.unit.logged import logged_lines
from tests.unit.spawning import ClockedReactor, lives, until

_ATTEMPT = """
import os, sys
from duck_tx.errors import ApplicationError
from duck_tx.process.trial import VARIABLE, Attempt
def look(ports, say):
    print('looking', sorted(ports))
    {look}
attempt = Attempt(os.environ.pop(VARIABLE), look)
attempt.{method}()
"""


class ReasonsTests(UnitTestCase):
    def test_our_own_lines_say_it_all(self) -> None:
        lines = ["Traceback:", "duck: one", "2026-11-22T12:00:00+0000 [stderr#error] duck: two", "  "]
        self.assertEqual(reasons(lines), ["one", "two"])

    def test_a_program_that_failed_by_itself_is_quoted(self) -> None:
        self.assertEqual(reasons(["Traceback", "", "  NameError: x  "]), ["Traceback", "  NameError: x"])

    def test_the_last_ones_are_enough(self) -> None:
        self.assertEqual(len(reasons(f"line {number}" for number in range(100))), 20)
        self.assertEqual(reasons(f"line {number}" for number in range(100))[-1], "line 99")


class TrialTests(AsyncTestCase):
    def run_child(self, code: str, *, trial: Trial | None = None, ports: tuple[str, ...] = ()) -> Deferred[None]:
        from twisted.internet import reactor

        trial = trial or Trial(reactor, ports)
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return trial.run([sys.executable, "-c", code], directory="/", environ=environ)

    def attempt(self, look: str, method: str = "startService", ports: tuple[str, ...] = ()) -> Deferred[None]:
        return self.run_child(_ATTEMPT.format(look=look, method=method), ports=ports)

    async def refused(self, trial: Deferred[None]) -> list[str]:
        with self.assertRaises(ApplicationError) as caught:
            await trial
        return str(caught.exception).splitlines()

    async def test_all_is_well(self) -> None:
        for method in ("startService", "privilegedStartService"):
            await self.attempt("pass", method)

    async def test_the_child_knows_which_ports_are_there(self) -> None:
        look = "assert ports == {'server', 'force-https'}"
        await self.attempt(look, ports=("server", "force-https"))

    async def test_what_the_child_says_meanwhile_is_logged(self) -> None:
        with logged_lines() as lines:
            await self.attempt("say('migrating'); say(''); say('  and done')")
        self.assertEqual(lines, ["migrating", "  and done"])

    async def test_a_line_that_the_project_has_begun_is_no_harm(self) -> None:
        with logged_lines() as lines:
            await self.attempt("print('a', end='', flush=True); say('news'); print('b', end='', flush=True)")
        self.assertEqual(lines, ["news"])

    async def test_a_child_that_has_said_something_has_all_the_time_that_it_takes(self) -> None:
        clock = ClockedReactor()
        gate = Path(self.mktemp()).absolute()
        look = f"import time; say('begun')\n    while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
        with logged_lines() as lines:
            tried = self.run_child(_ATTEMPT.format(look=look, method="startService"), trial=Trial(clock, patience=5.0))
            await until(lambda: "begun" in lines)
            clock.advance(60.0)
            gate.touch()
            await tried

    async def test_what_is_wrong_is_told(self) -> None:
        self.assertEqual(await self.refused(self.attempt("raise ApplicationError('one\\ntwo')")), ["one", "two"])

    async def test_a_program_that_fails_before_is_quoted(self) -> None:
        lines = await self.refused(self.run_child("print('here'); raise LookupError('lost')"))
        self.assertEqual((lines[0], lines[-1]), ("here", "LookupError: lost"))

    async def test_an_exit_says_nothing_of_itself(self) -> None:
        self.assertEqual(
            await self.refused(self.run_child("raise SystemExit(3)")),
            ["the new code could not be loaded: exit status 3."],
        )

    async def test_to_end_well_is_not_enough(self) -> None:
        lines = await self.refused(self.run_child("print('all is well')"))
        self.assertEqual(lines, ["the program ended without having started an App."])

    async def test_threads_of_the_project_do_not_hold_it(self) -> None:
        await self.attempt("import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()")

    async def test_a_child_that_takes_too_long_is_killed(self) -> None:
        clock = ClockedReactor()
        pid, path = 0, Path(self.mktemp()).absolute()
        code = f"import os, time; open({str(path)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(60)"
        tried = self.run_child(code, trial=Trial(clock, patience=5.0))
        await until(lambda: path.exists() and path.read_text().endswith("."))
        pid = int(path.read_text()[:-1])
        clock.advance(5.0)
        self.assertEqual(await self.refused(tried), ["the new code had not been loaded after 5 s."])
        await until(lambda: not lives(pid))

    async def test_a_child_that_nobody_waits_for_any_more_is_killed(self) -> None:
        path = Path(self.mktemp()).absolute()
        tried = self.run_child(f"import os, time; open({str(path)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(60)")
        await until(lambda: path.exists() and path.read_text().endswith("."))
        pid = int(path.read_text()[:-1])
        tried.cancel()
        with self.assertRaises(CancelledError):
            await tried
        await until(lambda: not lives(pid))

    async def test_a_child_that_cannot_be_started_is_told(self) -> None:
        from twisted.internet import reactor

        trial = Trial(reactor).run(["/no/python"], directory="/", environ={})
        lines = await self.refused(trial)
        self.assertEqual(lines, ["/no/python cannot be used: No such file or directory"])
