"""What is measured of automations, from results that are made up."""

from __future__ import annotations

from pathlib import Path

from benchmarks import cases
from benchmarks.automation_jobs import COUNT, made
from benchmarks.automations import begun, lateness
from benchmarks.automations_report import section
from benchmarks.metric import Metric, Reading, Results, Sample
from benchmarks.servers import AUTOMATIONS_ASLEEP, AUTOMATIONS_BESIDE, AUTOMATIONS_DUE
from benchmarks.targets import TARGETS
from tests.case import UnitTestCase

THREAD = AUTOMATIONS_DUE[0]
BUSY, QUIET = AUTOMATIONS_BESIDE


def results(case: str, server: str, **values: float) -> Results:
    return Results([Sample(case, server, 1, Metric[name], value) for name, value in values.items()])


class LatenessTests(UnitTestCase):
    def test_it_is_that_of_the_last_and_of_the_one_in_the_middle(self) -> None:
        file = Path(self.mktemp())
        file.write_text("100.0\n100.5\n100.125\n100.25\n")
        due, moments = begun(file)
        self.assertEqual(lateness(due, moments), [Reading(Metric.LATE, 500.0), Reading(Metric.LATE_MEDIAN, 250.0)])

    def test_the_longest_of_the_rounds_counts(self) -> None:
        found = [Sample(cases.DUE, THREAD, number, Metric.LATE, 100.0 * number) for number in (1, 3, 2)]
        self.assertEqual(Results(found).value(cases.DUE, THREAD, Metric.LATE), 300.0)


class JobTests(UnitTestCase):
    def test_they_are_of_the_kind_that_is_measured(self) -> None:
        for kind in ("thread", "coroutine", "reactor"):
            found = made(kind)
            self.assertEqual((len(found), {each.kind for each in found}), (COUNT, {kind}))
        self.assertEqual([len(made(kind)) for kind in ("later", "busy", "")], [1, 1, 0])


class SectionTests(UnitTestCase):
    def test_without_a_measurement_there_is_no_section(self) -> None:
        self.assertEqual(section(Results())[1], "")

    def test_each_case_has_a_table(self) -> None:
        samples = [
            *results(cases.DUE, THREAD, LATE=700.0, LATE_MEDIAN=350.0, PAUSE=12.0, EACH_RUN=60.0).samples,
            *results(cases.ASLEEP, AUTOMATIONS_ASLEEP[0], ASLEEP=0.5).samples,
            *results(cases.BESIDE, BUSY, RATE=1000.0, P50=30.0, P99=45.0).samples,
        ]
        _, text = section(Results(samples))
        self.assertIn(f"| {THREAD} | 350 / 700 | 12.0 | 60 |\n", text)
        self.assertIn(f"| {AUTOMATIONS_ASLEEP[0]} | 0.50 |\n", text)
        self.assertIn(f"| {BUSY} | 1,000 | 30.0 / 45.0 |\n", text)


class TargetTests(UnitTestCase):
    def met(self, title: str, found: Results) -> bool | None:
        (target,) = (each for each in TARGETS if title in each.title)
        return target.met(found)

    def test_all_begin_within_a_second(self) -> None:
        for late, is_met in ((990.0, True), (1010.0, False)):
            found = results(cases.DUE, THREAD, LATE=late)
            self.assertIs(self.met(f"longest delay of 10,000: {THREAD}", found), is_met)

    def test_the_reactor_is_not_held(self) -> None:
        self.assertIs(self.met(f"longest reactor pause: {THREAD}", results(cases.DUE, THREAD, PAUSE=21.0)), False)

    def test_pages_do_not_feel_a_busy_automation(self) -> None:
        samples = results(cases.BESIDE, BUSY, P99=40.0).samples + results(cases.BESIDE, QUIET, P99=41.0).samples
        self.assertIs(self.met("beside a busy automation", Results(samples)), True)
