"""How long a worker may serve, and how long it may be silent."""

from __future__ import annotations

from duck_tx.process.tenure import Silence, Tenure, between_looks, tenure
from duck_tx.settings import ServerSettings
from tests.case import UnitTestCase


class TenureTests(UnitTestCase):
    def test_without_bounds_it_never_ends(self) -> None:
        self.assertEqual(Tenure().end(10**9, 10**9, 10**12), "")

    def test_each_bound_ends_it(self) -> None:
        bounds = Tenure(requests=100, age=60.0, memory=1024**2)
        self.assertEqual(bounds.end(99, 59.9, 1024**2), "")
        self.assertEqual(bounds.end(100, 0, 0), "100 requests")
        self.assertEqual(bounds.end(0, 60.0, 0), "60 s")
        self.assertEqual(bounds.end(0, 0, 3 * 1024**2), "3 MiB of memory")

    def test_workers_that_began_together_do_not_end_together(self) -> None:
        settings = ServerSettings(max_requests=1000, max_requests_jitter=100)
        drawn = [tenure(settings, iter([draw]).__next__).requests for draw in (0.0, 0.5, 0.999)]
        self.assertEqual(drawn, [1000, 1050, 1100])

    def test_jitter_alone_is_no_bound(self) -> None:
        self.assertEqual(tenure(ServerSettings(max_requests_jitter=100), lambda: 0.9), Tenure())


class SilenceTests(UnitTestCase):
    def test_it_is_too_long_after_so_many_seconds(self) -> None:
        silence = Silence(10.0)
        silence.heard()
        self.assertEqual([silence.passed(1.0) for _ in range(10)], [False] * 9 + [True])

    def test_a_sign_of_life_ends_it(self) -> None:
        silence = Silence(2.0)
        for _ in range(20):
            self.assertFalse(silence.passed(1.0))
            silence.heard()

    def test_before_the_first_sign_of_life_there_is_a_minute(self) -> None:
        for limit, seconds in ((10.0, 60), (90.0, 90)):
            silence = Silence(limit)
            looks = [silence.passed(1.0) for _ in range(seconds)]
            self.assertEqual(looks, [False] * (seconds - 1) + [True])

    def test_a_look_that_comes_late_does_not_count_for_all_of_its_delay(self) -> None:
        silence = Silence(10.0)
        silence.heard()
        self.assertFalse(silence.passed(3600.0))
        self.assertFalse(silence.passed(3600.0))

    def test_a_clock_that_is_set_back_does_not_excuse_it(self) -> None:
        silence = Silence(10.0)
        silence.heard()
        self.assertFalse(silence.passed(-3600.0))
        self.assertEqual([silence.passed(1.0) for _ in range(10)], [False] * 9 + [True])

    def test_it_is_noticed_after_a_few_looks_however_late_they_come(self) -> None:
        silence = Silence(3.0)
        silence.heard()
        self.assertEqual([silence.passed(15.0), silence.passed(15.0)], [False, True])

    def test_looks_are_frequent_enough_for_a_short_limit(self) -> None:
        self.assertEqual((between_looks(60.0), between_looks(2.0)), (1.0, 0.5))
