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

    def test_it_takes_so_many_failures_in_a_row(self) -> None:
        self.assertEqual(self.failed(1, 2, 3), [0, 0, 10])
        self.assertEqual(self.ejection.until, 13)

    def test_a_success_in_between_begins_the_row_anew(self) -> None:
        self.failed(1, 2)
        self.assertFalse(self.ejection.succeeded(2.5))
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
        self.assertTrue(self.ejection.succeeded(12))
        self.assertFalse(self.ejection.is_suspect)
        self.assertFalse(self.ejection.succeeded(12))
        self.assertEqual(self.failed(13, 13, 13), [0, 0, 20])

    def test_after_twice_the_time_without_one_it_is_forgotten(self) -> None:
        self.failed(1, 1, 1)
        self.ejection.succeeded(12)
        self.ejection.succeeded(31)
        self.assertEqual(self.failed(40, 40, 40), [0, 0, 10])

    def test_a_success_while_it_is_left_out_brings_it_back(self) -> None:
        self.failed(1, 1, 1)
        self.assertTrue(self.ejection.succeeded(5))
        self.assertEqual(self.ejection.until, 5)

    def test_the_last_one_stays_and_goes_at_once_when_it_is_not_the_last_any_more(self) -> None:
        self.assertEqual([self.ejection.failed(1, is_last=True) for _ in range(9)], [0] * 9)
        self.assertEqual(self.ejection.until, -inf)
        self.assertEqual(self.failed(2), [10])

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
                ejection.succeeded(now)
            self.assertIn(seconds, (0.0, 10.0, 20.0, 40.0, 60.0))
            self.assertLessEqual(ejection.until, now + 60.0)
