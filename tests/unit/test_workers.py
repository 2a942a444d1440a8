"""The service that has workers serve: started, watched, replaced, more and fewer, stopped."""

from __future__ import annotations

import errno
import signal

from duck_tx.errors import ApplicationError
from tests.unit.worker_case import WorkersTestCase


class StartTests(WorkersTestCase):
    def test_the_first_starts_alone_and_prepares_what_all_need(self) -> None:
        starting = self.start(self.service(3))
        [first] = self.children
        assert first.role is not None
        self.assertTrue(first.role.runs_commands)
        first.ready()
        self.turn()
        self.assertEqual(len(self.children), 3)
        self.assertNoResult(starting)
        for number, child in enumerate(self.children[1:], 2):
            assert child.role is not None
            self.assertEqual((child.role.number, child.role.runs_commands), (number, False))
            child.ready()
        self.turn()
        self.successResultOf(starting)

    def test_they_get_the_settings_and_the_socket(self) -> None:
        self.started(1, process_name="site", domain="site.example")
        [worker] = self.children
        assert worker.role is not None
        self.assertEqual(worker.role.settings, self.settings(process_name="site", domain="site.example"))
        self.assertEqual(worker.descriptors[worker.role.sockets["server"]], 77)

    def test_the_start_fails_with_the_lines_of_the_first(self) -> None:
        service = self.service(2)
        starting = self.start(service)
        self.children[0].fail("no such project: mend it.\nNor that.")
        failure = self.failureResultOf(starting, ApplicationError)
        self.assertEqual(str(failure.value), "no such project: mend it.\nNor that.")
        self.successResultOf(self.stop(service))
        self.reactor.advance(100)
        self.assertEqual(len(self.children), 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_fails_if_the_first_ends_without_a_word(self) -> None:
        starting = self.start(self.service(2))
        self.children[0].exit(number=signal.SIGSEGV)
        failure = self.failureResultOf(starting, ApplicationError)
        self.assertEqual(str(failure.value), "worker 1: ended by SIGSEGV before it was ready.")

    def test_another_that_fails_does_not_fail_the_start(self) -> None:
        starting = self.start(self.service(2))
        self.children[0].ready()
        self.turn()
        self.children[1].fail("too bad.")
        self.turn()
        self.successResultOf(starting)
        self.assertIn("duck: too bad.", self.log)
        self.assertIn("worker 2: exit status 1 after 0.0 s, replaced at once", self.log)

    def test_a_stop_on_the_way_ends_it(self) -> None:
        service = self.service(2)
        starting = self.start(service)
        stopping = self.stop(service)
        self.successResultOf(stopping)
        self.failureResultOf(starting, ApplicationError)
        self.assertEqual(self.living, [])

    def test_certificates_are_seen_to_when_the_project_is_loaded(self) -> None:
        self.start(self.service(1))
        [worker] = self.children
        from twisted.internet.defer import Deferred

        loaded = Deferred.fromCoroutine(worker.end.loaded(True))
        self.turn()
        self.successResultOf(loaded)
        self.assertEqual(self.asked, [True])

    def test_what_systemd_says_to_this_process_is_not_for_them(self) -> None:
        environ = {}
        spawn = self.reactor.spawnProcess
        self.patch(
            self.reactor,
            "spawnProcess",
            lambda *args, env, **kwargs: (environ.update(env), spawn(*args, env=env, **kwargs)),
        )
        self.started(1)
        self.assertEqual(environ, {"PATH": "/bin"})


class DeathTests(WorkersTestCase):
    def test_one_that_dies_is_replaced_at_once_and_then_later_and_later(self) -> None:
        service = self.started(2)
        for delay, words in (
            (0.0, "at once"),
            (0.25, "in 0.2 s (2 failures in a row)"),
            (0.5, "in 0.5 s (3 failures in a row)"),
            (1.0, "in 1.0 s (4 failures in a row)"),
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
        self.reactor.refusals.append(OSError(errno.EAGAIN, "Resource temporarily unavailable"))
        self.children[1].exit(1)
        self.turn()
        self.assertIn(
            "worker 2 could not be started: Resource temporarily unavailable after 0.0 s, replaced in 0.2 s "
            "(2 failures in a row)",
            self.log,
        )
        self.reactor.advance(0.3)
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
        self.turn()
        self.beats[self.living[0].pid] = (0, 0, 2**21)
        self.pass_time(2)
        self.assertIn("is replaced after 2 MiB of memory", self.log[-1])

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


class NumberTests(WorkersTestCase):
    def test_there_can_be_more(self) -> None:
        service = self.started(1)
        resized = service.resize(3)
        self.turn()
        self.assertEqual((len(self.living), service.count), (3, 3))
        self.assertNoResult(resized)
        self.all_ready()
        self.successResultOf(resized)
        self.assertIn("3 workers are wanted, 1 until now", self.log)

    def test_there_can_be_fewer_and_what_queues_is_for_the_others(self) -> None:
        service = self.started(3)
        self.successResultOf(service.resize(1))
        self.turn()
        self.assertEqual([child.told for child in self.children], [[], *[[("drain", "server")]] * 2])
        self.assertEqual(self.living, self.children[:1])
        self.reactor.advance(100)
        self.assertEqual(len(self.children), 3)

    def test_there_is_at_least_one(self) -> None:
        service = self.started(1)
        for count in (0, 1025):
            self.assertRaises(ApplicationError, service.resize, count)
        self.assertEqual((service.count, len(self.living)), (1, 1))

    def test_before_the_start_it_is_only_a_number(self) -> None:
        service = self.service(1)
        self.successResultOf(service.resize(2))
        self.start(service)
        self.all_ready()
        self.assertEqual(len(self.living), 2)

    def test_they_can_be_described(self) -> None:
        service = self.started(2)
        self.beats[1001] = (7, 3, 4096)
        self.pass_time(2)
        one, two = service.describe()
        self.assertEqual(
            two,
            {
                "number": 2, "pid": 1001, "state": "ready", "requests": 7, "connections": 3, "memory": 4096, "age": 2.0,
            },
        )  # fmt: skip
        self.assertEqual((one["number"], one["pid"]), (1, 1000))


class RollTests(WorkersTestCase):
    def test_each_is_replaced_when_the_one_before_has_been(self) -> None:
        service = self.started(2)
        rolled = service.roll(self.settings(process_name="new"))
        self.turn()
        one, two, new = self.children
        assert new.role is not None
        self.assertEqual((new.role.number, new.role.runs_commands), (1, True))
        self.assertEqual(new.role.settings.server.process_name, "new")
        self.assertEqual((one.told, two.told), ([], []))
        new.ready()
        self.turn()
        self.assertEqual((one.told, two.told), ([("drain", "server")], []))
        last = self.children[3]
        assert last.role is not None
        self.assertEqual((last.role.number, last.role.runs_commands), (2, False))
        self.assertNoResult(rolled)
        last.ready()
        self.turn()
        self.successResultOf(rolled)
        self.assertEqual(self.living, [new, last])

    def test_old_ones_serve_on_where_new_ones_cannot(self) -> None:
        service = self.started(2)
        rolled = service.roll(self.settings(process_name="new"))
        self.turn()
        self.children[2].fail("it is broken.")
        self.turn()
        self.assertEqual(str(self.failureResultOf(rolled, ApplicationError).value), "it is broken.")
        self.assertEqual(self.living, self.children[:2])
        self.children[0].exit(number=signal.SIGKILL)
        self.reactor.advance(1)
        self.turn()
        role = self.children[3].role
        assert role is not None
        self.assertEqual(role.settings, self.settings())

    def test_two_at_the_same_time_come_one_after_the_other(self) -> None:
        service = self.started(1)
        rolls = [service.roll(self.settings(process_name=name)) for name in ("a", "b")]
        self.all_ready()
        for roll in rolls:
            self.successResultOf(roll)
        [worker] = self.living
        assert worker.role is not None
        self.assertEqual(worker.role.settings.server.process_name, "b")

    def test_a_stop_meanwhile_ends_it(self) -> None:
        service = self.started(2)
        rolled = service.roll(self.settings())
        self.turn()
        self.successResultOf(self.stop(service))
        self.failureResultOf(rolled, ApplicationError)
        self.assertEqual((self.living, len(self.children)), ([], 3))

    def test_there_is_nothing_to_replace_before_the_start(self) -> None:
        self.failureResultOf(self.service(1).roll(self.settings()), ApplicationError)


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


class StopTests(WorkersTestCase):
    def test_all_finish_and_take_what_queues(self) -> None:
        service = self.started(2)
        self.successResultOf(self.stop(service))
        self.assertEqual([child.told for child in self.children], [[("drain",)]] * 2)
        self.assertTrue(self.port.is_stopped)
        self.assertFalse(service.is_serving)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_queues_is_left_where_somebody_else_will_serve_it(self) -> None:
        service = self.started(1, shared=("server",))
        self.stop(service)
        self.assertEqual(self.children[0].told, [("drain", "server")])

    def test_who_does_not_end_is_killed_when_the_grace_is_over(self) -> None:
        service = self.started(2, grace=10.0)
        slow = self.children[0]
        slow.obeys = False
        stopping = self.stop(service)
        self.reactor.advance(11.9)
        self.turn()
        self.assertEqual(self.living, [slow])
        self.assertNoResult(stopping)
        self.reactor.advance(0.1)
        self.turn()
        self.assertEqual(slow.signals, [signal.SIGKILL])
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_stop_at_once_kills(self) -> None:
        service = self.started(2)
        for child in self.children:
            child.obeys = False
        stopping = self.stop(service)
        service.stop_at_once()
        self.turn()
        self.successResultOf(stopping)
        self.assertEqual(self.living, [])

    def test_a_stop_that_is_given_up_kills_too(self) -> None:
        service = self.started(1)
        self.children[0].obeys = False
        stopping = self.stop(service)
        stopping.addErrback(lambda failure: None)
        stopping.cancel()
        self.turn()
        self.assertEqual(self.living, [])

    def test_it_can_be_started_again(self) -> None:
        service = self.started(1)
        self.successResultOf(self.stop(service))
        starting = self.start(service)
        self.all_ready()
        self.successResultOf(starting)
        self.assertEqual(len(self.living), 1)

    def test_one_that_was_never_started_stops(self) -> None:
        self.successResultOf(self.stop(self.service(1)))


class WordTests(WorkersTestCase):
    """What all of them are told."""

    def test_all_hear_it(self) -> None:
        service = self.started(2)
        service.announce_stop()
        service.reopen_logs()
        service.reload_certificates()
        self.turn()
        for child in self.children:
            self.assertEqual(child.told, [("announce",), ("reopen",), ("reload",)])

    def test_answers_to_challenges_are_told_to_those_who_come_later_too(self) -> None:
        service = self.started(1)
        service.answer("http", b"token", b"answer" * 20_000)
        service.answer("tls", b"name", b"pem")
        service.answer("tls", b"name", b"")
        settled = service.settled()
        self.assertNoResult(settled)
        self.turn()
        self.successResultOf(settled)
        first = ("answer", "http", b"token", b"answer" * 20_000)
        self.assertEqual(
            self.children[0].told, [first, ("answer", "tls", b"name", b"pem"), ("answer", "tls", b"name", b"")]
        )
        service.resize(2)
        self.turn()
        self.assertEqual(self.children[1].told, [first])
