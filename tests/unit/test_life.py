"""The life of a tree in a process: its own reactor, somebody else's, and what ends it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ReactorNotRunning

from duck_tx import life
from duck_tx.errors import PortError
from duck_tx.life import Life
from duck_tx.process.sequence import Sequence
from duck_tx.process.threads import PATIENCE
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.reactor import HandedOver


class _Reactor(HandedOver):
    """Counts who stops it; ``run`` returns at once, as that of the one it comes from."""

    _exitSignal: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def stop(self) -> None:
        super().stop()
        self.stops += 1
        if self.stops > 2:
            raise ReactorNotRunning

    def addSystemEventTrigger(  # type: ignore[override]
        self, phase: str, event: str, call: Callable[..., object], *args: Any, **kw: Any
    ) -> Any:
        super().addSystemEventTrigger(phase, event, call, *args, **kw)
        return (phase, event, call)

    def removeSystemEventTrigger(self, trigger: Any) -> None:
        phase, event, call = trigger
        self.triggers[phase][event] = [each for each in self.triggers[phase][event] if each[0] != call]


class _Child(Service):
    def __init__(self, start: Callable[[], Any] = lambda: None) -> None:
        self._start = start

    def startService(self) -> Any:
        super().startService()
        return self._start()


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = _Reactor()
        self.ended: list[str] = []
        self.statuses: list[int] = []
        self.in_time: list[tuple[int, float]] = []
        self.patch(life, "exit_with", self.statuses.append)
        self.patch(life, "end_in_time", lambda status, patience: self.in_time.append((status, patience)))
        self.patch(life, "log_to_console", lambda: None)

    def life(self, child: _Child | None = None, *, is_guest: bool = False) -> Life:
        made = Life(self.reactor, is_guest=is_guest, ended=lambda: self.ended.append("ended"), grace=30)
        made.service = Sequence(made.failed)
        self.child = child or _Child()
        self.child.setServiceParent(made.service)
        return made


class GuestTests(_Case):
    def test_the_tree_starts_and_stops_and_the_reactor_is_left_alone(self) -> None:
        guest = self.life(is_guest=True)
        guest.run()
        self.assertTrue(self.child.running)
        self.successResultOf(guest.stop(ends=True))
        self.assertFalse(self.child.running)
        self.assertEqual((self.reactor.stops, self.ended), (0, ["ended"]))

    def test_a_failure_goes_to_who_has_started_it(self) -> None:
        guest = self.life(_Child(lambda: fail(PortError("taken"))), is_guest=True)
        with logged_lines() as lines:
            self.failureResultOf(guest.start(), PortError)
        self.assertEqual((lines, self.ended), (["duck: taken"], ["ended"]))
        self.assertEqual((self.reactor.stops, self.statuses), (0, []))

    def test_run_has_only_the_log_to_tell_a_failure_to(self) -> None:
        guest = self.life(_Child(lambda: fail(PortError("taken"))), is_guest=True)
        with logged_lines() as lines:
            guest.run()
        self.assertEqual(lines, ["duck: taken"])
        self.assertIsInstance(guest.error, PortError)

    def test_a_reactor_that_stops_takes_the_tree_along(self) -> None:
        guest = self.life(is_guest=True)
        guest.run()
        for call, args, kwargs in self.reactor.triggers["before"]["shutdown"]:
            self.successResultOf(call(*args, **kwargs))
        self.assertFalse(self.child.running)

    def test_a_tree_that_is_down_is_nothing_to_a_reactor_that_stops(self) -> None:
        guest = self.life(is_guest=True)
        guest.run()
        guest.stop(ends=False)
        self.assertEqual(self.reactor.triggers["before"]["shutdown"], [])
        guest.start()
        self.assertEqual(len(self.reactor.triggers["before"]["shutdown"]), 1)


class HostTests(_Case):
    def test_run_starts_the_tree_when_the_reactor_runs_and_returns_when_it_has_ended(self) -> None:
        host = self.life()
        host.run()
        self.assertTrue(self.child.running)
        self.assertEqual(self.ended, ["ended"])

    def test_a_failure_stops_the_reactor_and_is_the_status(self) -> None:
        host = self.life(_Child(lambda: fail(PortError("taken"))))
        with logged_lines() as lines, self.assertRaises(SystemExit) as caught:
            host.run()
        self.assertEqual((caught.exception.code, lines), (1, ["duck: taken"]))
        self.assertGreaterEqual(self.reactor.stops, 1)
        self.assertEqual((self.statuses, self.in_time), ([], [(1, PATIENCE)]))

    def test_what_nobody_has_foreseen_is_logged_with_its_traceback(self) -> None:
        host = self.life(_Child(lambda: fail(LookupError("lost"))))
        with self.assertRaises(SystemExit):
            host.run()
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_a_signal_that_only_the_reactor_knows_of_ends_the_process_too(self) -> None:
        signalled: list[signal.Signals] = []
        self.patch(life, "exit_by", lambda number, patience: signalled.append(number))
        self.reactor._exitSignal = signal.SIGTERM
        self.life().run()
        self.assertEqual(signalled, [signal.SIGTERM])

    def test_a_stop_ends_the_reactor_unless_it_shall_not(self) -> None:
        host = self.life()
        host.start()
        host.stop(ends=False)
        self.assertEqual(self.reactor.stops, 0)
        host.start()
        host.stop(ends=True)
        self.assertEqual(self.reactor.stops, 1)


class ReplaceTests(_Case):
    def test_what_follows_is_seen_to_when_the_tree_is_down_and_before_the_reactor_stops(self) -> None:
        host = self.life()
        host.start()
        seen: list[tuple[bool, int]] = []
        self.successResultOf(host.replace(lambda: seen.append((bool(self.child.running), self.reactor.stops))))
        self.assertEqual((seen, self.reactor.stops), ([(False, 0)], 1))

    def test_run_does_not_return_then(self) -> None:
        host = self.life()
        self.reactor.callWhenRunning(lambda: host.replace(lambda: None))
        with self.assertRaises(SystemExit) as caught:
            host.run()
        self.assertEqual(caught.exception.code, 0)

    def test_a_stop_in_the_meantime_has_the_last_word(self) -> None:
        self.has_the_last_word(lambda host: host.stop(ends=True))
        self.has_the_last_word(lambda host: host.interrupted(signal.SIGTERM, lambda number, frame: None))

    def test_a_signal_that_was_on_its_way_when_the_tree_was_down_is_for_what_follows(self) -> None:
        host = self.life()
        host.start()
        taken: list[int] = []
        before = signal.getsignal(signal.SIGTERM)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        follows = lambda: signal.signal(signal.SIGTERM, lambda number, frame: taken.append(number))  # noqa: E731
        self.successResultOf(host.replace(follows))
        host.interrupted(signal.SIGTERM, None)
        self.assertEqual(taken, [signal.SIGTERM])

    def has_the_last_word(self, stop: Callable[[Life], object]) -> None:
        down: Deferred[None] = Deferred()

        class Lasting(_Child):
            def stopService(self) -> Deferred[None]:
                return down

        host = self.life(Lasting())
        host.start()
        seen: list[str] = []
        replaced = host.replace(lambda: seen.append("follows"))
        stop(host)
        down.callback(None)
        self.successResultOf(replaced)
        self.assertEqual(seen, [])


class TwistdTests(_Case):
    def test_a_failure_sets_the_status_and_stops_the_reactor_when_it_runs(self) -> None:
        tree = self.life(_Child(lambda: fail(PortError("taken"))))
        with logged_lines() as lines:
            tree.service.startService()
        self.assertEqual((lines, self.statuses, self.reactor.stops), (["duck: taken"], [1], 0))
        self.reactor.run()
        self.assertGreaterEqual(self.reactor.stops, 1)

    def test_threads_that_outlast_a_stop_get_what_is_left_of_the_grace(self) -> None:
        tree = self.life()
        tree.start()
        self.successResultOf(tree.stop(ends=True))
        self.reactor.advance(12)
        for call, args, kwargs in self.reactor.triggers["after"]["shutdown"]:
            call(*args, **kwargs)
        self.assertEqual(self.in_time, [(0, 18)])

    def test_of_a_stop_at_once_they_get_little(self) -> None:
        tree = self.life()
        tree.start()
        for _ in range(2):
            tree.interrupted(signal.SIGINT, None)
        for call, args, kwargs in self.reactor.triggers["after"]["shutdown"]:
            call(*args, **kwargs)
        self.assertEqual(self.in_time, [(0, PATIENCE)])


class InterruptTests(_Case):
    def test_the_first_goes_on_to_who_had_the_signal_before(self) -> None:
        earlier: list[int] = []
        tree = self.life()
        tree.start()
        tree.interrupted(signal.SIGTERM, lambda number, frame: earlier.append(number))
        self.assertEqual((earlier, self.reactor.stops), ([signal.SIGTERM], 0))

    def test_where_nobody_had_it_the_reactor_is_stopped(self) -> None:
        tree = self.life()
        tree.start()
        tree.interrupted(signal.SIGINT, None)
        self.assertEqual(self.reactor.stops, 1)

    def test_a_further_interrupt_is_for_those_in_a_hurry_and_a_further_sigterm_is_not(self) -> None:
        tree = self.life()
        hurried: list[str] = []
        self.patch(tree.service, "stop_at_once", lambda: hurried.append("hurry"))
        tree.start()
        for number in (signal.SIGTERM, signal.SIGTERM):
            tree.interrupted(number, None)
        self.assertEqual(hurried, [])
        tree.interrupted(signal.SIGINT, None)
        self.assertEqual(hurried, ["hurry"])

    def test_another_start_counts_anew(self) -> None:
        tree = self.life()
        self.child._start = Deferred
        tree.start()
        tree.interrupted(signal.SIGINT, lambda number, frame: None)
        tree.stop(ends=False)
        hurried: list[str] = []
        self.patch(tree.service, "stop_at_once", lambda: hurried.append("hurry"))
        tree.start()
        tree.interrupted(signal.SIGINT, lambda number, frame: None)
        self.assertEqual(hurried, [])
