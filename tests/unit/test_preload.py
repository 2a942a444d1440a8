"""There is always a nursery, and what is to be forked is forked there."""

from __future__ import annotations

import errno
import os
import signal

from twisted.internet.defer import Deferred

from duck_tx.errors import ApplicationError
from duck_tx.process.fork import Gone, Load, Loaded, Made, NotMade, Retire, Unfit
from duck_tx.process.preload import Preload
from duck_tx.settings import Settings
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.nursery_case import Heard, NurseryReactor

_NOBODY = 2**22 + 1
"""The pid of no process: beyond the most that Linux gives."""


class PreloadTests(UnitTestCase):
    def setUp(self) -> None:
        logged = logged_lines()
        self.log = logged.__enter__()
        self.addCleanup(logged.__exit__, None, None, None)
        self.before = set(os.listdir("/proc/self/fd"))
        self.reactor = NurseryReactor()
        self.preload = Preload(self.reactor, Settings(), directory="/here", environ={}, draw=lambda: 0.5)

    def begin(self, *, runs_commands: bool = False) -> Deferred[None]:
        return Deferred.fromCoroutine(self.preload.begin(runs_commands=runs_commands))

    def begun(self) -> None:
        beginning = self.begin()
        self.reactor.last.say(Loaded())
        self.reactor.turn()
        self.successResultOf(beginning)

    def spawned(self) -> Heard:
        process = Heard()
        self.preload.spawn(process, {0: "w", 2: "r"})
        return process

    def assertNothingLeft(self) -> None:
        self.successResultOf(self.preload.gone)
        self.reactor.turn()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(set(os.listdir("/proc/self/fd")) - self.before, set())

    def end(self) -> None:
        self.preload.retire()
        if self.reactor.last.lives:
            self.reactor.last.exit()
        self.reactor.turn()
        self.assertNothingLeft()

    # Its start.

    def test_the_project_is_loaded_first(self) -> None:
        beginning = self.begin(runs_commands=True)
        self.assertEqual(self.reactor.last.load, Load(settings=Settings(), directory="/here", runs_commands=True))
        self.assertNoResult(beginning)
        self.reactor.last.say(Loaded())
        self.reactor.turn()
        self.successResultOf(beginning)
        self.assertEqual(self.log, ["the nursery is ready, pid 1000 (0.00 s)"])
        self.end()

    def test_one_that_cannot_be_loaded_fails_it_with_its_lines(self) -> None:
        beginning = self.begin()
        self.reactor.last.say(Unfit("it is broken:\nmend it."))
        self.reactor.turn()
        self.reactor.last.exit(1)
        failure = self.failureResultOf(beginning, ApplicationError)
        self.assertEqual(str(failure.value), "it is broken:\nmend it.")
        self.reactor.advance(100)
        self.assertEqual(len(self.reactor.nurseries), 1)
        self.assertNothingLeft()

    def test_so_does_one_that_ends_the_process(self) -> None:
        beginning = self.begin()
        self.reactor.last.exit(7)
        failure = self.failureResultOf(beginning, ApplicationError)
        self.assertEqual(str(failure.value), "the nursery: exit status 7 before it had loaded the project.")
        self.assertNothingLeft()

    def test_and_a_process_that_cannot_be_made(self) -> None:
        self.reactor.refusals.append(OSError(errno.EAGAIN, "Resource temporarily unavailable"))
        failure = self.failureResultOf(self.begin(), ApplicationError)
        self.assertEqual(str(failure.value), "the nursery could not be started: Resource temporarily unavailable.")
        self.assertNothingLeft()

    def test_a_stop_on_the_way_kills_it(self) -> None:
        beginning = self.begin()
        self.preload.retire()
        self.reactor.turn()
        self.failureResultOf(beginning, ApplicationError)
        self.assertEqual(self.reactor.last.signals, ["KILL"])
        self.assertNothingLeft()

    # Workers.

    def test_workers_are_made_one_by_one_and_end_as_it_says(self) -> None:
        self.begun()
        one, two = self.spawned(), self.spawned()
        self.assertEqual(self.reactor.last.orders(), [(0, 2)])
        self.reactor.last.say(Made(_NOBODY))
        self.reactor.turn()
        self.assertEqual((one.heard, two.heard), (["made"], []))
        self.assertEqual(self.reactor.last.orders(), [(0, 2)])
        self.reactor.last.say(Gone(_NOBODY, 3 << 8))
        self.reactor.last.say(NotMade("too many"))
        self.reactor.turn()
        self.assertEqual(one.heard, ["made", "exited", (3, None)])
        self.assertEqual(two.heard, ["exited", (None, None)])
        self.assertIn("the nursery could make no worker: too many", self.log)
        self.end()

    def test_one_that_is_not_wanted_any_more_need_not_be_made(self) -> None:
        self.begun()
        one, two = Heard(), Heard()
        self.preload.spawn(one, {2: "r"})
        self.preload.spawn(two, {2: "r"}).signalProcess(signal.SIGKILL)
        self.reactor.turn()
        self.assertEqual((one.heard, two.heard), ([], ["exited", (None, None)]))
        self.assertEqual(self.reactor.last.signals, [])
        self.end()

    def test_a_nursery_that_makes_none_in_time_is_stuck_and_replaced(self) -> None:
        self.begun()
        process = self.spawned()
        self.reactor.advance(9.9)
        self.assertEqual(self.reactor.last.signals, [])
        self.reactor.advance(0.1)
        self.assertEqual(self.reactor.last.signals, ["KILL"])
        self.reactor.turn()
        self.assertEqual(process.heard, ["exited", (None, None)])
        self.reactor.advance(0.1)
        self.assertEqual(len(self.reactor.nurseries), 2)
        self.end()

    def test_so_is_one_whose_worker_is_given_up(self) -> None:
        self.begun()
        self.preload.spawn(Heard(), {2: "r"}).signalProcess(signal.SIGKILL)
        self.reactor.turn()
        self.assertEqual(self.reactor.last.signals, ["KILL"])
        self.end()

    def test_what_it_writes_is_logged(self) -> None:
        self.begun()
        self.reactor.last.write(b"one\nhalf a li")
        self.end()
        self.assertEqual(self.log[1:], ["[nursery] one", "[nursery] half a li"])

    def test_what_it_wrote_too_fast_before_its_end_is_counted(self) -> None:
        self.begun()
        self.reactor.last.write(b"line\n" * 5000)
        self.end()
        self.assertEqual(self.log[-1], "[nursery] (3000 more lines are left out)")

    # Its end.

    def test_one_that_dies_is_replaced_later_and_later_and_runs_no_commands(self) -> None:
        self.begun()
        for count, delay in ((2, 0.1), (3, 0.375), (4, 0.75)):
            self.reactor.last.exit(number=signal.SIGKILL)
            self.reactor.advance(delay * 0.9)
            self.assertEqual(len(self.reactor.nurseries), count - 1)
            self.reactor.advance(delay * 0.2)
            self.assertEqual(len(self.reactor.nurseries), count)
        self.assertEqual(self.log[1], "the nursery: ended by SIGKILL: its workers serve on, and another is started")
        self.assertEqual(self.reactor.loads[1:], [False] * 3)
        self.end()

    def test_workers_that_are_wanted_meanwhile_wait_for_the_next(self) -> None:
        self.begun()
        self.reactor.last.exit(number=signal.SIGKILL)
        self.spawned()
        self.reactor.advance(0.1)
        self.assertEqual(self.reactor.last.orders(), [])
        self.reactor.last.say(Loaded())
        self.reactor.turn()
        self.assertEqual(self.reactor.last.orders(), [(0, 2)])
        self.end()

    def test_if_that_cannot_load_the_project_they_are_told_and_it_is_tried_again(self) -> None:
        self.begun()
        self.reactor.last.exit(number=signal.SIGKILL)
        process = self.spawned()
        self.reactor.advance(0.1)
        self.reactor.last.say(Unfit("it is broken."))
        self.reactor.turn()
        self.assertEqual(process.heard, ["exited", (None, None)])
        self.assertIn("duck: it is broken.", self.log)
        self.reactor.last.exit(1)
        self.reactor.advance(1)
        self.assertEqual(len(self.reactor.nurseries), 3)
        self.end()

    def test_if_it_cannot_be_started_it_is_tried_again(self) -> None:
        self.begun()
        self.reactor.last.exit(number=signal.SIGKILL)
        self.reactor.refusals.append(OSError(errno.EAGAIN, "Resource temporarily unavailable"))
        self.reactor.advance(0.1)
        self.assertEqual(len(self.reactor.nurseries), 1)
        self.reactor.advance(1)
        self.assertEqual(len(self.reactor.nurseries), 2)
        self.assertIn("Resource temporarily unavailable", self.log[-1])
        self.end()

    def test_one_that_retires_stays_for_its_workers(self) -> None:
        self.begun()
        process = self.spawned()
        self.reactor.last.say(Made(_NOBODY))
        self.reactor.turn()
        self.preload.retire()
        self.preload.retire()
        self.assertEqual(self.reactor.last.orders(), [(0, 2), Retire()])
        self.assertRaises(OSError, self.preload.spawn, Heard(), {})
        self.assertNoResult(self.preload.gone)
        self.reactor.last.say(Gone(_NOBODY, 0))
        self.reactor.turn()
        self.assertEqual(process.heard[-1], (0, None))
        self.end()

    def test_then_nobody_waits_any_more(self) -> None:
        self.begun()
        self.reactor.last.exit(number=signal.SIGKILL)
        process = self.spawned()
        self.preload.retire()
        self.reactor.turn()
        self.assertEqual(process.heard, ["exited", (None, None)])
        self.assertNothingLeft()

    def test_one_that_is_stuck_then_has_no_more_time(self) -> None:
        self.begun()
        process = self.spawned()
        self.preload.retire()
        self.reactor.advance(2)
        self.reactor.turn()
        self.assertEqual(process.heard, ["exited", (None, None)])
        self.assertNothingLeft()

    def test_at_a_stop_one_that_does_not_end_is_killed(self) -> None:
        self.begun()
        closing = Deferred.fromCoroutine(self.preload.close())
        self.reactor.advance(1.9)
        self.assertNoResult(closing)
        self.reactor.advance(0.1)
        self.reactor.turn()
        self.successResultOf(closing)
        self.assertNothingLeft()
