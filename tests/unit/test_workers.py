"""The service that has workers serve: started, told what all of them hear, stopped."""

from __future__ import annotations

import signal

from duck_tx.errors import ApplicationError
from tests.unit.worker_case import Port, WorkersTestCase


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

    def test_it_need_not_where_somebody_has_done_so(self) -> None:
        self.runs_commands = False
        self.start(self.service())
        [first] = self.children
        assert first.role is not None
        self.assertFalse(first.role.runs_commands)

    def test_they_get_the_settings_and_the_socket(self) -> None:
        self.started(1, process_name="site", domain="site.example")
        [worker] = self.children
        assert worker.role is not None
        self.assertEqual(worker.role.settings, self.settings(process_name="site", domain="site.example"))
        self.assertEqual(worker.descriptors[worker.role.sockets["server"]], 77)

    def test_they_are_told_of_micro_apps_and_get_their_sockets(self) -> None:
        service = self.service(1)
        service.add_port("micro", Port(88), is_shared=True)
        service.microapps = lambda: b"packed"
        self.start(service)
        [worker] = self.children
        assert worker.role is not None
        self.assertEqual(worker.role.microapps, b"packed")
        sockets = {name: worker.descriptors[number] for name, number in worker.role.sockets.items()}
        self.assertEqual(sockets, {"server": 77, "micro": 88})
        worker.ready()
        self.turn()
        self.stop(service)
        self.assertEqual(worker.told[-1], ("drain", "micro"))

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


class StopTests(WorkersTestCase):
    def test_all_finish_and_take_what_queues(self) -> None:
        service = self.started(2)
        self.successResultOf(self.stop(service))
        self.assertEqual([child.told for child in self.children], [[("drain",)]] * 2)
        self.assertTrue(self.port.is_stopped)
        self.assertFalse(service.is_serving)
        self.assertEqual(self.log[-2:], ["stopping 2 workers", "all workers are down"])
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
