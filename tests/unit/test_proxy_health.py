"""Health checks: when a server is asked, and what its answers mean."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError, ResponseFailed, ResponseNeverReceived

from duck_tx.proxy.health import FALL, HealthCheck, TooLong, Verdict
from duck_tx.proxy.server import Server
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.upstream_case import UpstreamCase


class VerdictTests(UnitTestCase):
    def test_by_default_all_from_200_to_399_is_good(self) -> None:
        good = [status for status in range(100, 600) if Verdict().is_good(status)]
        self.assertEqual(good, list(range(200, 400)))

    def test_else_what_is_named_and_nothing_more(self) -> None:
        verdict = Verdict([204, 401])
        self.assertEqual([status for status in range(100, 600) if verdict.is_good(status)], [204, 401])

    def test_the_first_answer_counts_alone(self) -> None:
        self.assertFalse(Verdict().heard(False))
        self.assertTrue(Verdict().heard(True))

    def test_later_it_takes_two_bad_ones_in_a_row_and_one_good_one(self) -> None:
        verdict = Verdict()
        heard = [verdict.heard(is_good) for is_good in (True, False, True, False, False, False, True, False)]
        self.assertEqual(heard, [True, True, True, True, False, False, True, True])

    @given(st.lists(st.booleans(), min_size=1))
    def test_a_good_answer_is_always_enough(self, answers: list[bool]) -> None:
        verdict = Verdict()
        for is_good in answers:
            heard = verdict.heard(is_good)
            if is_good:
                self.assertTrue(heard)


class HealthCheckTests(UpstreamCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.asked: list[Deferred[int]] = []
        self.cancelled = 0
        self.target = self.server()

    def ask(self, server: Server) -> Deferred[int]:
        def cancel(_: object) -> None:
            self.cancelled += 1

        self.asked.append(Deferred(cancel))
        return self.asked[-1]

    def check(self, draw: float = 0.5, **others: Any) -> HealthCheck:
        check = HealthCheck(
            self.target, others.get("ask", self.ask), Verdict(), interval=10.0, timeout=3.0, clock=self.clock,
            draw=lambda: draw,
        )  # fmt: skip
        self.addCleanup(check.stop)
        check.start()
        return check

    def test_it_asks_soon_and_then_from_time_to_time(self) -> None:
        self.check()
        self.assertEqual(self.asked, [])
        self.clock.advance(0.5)
        self.assertEqual(len(self.asked), 1)
        self.asked[0].callback(200)
        self.clock.advance(9.9)
        self.assertEqual(len(self.asked), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.asked), 2)

    def test_checks_do_not_come_all_at_once(self) -> None:
        for draw, first, pause in ((0.0, 0.0, 9.0), (1.0, 1.0, 11.0)):
            self.asked.clear()
            check = self.check(draw)
            self.clock.advance(first)
            self.asked[0].callback(200)
            [call] = self.clock.getDelayedCalls()
            self.assertAlmostEqual(call.getTime() - self.clock.seconds(), pause)
            check.stop()

    def test_there_is_one_question_at_a_time(self) -> None:
        self.check()
        self.clock.advance(0.5)
        self.clock.advance(2.9)
        self.assertEqual(len(self.asked), 1)

    def test_bad_answers_take_the_server_out_and_a_good_one_brings_it_back(self) -> None:
        self.check()
        self.clock.advance(0.5)
        with logged_lines() as lines:
            for status in (200, 503, 500, 502, 200):
                self.asked[-1].callback(status)
                self.assertEqual(self.target.is_down, status in (500, 502), status)
                self.clock.advance(10)
        self.assertEqual(
            lines,
            ["upstream a of / is down: its health check is answered with 500", "upstream a of / is up again"],
        )

    def test_no_answer_in_time_is_a_bad_one(self) -> None:
        self.check()
        self.clock.advance(0.5)
        with logged_lines() as lines:
            self.clock.advance(3)
        self.assertEqual(self.cancelled, 1)
        self.assertEqual(lines, ["upstream a of / is down: its health check has no answer within 3 s"])
        self.clock.advance(10)
        self.assertEqual(len(self.asked), 2)

    def test_each_failure_is_told_in_words(self) -> None:
        for error, words in (
            (ConnectionRefusedError(), "the connection was refused"),
            (ResponseNeverReceived([Failure(ConnectionDone())]), "it closed the connection"),
            (ResponseFailed([Failure(ParseError("x", b"y"))]), "its answer is no HTTP"),
            (TooLong(), "the head of its answer is too long"),
        ):
            self.target = self.server()
            check = self.check()
            self.clock.advance(0.5)
            with logged_lines() as lines:
                self.asked[-1].errback(error)
            self.assertEqual(lines, [f"upstream a of / is down: its health check fails: {words}"])
            check.stop()

    def test_a_mistake_of_ours_does_not_end_the_checks(self) -> None:
        asked = []

        def ask(server: Server) -> Deferred[int]:
            asked.append(server)
            raise RuntimeError("oops")

        self.check(ask=ask)
        for later in (0.5, 10, 10):
            self.clock.advance(later)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)
        self.assertEqual(len(asked), FALL + 1)
        self.assertTrue(self.target.is_down)

    def test_after_a_stop_nothing_is_asked_and_nothing_told(self) -> None:
        check = self.check()
        check.stop()
        self.clock.advance(100)
        self.assertEqual(self.asked, [])
        check.start()
        self.clock.advance(0.5)
        check.stop()
        self.assertEqual(self.cancelled, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.target.is_down)
