"""Flow control windows, and patience with those who give none."""

from __future__ import annotations

from duck_tx.http.limits import Limits
from duck_tx.http2.flow import Inflow, Patience, widened
from tests.case import UnitTestCase


class WindowTests(UnitTestCase):
    def test_a_window_grows_up_to_what_there_can_be(self) -> None:
        self.assertEqual(widened(0, 2**31 - 1), 2**31 - 1)
        self.assertIsNone(widened(1, 2**31 - 1))

    def test_a_window_may_become_negative(self) -> None:
        self.assertEqual(widened(10, -30), -20)

    def test_a_client_may_send_what_its_window_has_room_for(self) -> None:
        inflow = Inflow(100)
        self.assertTrue(inflow.take(100))
        self.assertFalse(inflow.take(1))

    def test_window_is_given_back_by_halves(self) -> None:
        inflow = Inflow(100)
        inflow.take(49)
        self.assertEqual(inflow.give_back(49), 0)
        inflow.take(10)
        self.assertEqual(inflow.give_back(10), 59)
        self.assertTrue(inflow.take(100))
        self.assertFalse(inflow.take(1))

    def test_window_that_is_kept_back_comes_later(self) -> None:
        inflow = Inflow(100)
        inflow.take(100)
        self.assertEqual(inflow.give_back(100), 100)
        inflow.keep_back(60)
        inflow.take(100)
        self.assertEqual(inflow.give_back(100), 0)
        self.assertEqual(inflow.give_back(60), 100)


class PatienceTests(UnitTestCase):
    limits = Limits(write_timeout=30.0, write_min_rate=1000)

    def test_nothing_is_late_while_nothing_waits(self) -> None:
        self.assertEqual(Patience(self.limits).deadline, float("inf"))

    def test_a_client_has_some_time_for_every_piece(self) -> None:
        patience = Patience(self.limits)
        patience.wait(100.0, 0)
        self.assertEqual(patience.deadline, 130.0)
        self.assertEqual(patience.end(110.0), 10.0)
        self.assertEqual(patience.deadline, float("inf"))
        self.assertEqual(patience.end(120.0), 0.0)

    def test_time_spent_waiting_adds_up_against_the_rate(self) -> None:
        patience = Patience(self.limits)
        patience.wait(100.0, 0)
        patience.end(120.0)
        patience.wait(120.0, 5000)
        self.assertEqual(patience.deadline, 120.0 + 30.0 - 20.0 + 5.0)
