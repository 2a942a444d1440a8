"""Workers that are replaced: who dies, is stuck, has served long enough, or was asked to end."""

from __future__ import annotations

import errno
import mmap
import signal
from itertools import pairwise

from duck_tx.process.worker import BOARD
from duck_tx.process.workers import WorkerService
from tests.unit.worker_case import ScriptedWorker, WorkersTestCase


class DeathTests(WorkersTestCase):
    def test_one_that_dies_is_replaced_at_once_and_then_later_and_later(self) -> None:
        service = self.started(2)
        for delay, words in (
            (0.0, "at once"),
            (0.375, "in 0.4 s (2 failures in a row)"),
            (0.75, "in 0.8 s (3 failures in a row)"),
            (1.5, "in 1.5 s (4 failures in a row)"),
        ):
            count = len(self.children)
            self.living[-1].exit(number=signal.SIGKILL)
            self.assertIn(f"worker 2: ended by SIGKILL after 0.0 s, replaced {words}", self.log)
            if delay:
                self.reactor.advance(delay * 0.9)
                self.assertEqual(len(self.children), count)
            self.reactor.advance(delay * 0.1)
            self.turn()
            self.assertEqual(len(self.children), count + 1)
            self.assertTrue(self.children[0].lives)
            self.assertTrue(service.is_serving)

    def test_failures_are_forgiven_after_a_minute_of_life(self) -> None:
        self.started(1)
        for _ in range(3):
            self.pass_time(61)
            self.living[0].exit(number=signal.SIGKILL)
            self.assertIn("replaced at once", self.log[-1])
            self.turn()
            self.living[0].ready()

    def test_a_process_that_cannot_be_made_is_tried_again(self) -> None:
        self.started(2)
        self.reactor.refusals.append(OSError(errno.EAGAIN, "Resource temporarily unavailable", "/python"))
        self.children[1].exit(1)
        self.turn()
        self.assertIn(
            "worker 2 could not be started: /python: Resource temporarily unavailable after 0.0 s, replaced in 0.4 s "
            "(2 failures in a row)",
            self.log,
        )
        self.reactor.advance(0.4)
        self.assertEqual(len(self.living), 2)

    def test_what_it_writes_is_logged_with_its_number(self) -> None:
        self.started(1)
        self.children[0].write(b"one\ntwo")
        self.children[0].exit(1)
        self.assertIn("[worker 1] one", self.log)
        self.assertIn("[worker 1] two", self.log)


class SilenceTests(WorkersTestCase):
    def test_one_that_does_not_answer_shows_its_stacks_and_is_killed_and_replaced(self) -> None:
        self.started(2, worker_timeout=10)
        stuck, other = self.children
        self.pass_time(9, silent=(stuck,))
        self.assertEqual(stuck.signals, [])
        self.pass_time(1, silent=(stuck,))
        self.assertEqual(stuck.signals, [signal.SIGABRT])
        self.assertIn("worker 1 has not answered for 10 s: its threads are shown, and it is killed", self.log)
        self.pass_time(2, silent=(stuck,))
        self.assertEqual((stuck.signals, stuck.lives), ([signal.SIGABRT, signal.SIGKILL], False))
        self.assertEqual((other.signals, len(self.living)), ([], 2))

    def test_time_in_which_this_process_did_not_run_is_no_silence(self) -> None:
        self.started(1, worker_timeout=10)
        for _ in range(3):
            self.reactor.advance(1000)
        self.assertEqual(self.children[0].signals, [])

    def test_one_that_is_leaving_is_watched_too(self) -> None:
        service = self.started(2, worker_timeout=10, grace=1000)
        stuck = self.children[1]
        stuck.obeys = False
        service.resize(1)
        self.pass_time(10, silent=(stuck,))
        self.assertEqual(stuck.signals, [signal.SIGABRT])


