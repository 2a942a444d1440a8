"""``duckctl restart``: which server is the one that was waited for."""

from __future__ import annotations

from duck_tx.cli.restart import is_another_life
from tests.case import UnitTestCase


class AnotherLifeTests(UnitTestCase):
    def test_the_one_of_before_is_not_it_while_it_finishes(self) -> None:
        self.assertFalse(is_another_life({"started": 1000.123, "serving": True}, 1000.123))
        self.assertFalse(is_another_life({"started": 1000.123, "serving": True}, 1000.1234567))

    def test_one_that_starts_is_not_it_yet(self) -> None:
        self.assertFalse(is_another_life({"started": 1003.0, "serving": False}, 1000.0))
        self.assertTrue(is_another_life({"started": 1003.0, "serving": True}, 1000.0))

    def test_a_clock_that_was_set_back_is_no_reason_to_wait(self) -> None:
        self.assertTrue(is_another_life({"started": 900.0, "serving": True}, 1000.0))

    def test_one_of_a_version_that_does_not_say_whether_it_serves_is_believed(self) -> None:
        self.assertTrue(is_another_life({"started": 1003.0}, 1000.0))
