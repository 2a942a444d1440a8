"""From when on the end of a certificate is told."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.https.expiry import EXPIRED, days_left
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW, issue

_LONG = issue("example.org", begins=NOW, ends=NOW + 90 * DAY).certificate
_SHORT = issue("example.org", begins=NOW, ends=NOW + 6 * DAY).certificate


class DaysLeftTests(UnitTestCase):
    def test_from_fourteen_days_before_on_every_day_counts(self) -> None:
        self.assertIsNone(days_left(_LONG, NOW + 76 * DAY - timedelta(seconds=1)))
        self.assertEqual([days_left(_LONG, NOW + day * DAY) for day in (76, 77, 89, 90)], [14, 13, 1, 0])

    def test_one_that_has_expired(self) -> None:
        self.assertEqual(days_left(_LONG, NOW + 90 * DAY), 0)
        self.assertEqual(days_left(_LONG, NOW + 90 * DAY + timedelta(seconds=1)), EXPIRED)

    def test_a_short_life_is_told_of_in_its_last_third(self) -> None:
        self.assertIsNone(days_left(_SHORT, NOW + 3 * DAY))
        self.assertEqual(days_left(_SHORT, NOW + 4 * DAY), 2)

    @given(st.timedeltas(timedelta(), 100 * DAY), st.timedeltas(timedelta(), 100 * DAY))
    def test_days_only_become_fewer(self, one: timedelta, other: timedelta) -> None:
        sooner, later = sorted((one, other))
        before, after = (
            100 if (left := days_left(_LONG, NOW + passed)) is None else left for passed in (sooner, later)
        )
        self.assertGreaterEqual(before, after)
