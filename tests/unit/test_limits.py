"""When a connection has had time enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.limits import Limits, body_deadline, slow_reader_deadline
from tests.case import UnitTestCase

LIMITS = Limits(body_timeout=20, body_min_rate=1000, write_timeout=30, write_min_rate=1000)


class BodyTests(UnitTestCase):
    def test_the_first_piece_has_the_whole_time(self) -> None:
        self.assertEqual(body_deadline(LIMITS, now=100, started=100, received=0), 120)

    def test_silence_is_counted_from_the_last_piece(self) -> None:
        self.assertEqual(body_deadline(LIMITS, now=150, started=100, received=1_000_000), 170)

    def test_who_falls_behind_the_rate_is_not_saved_by_dripping(self) -> None:
        self.assertEqual(body_deadline(LIMITS, now=119, started=100, received=500), 120.5)

    def test_without_a_rate_only_silence_counts(self) -> None:
        limits = Limits(body_timeout=20, body_min_rate=0)
        self.assertEqual(body_deadline(limits, now=1000, started=100, received=5), 1020)

    @given(st.integers(1, 10**9), st.integers(0, 10**9))
    def test_a_byte_more_never_shortens_the_wait(self, received: int, now: int) -> None:
        before = body_deadline(LIMITS, now=now, started=0, received=received - 1)
        self.assertLessEqual(before, body_deadline(LIMITS, now=now, started=0, received=received))


class SlowReaderTests(UnitTestCase):
    def test_a_client_has_time_to_begin(self) -> None:
        self.assertEqual(slow_reader_deadline(LIMITS, now=100, blocked=0, sent=0), 130)

    def test_waiting_that_adds_up_needs_bytes_that_add_up(self) -> None:
        self.assertEqual(slow_reader_deadline(LIMITS, now=100, blocked=29, sent=500), 101.5)

    def test_a_client_at_a_good_rate_has_the_whole_time_again(self) -> None:
        self.assertEqual(slow_reader_deadline(LIMITS, now=100, blocked=29, sent=1_000_000), 130)

    def test_without_a_rate_only_silence_counts(self) -> None:
        limits = Limits(write_timeout=30, write_min_rate=0)
        self.assertEqual(slow_reader_deadline(limits, now=100, blocked=10_000, sent=0), 130)
