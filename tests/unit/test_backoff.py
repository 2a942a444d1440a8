"""Delays before another attempt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.process.backoff import Backoff, delay_after
from tests.case import UnitTestCase


def _longest() -> float:
    return 1.0


class DelayTests(UnitTestCase):
    def test_the_first_attempts_come_at_once(self) -> None:
        self.assertEqual([delay_after(failures, draw=_longest) for failures in (0, 1)], [0.0, 0.0])

    def test_the_bound_doubles_up_to_the_cap(self) -> None:
        bounds = [delay_after(failures, 0.5, 6.0, _longest) for failures in range(2, 8)]
        self.assertEqual(bounds, [0.5, 1.0, 2.0, 4.0, 6.0, 6.0])

    def test_at_least_half_of_the_bound_is_waited(self) -> None:
        self.assertEqual(delay_after(4, draw=lambda: 0.0), 1.0)
        self.assertEqual(delay_after(4, draw=lambda: 0.25), 1.25)

    @given(st.integers(0, 8))
    def test_until_the_cap_no_wait_is_shorter_than_the_one_before(self, failures: int) -> None:
        self.assertLessEqual(delay_after(failures, draw=_longest), delay_after(failures + 1, cap=1e9, draw=lambda: 0.0))

    @given(st.integers(0, 10**9))
    def test_it_is_never_longer_than_the_cap(self, failures: int) -> None:
        self.assertTrue(0.0 <= delay_after(failures) <= 60.0)

    def test_failures_cannot_be_negative(self) -> None:
        self.assertRaises(ValueError, delay_after, -1)


class BackoffTests(UnitTestCase):
    def test_each_failure_waits_longer(self) -> None:
        backoff = Backoff(draw=_longest)
        self.assertEqual([backoff.failed(0.1) for _ in range(4)], [0.0, 0.5, 1.0, 2.0])

    def test_the_bounds_can_be_others(self) -> None:
        backoff = Backoff(base=2.0, cap=5.0, draw=_longest)
        self.assertEqual([backoff.failed(0.1) for _ in range(5)], [0.0, 2.0, 4.0, 5.0, 5.0])

    def test_failures_are_forgiven_after_a_while_of_life(self) -> None:
        backoff = Backoff(forgiven_after=60.0, draw=_longest)
        for _ in range(5):
            backoff.failed(59.9)
        self.assertEqual(backoff.failures, 5)
        self.assertEqual(backoff.failed(60.0), 0.0)
        self.assertEqual(backoff.failed(1.0), 0.5)
