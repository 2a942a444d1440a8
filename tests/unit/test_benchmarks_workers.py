"""The table of worker processes, from results that are made up."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.metric import Metric, Results, Sample
from benchmarks.servers import DUCK_WORKERS
from benchmarks.targets import TARGETS
from benchmarks.workers_report import further_worker, section
from tests.case import UnitTestCase

ONE, TWO, THREE = DUCK_WORKERS


def results(*values: tuple[str, Metric, float]) -> Results:
    return Results([Sample(cases.WORKERS, server, 1, metric, value) for server, metric, value in values])


class SectionTests(UnitTestCase):
    def test_without_a_measurement_there_is_no_section(self) -> None:
        self.assertEqual(section(Results())[1], "")

    def test_each_number_of_workers_has_a_row(self) -> None:
        _, text = section(
            results(
                (ONE, Metric.RATE, 1000.0),
                (ONE, Metric.P50, 30.0),
                (ONE, Metric.P99, 45.0),
                (ONE, Metric.PROCESSOR, 900.0),
                (ONE, Metric.MEMORY, 100e6),
                (TWO, Metric.RATE, 1850.0),
                (TWO, Metric.MEMORY, 150e6),
                (THREE, Metric.RATE, 1860.0),
                (THREE, Metric.MEMORY, 198e6),
            )
        )
        self.assertIn(f"| {ONE} | 1,000 | 1.00 x | 900 | 30.0 / 45.0 | 100 MB | – |\n", text)  # noqa: RUF001
        self.assertIn(f"| {TWO} | 1,850 | 1.85 x | – | – | 150 MB | – |\n", text)  # noqa: RUF001
        self.assertIn(f"| {THREE} | 1,860 | 1.86 x | – | – | 198 MB | 49 MB |\n", text)  # noqa: RUF001


class FurtherWorkerTests(UnitTestCase):
    def test_it_is_what_the_others_share_between_them(self) -> None:
        found = results((ONE, Metric.MEMORY, 100e6), (THREE, Metric.MEMORY, 200e6))
        self.assertEqual(further_worker(found), 50e6)

    def test_one_measurement_says_nothing(self) -> None:
        self.assertIsNone(further_worker(results((ONE, Metric.MEMORY, 100e6))))


class TargetTests(UnitTestCase):
    def test_two_workers_are_compared_with_one(self) -> None:
        (target,) = (each for each in TARGETS if "two workers" in each.title)
        found = results((ONE, Metric.RATE, 1000.0), (TWO, Metric.RATE, 1810.0))
        self.assertTrue(target.met(found))
        self.assertFalse(target.met(results((ONE, Metric.RATE, 1000.0), (TWO, Metric.RATE, 1790.0))))
