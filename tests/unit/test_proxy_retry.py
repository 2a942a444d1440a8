"""Whether a request may be sent once more, and how many may be at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.proxy.retry import IDEMPOTENT, RetryBudget, may_repeat
from tests.case import UnitTestCase

_METHODS = st.sampled_from([b"GET", b"HEAD", b"PUT", b"POST", b"PATCH", b"get", b"CONNECT", b"FROB"])


class MayRepeatTests(UnitTestCase):
    @given(_METHODS, st.booleans(), st.booleans(), st.booleans(), st.booleans())
    def test_never_when_somebody_has_been_told_or_the_body_is_gone(
        self, method: bytes, was_written: bool, has_answered: bool, can_replay: bool, timed_out: bool
    ) -> None:
        may = may_repeat(
            method, was_written=was_written, has_answered=has_answered, can_replay=can_replay, timed_out=timed_out
        )
        if has_answered or not can_replay:
            self.assertFalse(may)
        elif not was_written:
            self.assertTrue(may)
        else:
            self.assertEqual(may, method in IDEMPOTENT and not timed_out)

    def test_what_changes_something_is_not_sent_twice(self) -> None:
        for method in (b"POST", b"PATCH", b"CONNECT", b"get"):
            self.assertFalse(may_repeat(method, was_written=True, has_answered=False, can_replay=True))
            self.assertTrue(may_repeat(method, was_written=False, has_answered=False, can_replay=True))


class RetryBudgetTests(UnitTestCase):
    def setUp(self) -> None:
        self.now = 0.0

    def budget(self, share: float = 0.2) -> RetryBudget:
        return RetryBudget(share, lambda: self.now)

    def taken(self, budget: RetryBudget, times: int = 5000) -> int:
        return sum(budget.take() for _ in range(times))

    def test_some_are_there_from_the_beginning(self) -> None:
        budget = self.budget()
        self.assertEqual(self.taken(budget), 100)
        self.assertEqual((budget.spent, budget.refused), (100, 4900))

    def test_requests_bring_more_in_their_share(self) -> None:
        budget = self.budget(0.25)
        self.taken(budget)
        for _ in range(40):
            budget.count()
        self.assertEqual(self.taken(budget), 10)

    def test_time_brings_back_the_first_ones_and_no_more(self) -> None:
        budget = self.budget()
        self.taken(budget)
        self.now += 10
        self.assertEqual(self.taken(budget), 5)
        self.now += 10**6
        self.assertEqual(self.taken(budget), 100)

    def test_they_are_not_saved_up_for_ever(self) -> None:
        budget = self.budget(1.0)
        for _ in range(9999):
            budget.count()
        self.now += 10**6
        self.assertEqual(self.taken(budget), 1000)

    def test_a_share_of_nothing_is_nothing(self) -> None:
        self.assertEqual(self.taken(self.budget(0.0)), 0)

    @given(st.floats(0.01, 1), st.lists(st.booleans(), max_size=300))
    def test_there_are_never_more_than_the_share_beyond_the_first(self, share: float, events: list[bool]) -> None:
        budget = self.budget(share)
        for is_request in events:
            if is_request:
                budget.count()
            else:
                budget.take()
        self.assertLessEqual(budget.spent, 100 + share * events.count(True) + 1e-6)
