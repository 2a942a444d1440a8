"""Whether more threads would get more done, by a clock and a use that the test makes up."""

from __future__ import annotations

from duck_tx.gateway.saturation import Saturation
from tests.case import UnitTestCase


class SaturationTests(UnitTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.used = 50.0
        self.saturation = Saturation(lambda: self.now, lambda: self.used)
        self.after(0.01, 0.0)

    def after(self, elapsed: float, used: float) -> int:
        """The advice after so many seconds in which the process was at work for ``used``."""
        self.now += elapsed
        self.used += used
        return self.saturation.advice()

    def test_a_process_with_time_to_spare_gets_one_more(self) -> None:
        self.assertEqual(self.after(0.02, 0.0), 1)
        self.assertEqual(self.after(0.02, 0.013), 1)

    def test_one_that_uses_a_processor_whole_gets_one_fewer(self) -> None:
        self.assertEqual(self.after(0.02, 0.019), -1)
        self.assertTrue(self.saturation.is_full)
        self.assertEqual(self.after(0.02, 0.021), -1)

    def test_one_that_is_nearly_full_stays_as_it_is(self) -> None:
        self.assertEqual(self.after(0.02, 0.016), 0)
        self.assertFalse(self.saturation.is_full)

    def test_work_outside_the_interpreter_lock_is_no_reason_for_fewer(self) -> None:
        self.assertEqual(self.after(0.02, 0.036), 0)
        self.assertFalse(self.saturation.is_full)

    def test_it_measures_for_a_while_before_it_says_something(self) -> None:
        self.assertEqual(self.after(0.002, 0.002), 0)
        self.assertEqual(self.after(0.002, 0.002), 0)
        self.assertEqual(self.after(0.007, 0.007), -1)
        self.assertEqual(self.after(0.002, 0.002), 0)
        self.assertTrue(self.saturation.is_full)

    def test_what_was_measured_over_a_long_pause_says_nothing(self) -> None:
        self.assertEqual(self.after(5.0, 5.0), 0)
        self.assertEqual(self.after(5.0, 0.0), 0)
        self.assertFalse(self.saturation.is_full)
