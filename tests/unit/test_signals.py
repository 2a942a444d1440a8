"""Signals: taken over, handed to the reactor, and given back."""

from __future__ import annotations

import os
import signal
import threading

from twisted.internet.defer import CancelledError, Deferred

from duck_tx.process import signals
from duck_tx.process.signals import Handler, SignalService
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.reactor import HandedOver

_NUMBER = signal.SIGUSR2


class SignalTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = HandedOver()
        self.seen: list[Handler | None] = []
        self.before = signal.getsignal(_NUMBER)
        self.addCleanup(signal.signal, _NUMBER, self.before)

    def service(self, *, at_start: bool = True) -> SignalService:
        return SignalService(self.reactor, {_NUMBER: self.seen.append}, at_start=at_start)

    def started(self) -> SignalService:
        service = self.service()
        service.startService()
        self.reactor.run()
        return service

    def test_they_are_taken_when_the_reactor_runs_and_given_back_at_the_stop(self) -> None:
        service = self.service()
        service.startService()
        self.assertEqual(signal.getsignal(_NUMBER), self.before)
        self.reactor.run()
        self.assertEqual(signal.getsignal(_NUMBER), service.handle)
        service.stopService()
        self.assertEqual(signal.getsignal(_NUMBER), self.before)

    def test_the_action_is_called_by_the_reactor_and_not_by_the_signal(self) -> None:
        self.started()
        os.kill(os.getpid(), _NUMBER)
        self.assertEqual(self.seen, [])
        self.reactor.turn()
        self.assertEqual(len(self.seen), 1)

    def test_so_it_is_where_the_stop_was_faster_than_the_reactor(self) -> None:
        def earlier(number: int, frame: object) -> None:
            """A program's own."""

        signal.signal(_NUMBER, earlier)
        service = self.started()
        service.handle(_NUMBER, None)
        service.stopService()
        self.reactor.turn()
        self.assertEqual(self.seen, [earlier])

    def test_the_action_is_given_the_earlier_handler(self) -> None:
        def earlier(number: int, frame: object) -> None:
            """A program's own."""

        signal.signal(_NUMBER, earlier)
        service = self.started()
        service.handle(_NUMBER, None)
        self.reactor.turn()
        self.assertEqual(self.seen, [earlier])
        service.stopService()
        self.assertEqual(signal.getsignal(_NUMBER), earlier)

    def test_a_stop_may_leave_them_ignored(self) -> None:
        service = self.started()
        service.ignore_later(_NUMBER)
        self.assertEqual(signal.getsignal(_NUMBER), service.handle)
        service.stopService()
        self.assertEqual(signal.getsignal(_NUMBER), signal.SIG_IGN)
        again = self.started()
        again.stopService()
        self.assertEqual(signal.getsignal(_NUMBER), signal.SIG_IGN)
        signals.free(_NUMBER)
        self.assertEqual(signal.getsignal(_NUMBER), signal.SIG_DFL)

    def test_only_what_is_ignored_is_freed(self) -> None:
        def mine(number: int, frame: object) -> None:
            """A program's own."""

        signal.signal(_NUMBER, mine)
        signals.free(_NUMBER)
        self.assertEqual(signal.getsignal(_NUMBER), mine)

    def test_handlers_of_the_system_and_of_python_are_none_to_call(self) -> None:
        for earlier in (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler):
            signal.signal(_NUMBER, earlier)
            service = self.started()
            service.handle(_NUMBER, None)
            self.reactor.turn()
            service.stopService()
            self.assertEqual(signal.getsignal(_NUMBER), earlier)
        self.assertEqual(self.seen, [None, None, None])

    def test_they_may_be_taken_later(self) -> None:
        service = self.service(at_start=False)
        service.startService()
        self.reactor.run()
        self.assertEqual(signal.getsignal(_NUMBER), self.before)
        service.take()
        service.take()
        self.assertEqual(signal.getsignal(_NUMBER), service.handle)
        service.stopService()
        self.assertEqual(signal.getsignal(_NUMBER), self.before)

    def held(self, *, at_start: bool = True) -> tuple[SignalService, Deferred[None] | None]:
        """A service that is started with a signal pending that was held back."""
        self.patch(signals, "HELD", (_NUMBER,))
        signal.signal(_NUMBER, lambda number, frame: self.seen.append(None))
        signal.pthread_sigmask(signal.SIG_BLOCK, [_NUMBER])
        self.addCleanup(signal.pthread_sigmask, signal.SIG_UNBLOCK, [_NUMBER])
        # For this thread alone: there may be others that hold nothing back.
        signal.pthread_kill(threading.get_ident(), _NUMBER)
        actions = {_NUMBER: self.seen.append}
        service = SignalService(self.reactor, actions, at_start=at_start, lets_in=True)
        return service, service.startService()

    def test_what_was_held_back_is_let_in_when_there_are_handlers_and_the_start_waits(self) -> None:
        service, started = self.held()
        assert started is not None
        self.assertNoResult(started)
        self.assertEqual(self.seen, [])
        self.reactor.run()
        self.successResultOf(started)
        self.reactor.turn()
        self.assertEqual(len(self.seen), 1)
        service.stopService()
        self.assertIsNone(service.startService())

    def test_it_is_let_in_at_once_where_somebody_else_has_the_handlers(self) -> None:
        self.held(at_start=False)
        self.assertEqual(self.seen, [None])

    def test_a_stop_before_the_reactor_runs_lets_in_what_was_held_back_all_the_same(self) -> None:
        service, started = self.held()
        assert started is not None
        started.addErrback(lambda failure: failure.trap(CancelledError) and None)
        started.cancel()
        service.stopService()
        self.reactor.run()
        self.assertEqual(self.seen, [None])

    def test_a_stop_before_the_reactor_runs_takes_nothing(self) -> None:
        service = self.service()
        service.startService()
        service.stopService()
        self.reactor.run()
        self.assertEqual(signal.getsignal(_NUMBER), self.before)

    def test_who_has_taken_them_from_us_keeps_them(self) -> None:
        service = self.started()
        signal.signal(_NUMBER, signal.SIG_IGN)
        service.stopService()
        self.assertEqual(signal.getsignal(_NUMBER), signal.SIG_IGN)

    def test_a_signal_that_nothing_is_known_about_does_nothing(self) -> None:
        self.started().handle(signal.SIGWINCH, None)
        self.reactor.turn()
        self.assertEqual(self.seen, [])

    def test_an_interrupt_again_breaks_what_keeps_the_reactor(self) -> None:
        now = 100.0
        self.patch(signals.time, "monotonic", lambda: now)
        service = SignalService(self.reactor, {signal.SIGINT: self.seen.append})
        service.handle(signal.SIGINT, None)
        now += 0.5
        service.handle(signal.SIGINT, None)
        now += 1.0
        service.handle(signal.SIGTERM, None)
        self.assertRaises(KeyboardInterrupt, service.handle, signal.SIGINT, None)
        self.reactor.turn()
        self.assertEqual(len(self.seen), 3)
        service.handle(signal.SIGINT, None)

    def test_beside_the_main_thread_they_are_left_alone(self) -> None:
        with logged_lines() as lines:
            thread = threading.Thread(target=self.started)
            thread.start()
            thread.join()
        self.assertEqual(signal.getsignal(_NUMBER), self.before)
        self.assertEqual(lines, ["signals are left alone: the reactor does not run on the main thread"])
