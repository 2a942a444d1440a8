"""When certificates are renewed, and how long failures make one wait."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.https.acme.plan import Backoff, Window, in_words, renewal_time
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW

SECOND = timedelta(seconds=1)
DRAWS = st.floats(0.0, 1.0)
LIFETIMES = st.timedeltas(SECOND, 400 * DAY)


class RenewalTimeTests(UnitTestCase):
    def test_it_is_when_two_thirds_of_the_lifetime_are_over(self) -> None:
        for days, due in ((90, 60), (6, 4), (0.5, 1 / 3)):
            self.assertEqual(renewal_time(NOW, NOW + days * DAY, 0.0), NOW + due * DAY)

    def test_renewals_are_spread_over_a_hundredth_of_the_lifetime(self) -> None:
        self.assertEqual(renewal_time(NOW, NOW + 90 * DAY, 1.0), NOW + 60.9 * DAY)

    def test_the_window_of_the_authority_comes_first(self) -> None:
        window = Window(NOW + 40 * DAY, NOW + 42 * DAY)
        self.assertEqual(renewal_time(NOW, NOW + 90 * DAY, 0.0, window), NOW + 40 * DAY)
        self.assertEqual(renewal_time(NOW, NOW + 90 * DAY, 0.5, window), NOW + 41 * DAY)

    def test_a_window_in_the_past_means_a_day_after_the_issue_at_the_earliest(self) -> None:
        window = Window(NOW - 9 * DAY, NOW - 8 * DAY)
        self.assertEqual(renewal_time(NOW, NOW + 90 * DAY, 0.5, window), NOW + DAY)
        self.assertEqual(renewal_time(NOW, NOW + DAY, 0.5, window), NOW + DAY / 6)

    def test_a_window_that_comes_too_late_is_not_waited_for(self) -> None:
        window = Window(NOW + 89 * DAY, NOW + 95 * DAY)
        self.assertEqual(renewal_time(NOW, NOW + 90 * DAY, 0.5, window), NOW + 81 * DAY)

    def test_a_window_that_ends_before_it_begins_is_its_beginning(self) -> None:
        window = Window(NOW + 40 * DAY, NOW + 30 * DAY)
        self.assertEqual(renewal_time(NOW, NOW + 90 * DAY, 1.0, window), NOW + 40 * DAY)

    @given(LIFETIMES, DRAWS, st.none() | st.tuples(st.timedeltas(-DAY, 500 * DAY), st.timedeltas(-DAY, 500 * DAY)))
    def test_it_is_always_between_the_issue_and_the_end(
        self, lifetime: timedelta, draw: float, window: tuple[timedelta, timedelta] | None
    ) -> None:
        suggested = None if window is None else Window(NOW + window[0], NOW + window[1])
        due = renewal_time(NOW, NOW + lifetime, draw, suggested)
        self.assertLess(NOW, due)
        self.assertLess(due, NOW + lifetime)


class BackoffTests(UnitTestCase):
    def test_it_doubles_up_to_the_cap(self) -> None:
        backoff = Backoff(base=300.0, cap=3600.0)
        self.assertEqual([backoff.delay(each, 1.0) for each in range(1, 7)], [300, 600, 1200, 2400, 3600, 3600])

    def test_the_upper_half_is_drawn_by_lot(self) -> None:
        self.assertEqual([Backoff(base=300.0).delay(1, draw) for draw in (0.0, 0.5, 1.0)], [150, 225, 300])

    def test_what_the_authority_asks_for_is_the_least(self) -> None:
        self.assertEqual(Backoff().delay(1, 0.5, 86_400.0), 86_400.0)
        self.assertEqual(Backoff(base=300.0).delay(1, 1.0, 10.0), 300.0)

    def test_the_first_hour_has_five_attempts_at_most(self) -> None:
        at, attempts = 0.0, 0
        while at < 3600:
            attempts += 1
            at += Backoff().delay(attempts, 0.0)
        self.assertEqual(attempts, 5)

    @given(st.integers(1, 10**9), DRAWS)
    def test_it_is_never_less_than_half_the_base_nor_more_than_the_cap(self, failures: int, draw: float) -> None:
        self.assertTrue(150.0 <= Backoff().delay(failures, draw) <= 3600.0)

    def test_without_a_failure_there_is_nothing_to_wait_for(self) -> None:
        with self.assertRaisesRegex(ValueError, "after 0 failures"):
            Backoff().delay(0, 0.5)


class InWordsTests(UnitTestCase):
    def test_the_unit_fits(self) -> None:
        for seconds, words in (
            (-1.0, "0 s"),
            (0.4, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (299.9, "5 min"),
            (3600, "60 min"),
            (7200, "2 h"),
            (36 * 3600, "36 h"),
            (48 * 3600, "2 days"),
        ):
            self.assertEqual(in_words(seconds), words)