class TenureTests(WorkersTestCase):
    def test_its_successor_is_ready_before_it_leaves(self) -> None:
        self.started(2, max_requests=100, max_requests_jitter=20)
        first = self.children[0]
        self.beats[first.pid] = (109, 0, 0)
        self.pass_time(2)
        self.assertEqual(len(self.children), 2)
        self.beats[first.pid] = (110, 0, 0)
        self.pass_time(2)
        self.assertIn("worker 1 is replaced after 110 requests", self.log)
        self.assertEqual((len(self.living), first.told), (3, []))
        assert self.children[2].role is not None
        self.assertFalse(self.children[2].role.runs_commands)
        self.children[2].ready()
        self.turn()
        self.assertEqual(first.told, [("drain", "server")])
        self.assertEqual(len(self.living), 2)

    def test_age_and_memory_count_and_one_goes_at_a_time(self) -> None:
        self.started(2, max_age=100.0, max_memory=2**20)
        self.pass_time(101)
        self.assertEqual(len(self.living), 3)
        self.assertIn("worker 1 is replaced after 100 s", self.log)
        self.living[-1].ready()
        self.pass_time(1)
        self.assertEqual(len(self.children), 4)
        self.assertIn("worker 2 is replaced after 102 s", self.log)
        self.living[-1].ready()
        self.beats.update({child.pid: (0, 0, 2**19) for child in self.living})
        self.pass_time(1)
        self.beats[self.living[0].pid] = (0, 0, 2**21)
        self.pass_time(2)
        self.assertIn("is replaced after 2 MiB of memory", self.log[-1])

    def test_each_has_its_turn_however_soon_the_first_is_overdue_again(self) -> None:
        self.started(3, max_requests=100)
        replaced = []
        for _ in range(9):
            # All of them have answered more than they may by the next look.
            self.beats.update({child.pid: (200, 0, 0) for child in self.living})
            self.pass_time(2)
            replaced.append(self.log[-1])
            self.all_ready()
        self.assertEqual(
            replaced, [f"worker {number} is replaced after 200 requests" for _ in range(3) for number in (1, 2, 3)]
        )

    def test_where_new_ones_take_too_much_memory_they_stay_for_longer_and_longer(self) -> None:
        self.started(1, max_memory=50 * 2**20)
        moments = []
        for second in range(1200):
            self.beats.update({child.pid: (0, 0, 66 * 2**20) for child in self.living})
            count = len(self.children)
            self.pass_time(1)
            if len(self.children) > count:
                moments.append(second)
                self.all_ready()
        pauses = [later - earlier for earlier, later in pairwise(moments)]
        self.assertEqual(pauses, sorted(pauses))
        self.assertTrue(5 < len(moments) < 15, pauses)
        self.assertGreater(pauses[-1], 300)
        told = [line for line in self.log if "server.max_memory" in line]
        self.assertEqual(
            told,
            [
                "server.max_memory is less than a new worker takes (66 MiB): raise it. Workers are replaced all the"
                " same, after ever longer pauses"
            ],
        )

    def test_one_whose_memory_has_grown_is_replaced_as_soon_as_ever(self) -> None:
        self.started(1, max_memory=50 * 2**20)
        for number in range(2, 12):
            self.beats[self.living[0].pid] = (0, 0, 40 * 2**20)
            self.pass_time(1)
            self.beats[self.living[0].pid] = (0, 0, 66 * 2**20)
            self.pass_time(2)
            self.assertEqual(len(self.children), number)
            self.all_ready()
        self.assertNotIn("server.max_memory", "\n".join(self.log))

    def test_where_there_can_be_no_process_for_a_successor_the_next_attempt_waits(self) -> None:
        self.started(1, max_age=100.0)
        self.reactor.refusals += [OSError(errno.EAGAIN, "Resource temporarily unavailable") for _ in range(40)]
        self.pass_time(160)
        self.assertIn("duck: worker 1 could not be started: Resource temporarily unavailable.", self.log)
        self.assertGreater(len(self.reactor.refusals), 20)
        self.assertTrue(self.children[0].lives)

    def test_while_there_can_be_no_successor_it_stays(self) -> None:
        self.started(1, max_age=100.0)
        self.pass_time(101)
        first, successor = self.children
        successor.fail("the project is broken.")
        self.turn()
        self.assertTrue(first.lives)
        self.assertIn("duck: the project is broken.", self.log)
        self.pass_time(1)
        self.assertEqual(len(self.children), 3)
        self.children[2].fail("the project is broken.")
        self.turn()
        self.children[0].exit(number=signal.SIGKILL)
        self.turn()
        self.assertEqual(len(self.living), 1)

    def test_one_that_dies_while_its_successor_starts_is_not_replaced_twice(self) -> None:
        self.started(1, max_age=100.0)
        self.pass_time(101)
        self.children[0].exit(number=signal.SIGKILL)
        self.turn()
        self.assertEqual(len(self.living), 1)
        self.children[1].ready()
        self.turn()
        self.assertEqual((len(self.children), len(self.living)), (2, 1))

    def test_if_neither_is_left_there_is_another_attempt(self) -> None:
        self.started(1, max_age=100.0)
        self.pass_time(101)
        self.children[0].exit(number=signal.SIGKILL)
        self.children[1].exit(number=signal.SIGKILL)
        self.turn()
        self.assertEqual(len(self.living), 1)


class CellTests(WorkersTestCase):
    def cell(self, child: ScriptedWorker) -> int:
        assert child.role is not None
        return child.role.cell

    def rolled(self, service: WorkerService) -> None:
        service.roll(self.settings())
        self.turn()

    def test_a_successor_has_another_cell_than_who_serves_even_after_one_that_failed(self) -> None:
        service = self.started(2)
        service.roll(self.settings()).addErrback(lambda failure: None)
        self.turn()
        self.children[-1].fail("the project is broken.")
        self.turn()
        self.rolled(service)
        first, second, failed, successor = self.children
        self.assertEqual((self.cell(first), self.cell(failed), self.cell(successor)), (1, 2, 2))
        self.assertEqual(self.cell(second), 3)

    def test_one_that_takes_long_to_leave_does_not_take_a_cell_along_that_is_another_s_by_now(self) -> None:
        service = self.started(1)
        first = self.children[0]
        first.obeys = False
        for _ in range(2):
            self.rolled(service)
            self.children[-1].ready()
            self.turn()
        third = self.children[-1]
        self.assertEqual((self.cell(first), self.cell(third), first.lives), (1, 1, True))
        descriptor = third.descriptors[BOARD]
        assert isinstance(descriptor, int)
        board = memoryview(mmap.mmap(descriptor, 8)).cast("I")
        board[1] = 4
        first.exit()
        self.assertEqual(board[1], 4)
        third.exit()
        self.assertEqual(board[1], 0)


class AskedToEndTests(WorkersTestCase):
    def test_one_that_somebody_asks_to_end_is_replaced_at_once(self) -> None:
        self.started(2)
        leaving = self.children[1]
        leaving.leave()
        self.turn()
        self.assertEqual(leaving.told, [])
        self.reactor.advance(0.1)
        self.turn()
        self.assertEqual(leaving.told, [("drain", "server")])
        self.assertEqual((len(self.children), len(self.living)), (3, 2))
        self.assertIn("worker 2 was asked to end, replaced at once", self.log)

    def test_where_all_are_asked_together_it_is_a_stop(self) -> None:
        service = self.started(2)
        for child in self.children:
            child.leave()
        self.successResultOf(self.stop(service))
        self.assertEqual([child.told for child in self.children], [[("drain",)]] * 2)
        self.assertEqual((len(self.children), self.reactor.getDelayedCalls()), (2, []))
