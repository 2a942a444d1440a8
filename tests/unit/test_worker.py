"""One worker process, as the main process knows it."""

from __future__ import annotations

import signal

from twisted.internet.defer import Deferred

from duck_tx.process.link import Idle, Role
from duck_tx.process.tenure import Tenure
from duck_tx.process.worker import BOARD, LINK, Worker, spawning
from duck_tx.settings import Settings
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.worker_case import ScriptedReactor, ScriptedWorker


class WorkerTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = ScriptedReactor()
        self.left: list[Worker] = []
        role = Role(
            number=3, settings=Settings(), sockets={}, directory="/", board=BOARD, cell=1, runs_commands=True, beat=1.0
        )
        self.worker = Worker(
            self.reactor,
            role,
            spawn=spawning(self.reactor, {}),
            tenure=Tenure(requests=10),
            timeout=10.0,
            grace=5.0,
            loaded=lambda is_development: None,
            left=self.left.append,
        )

    def start(self) -> ScriptedWorker:
        self.worker.start({}, 55)
        self.turn()
        return self.reactor.children[-1]

    def turn(self) -> None:
        for _ in range(4):
            self.reactor.advance(0)

    def test_it_is_told_what_to_do_and_says_when_it_does(self) -> None:
        child = self.start()
        assert child.role is not None
        self.assertEqual((child.role.number, self.worker.pid, self.worker.state), (3, 1000, "starting"))
        self.assertEqual((child.descriptors[BOARD], child.descriptors[2]), (55, "r"))
        self.assertIsInstance(child.descriptors[LINK], int)
        self.assertNoResult(self.worker.decided)
        child.ready()
        self.assertEqual((self.worker.state, self.worker.why_not), ("ready", ""))
        self.successResultOf(self.worker.decided)

    def test_one_that_has_nothing_to_do_is_neither_ready_nor_has_it_failed(self) -> None:
        child = self.start()
        child.end.say(Idle)
        self.turn()
        self.successResultOf(self.worker.decided)
        self.assertEqual((self.worker.is_idle, self.worker.state, self.worker.why_not), (True, "starting", ""))

    def test_its_end_is_known_with_what_it_wrote_last(self) -> None:
        child = self.start()
        with logged_lines() as lines:
            child.write(b"one\nhalf a li")
            child.exit(3)
        self.assertEqual(lines, ["[worker 3] one", "[worker 3] half a li"])
        self.successResultOf(self.worker.ended)
        self.assertEqual(str(self.worker.ending), "exit status 3")
        self.assertEqual(self.worker.why_not, "worker 3: exit status 3 before it was ready.")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_writes_no_faster_than_the_log_may_grow(self) -> None:
        child = self.start()
        with logged_lines() as lines:
            child.write(b"line\n" * 1500)
            self.assertEqual(len(lines), 1000)
            self.reactor.advance(1)
            self.assertEqual(len(lines), 1500)
            child.write(b"line\n" * 5000)
            child.exit(1)
        self.assertRegex(lines[-1], r"\[worker 3\] \(\d+ more lines are left out\)")

    def test_it_is_not_overdue_before_it_is_ready_or_when_it_leaves(self) -> None:
        child = self.start()
        child.beat(10)
        self.assertEqual(self.worker.overdue(), "")
        child.ready()
        self.assertEqual(self.worker.overdue(), "10 requests")
        self.worker.drain([])
        self.assertEqual(self.worker.overdue(), "")

    def test_told_twice_to_drain_it_has_its_grace_once(self) -> None:
        child = self.start()
        child.ready()
        child.obeys = False
        accepted: Deferred[object] = self.worker.drain(["server"])
        self.turn()
        self.successResultOf(accepted)
        self.reactor.advance(4)
        self.worker.drain([])
        self.reactor.advance(3)
        self.turn()
        self.assertEqual((child.signals, child.lives), ([signal.SIGKILL], False))

    def test_what_is_gone_is_sent_nothing(self) -> None:
        child = self.start()
        child.exit(1)
        self.worker.kill()
        self.worker.leaving()
        self.reactor.advance(100)
        self.assertEqual((child.signals, self.left), ([], []))
