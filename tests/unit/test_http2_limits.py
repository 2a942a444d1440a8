"""What a client may do for nothing."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

from duck_tx.http2.errors import ConnectionFault, ErrorCode
from duck_tx.http2.limits import Allowance, Budget, Http2Limits
from duck_tx.settings import Settings
from tests.case import UnitTestCase


class LimitTests(UnitTestCase):
    def test_the_defaults_are_those_of_the_settings(self) -> None:
        section = Settings().http2
        given = {name: getattr(section, name) for name in Http2Limits.__slots__}
        self.assertEqual(Http2Limits(**given), Http2Limits())


class AllowanceTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.allowance = Allowance(100, self.clock.seconds)

    def test_the_whole_of_it_may_be_spent_at_once_and_no_more(self) -> None:
        self.assertTrue(all(self.allowance.spend() for _ in range(100)))
        self.assertFalse(self.allowance.spend())

    def test_a_tenth_comes_back_each_second(self) -> None:
        self.allowance.spend(100)
        self.clock.advance(1)
        self.assertTrue(self.allowance.spend(10))
        self.assertFalse(self.allowance.spend())

    def test_what_is_earned_may_be_spent_again(self) -> None:
        self.allowance.spend(100)
        self.allowance.earn(2)
        self.assertTrue(self.allowance.spend(2))
        self.assertFalse(self.allowance.spend())

    def test_nothing_is_saved_up(self) -> None:
        self.allowance.earn(1000)
        self.clock.advance(1000)
        self.assertFalse(self.allowance.spend(101))


class BudgetTests(UnitTestCase):
    def setUp(self) -> None:
        limits = Http2Limits(max_control_frames=100, max_resets=10)
        self.budget = Budget(limits, Clock().seconds)

    def allowed(self, call: Callable[[], None]) -> int:
        """How often ``call`` may be called."""
        for times in range(1000):
            try:
                call()
            except ConnectionFault as fault:
                self.assertEqual(fault.code, ErrorCode.ENHANCE_YOUR_CALM)
                return times
        return 1000

    def test_frames_and_resets_are_counted_apart(self) -> None:
        self.assertEqual(self.allowed(self.budget.reset), 10)
        self.assertEqual(self.allowed(self.budget.frame), 100)

    def test_a_frame_may_cost_more_than_one(self) -> None:
        self.assertEqual(self.allowed(lambda: self.budget.frame(7)), 100 // 7)

    def test_requests_and_content_pay_for_frames(self) -> None:
        self.budget.frame(100)
        self.budget.request()
        self.budget.content()
        self.assertEqual(self.allowed(self.budget.frame), 4 + 2)
