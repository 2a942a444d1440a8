"""How much of a body has come, and how fast."""

from __future__ import annotations

from duck_tx.http.head import Rejected
from duck_tx.http.limits import Limits
from duck_tx.http2.fields import Malformed
from duck_tx.http2.tally import Tally
from tests.case import UnitTestCase

LIMITS = Limits(max_body=1000, body_timeout=20.0, body_min_rate=100)


def tally(declared: int | None = None) -> Tally:
    return Tally(LIMITS, declared, started=100.0)


class TallyTests(UnitTestCase):
    def test_what_comes_is_counted(self) -> None:
        counted = tally()
        for length in (400, 0, 600):
            counted.count(length, 101.0)
        counted.end()
        self.assertEqual(counted.size, 1000)

    def test_more_than_allowed_is_too_large(self) -> None:
        counted = tally()
        counted.count(1000, 101.0)
        fault = self.assertRaises(Rejected, counted.count, 1, 101.0)
        self.assertEqual((fault.status, fault.reason), (413, "The request body is too large."))

    def test_there_need_not_be_a_limit(self) -> None:
        Tally(Limits(max_body=0), None, 100.0).count(10**12, 101.0)

    def test_another_length_than_was_declared_is_malformed(self) -> None:
        counted = tally(5)
        counted.count(4, 101.0)
        self.assertRaises(Malformed, counted.end)
        self.assertRaises(Malformed, counted.count, 2, 101.0)
        counted.count(1, 101.0)
        counted.end()

    def test_silence_slowness_and_parts_of_pieces(self) -> None:
        counted = tally()
        self.assertEqual(counted.deadline(), 120.0)
        counted.count(500, 103.0)
        self.assertEqual(counted.deadline(), 123.0)
        counted.hear(100, 118.0)
        self.assertEqual(counted.deadline(), 126.0)

    def test_time_in_which_the_client_could_not_send_does_not_count(self) -> None:
        counted = tally()
        counted.excuse(50.0)
        self.assertEqual(counted.deadline(), 170.0)
