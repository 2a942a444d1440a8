"""Failures in a row, and how long a server is left out because of them."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.proxy.passive import Ejection
from tests.case import UnitTestCase


class EjectionTests(UnitTestCase):
    def setUp(self) -> None:
        self.ejection = Ejection(3, 10.0, 60.0)

    def failed(self, *moments: float) -> list[float]:
        return [self.ejection.failed(now) for now in moments]

    def succeeded(self, now: float) -> bool:
        self.ejection.finished()
        return self.ejection.answered(now)

    def test_it_takes_so_many_failures_in_a_row(self) -> None:
        self.assertEqual(self.failed(1, 2, 3), [0, 0, 10])
        self.assertEqual(self.ejection.until, 13)

    def test_a_success_in_between_begins_the_row_anew(self) -> None:
        self.failed(1, 2)
        self.assertFalse(self.succeeded(2.5))
        self.assertEqual(self.failed(3, 4, 5), [0, 0, 10])

    def test_what_was_on_its_way_does_not_count_twice(self) -> None:
        self.assertEqual(self.failed(1, 1, 1, 1, 2, 10.9), [0, 0, 10, 0, 0, 0])
        self.assertEqual(self.ejection.until, 11)

    def test_one_failure_after_the_return_is_enough_and_costs_twice_the_time_up_to_a_cap(self) -> None:
        self.failed(1, 1)
        now, times = 1.0, []
        for _ in range(6):
            times.append(self.ejection.failed(now))
            now = self.ejection.until
        self.assertEqual(times, [10, 20, 40, 60, 60, 60])

    def test_the_first_success_ends_the_suspicion_but_not_the_memory(self) -> None:
        self.failed(1, 1, 1)
        self.assertTrue(self.ejection.is_suspect)
        self.assertTrue(self.succeeded(12))
        self.assertFalse(self.ejection.is_suspect)
        self.assertFalse(self.succeeded(12))
        self.assertEqual(self.failed(13, 13, 13), [0, 0, 20])

    def test_after_twice_the_time_without_one_it_is_forgotten(self) -> None:
        self.failed(1, 1, 1)
        self.succeeded(12)
        self.succeeded(32)
        self.assertEqual(self.failed(40, 40, 40), [0, 0, 10])

    def test_a_success_while_it_is_left_out_brings_it_back(self) -> None:
        self.failed(1, 1, 1)
        self.assertTrue(self.succeeded(5))
        self.assertEqual(self.ejection.until, 5)

    def test_the_last_one_stays_and_goes_at_once_when_it_is_not_the_last_any_more(self) -> None:
        self.assertEqual([self.ejection.failed(1, is_last=True) for _ in range(9)], [0] * 9)
        self.assertEqual(self.ejection.until, -inf)
        self.assertEqual(self.failed(2), [10])

    def test_the_last_one_is_failing_until_an_answer_is_whole(self) -> None:
        self.assertFalse(self.ejection.is_failing)
        for now in range(3):
            self.ejection.failed(now, is_last=True)
        self.assertTrue(self.ejection.is_failing)
        self.ejection.answered(4)
        self.assertTrue(self.ejection.is_failing)
        self.ejection.finished()
        self.assertFalse(self.ejection.is_failing)

    def test_answers_that_are_never_whole_are_no_success(self) -> None:
        times = []
        for now in range(1, 5):
            self.ejection.answered(now)
            times += self.failed(now)
        self.assertEqual(times, [0, 0, 10, 20])

    def test_one_request_is_enough_for_a_trial(self) -> None:
        self.ejection.tried(1)
        self.assertEqual(self.ejection.until, -inf)
        self.failed(1, 1, 1)
        self.ejection.tried(11)
        self.assertEqual((self.ejection.out_until, self.ejection.until), (11, 21))
        self.assertEqual(self.failed(12), [20])
        self.assertEqual((self.ejection.out_until, self.ejection.until), (32, 32))
        self.ejection.tried(32)
        self.assertTrue(self.succeeded(33))
        self.assertEqual((self.ejection.out_until, self.ejection.until), (33, 33))

    def test_a_trial_that_tells_nothing_is_followed_by_the_next(self) -> None:
        self.ejection.given_up(1)
        self.assertEqual(self.ejection.until, -inf)
        self.failed(1, 1, 1)
        self.ejection.given_up(2)
        self.assertEqual(self.ejection.until, 11)
        self.ejection.tried(12)
        self.ejection.given_up(13)
        self.assertEqual(self.ejection.until, 13)
        self.ejection.given_up(14)
        self.assertEqual(self.ejection.until, 13)

    def test_one_that_is_tried_while_it_is_out_is_out_for_no_less(self) -> None:
        self.failed(1, 1, 1)
        self.failed(11)
        self.ejection.tried(12)
        self.assertEqual(self.ejection.until, 31)
        self.ejection.given_up(13)
        self.assertEqual(self.ejection.until, 31)

    def test_zero_failures_mean_never(self) -> None:
        self.ejection = Ejection(0)
        self.assertEqual(self.failed(*range(100)), [0] * 100)

    @given(st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=60))
    def test_it_is_never_out_for_longer_than_the_cap(self, events: list[tuple[bool, float]]) -> None:
        ejection, now = Ejection(2, 10.0, 60.0), 0.0
        for is_good, later in events:
            now += later
            seconds = 0.0 if is_good else ejection.failed(now)
            if is_good:
                ejection.finished()
                ejection.answered(now)
            self.assertIn(seconds, (0.0, 10.0, 20.0, 40.0, 60.0))
            self.assertLessEqual(ejection.until, now + 60.0)
