"""The waits of a restart: when they are good, and how they are told."""

from __future__ import annotations

from benchmarks.restarts import Waits
from tests.case import UnitTestCase


class WaitsTests(UnitTestCase):
    def test_all_have_to_be_answered_in_time(self) -> None:
        self.assertTrue(Waits([0.1, 2.0]).is_good)
        for waits in (Waits([0.1, 2.1]), Waits([0.1], ["status 503"]), Waits()):
            self.assertFalse(waits.is_good)

    def test_the_longest_is_told(self) -> None:
        self.assertEqual(Waits([0.1, 0.754]).line("restart 1"), "restart 1: longest 0.75 s of 2 requests, 0 lost")
        self.assertEqual(Waits([], ["OSError()"]).line("restart 2"), "restart 2: no answers, 1 lost")
