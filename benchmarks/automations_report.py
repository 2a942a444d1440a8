"""The part of the page that is about automations: pure, results in and a section out."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.figure import count, milliseconds, table
from benchmarks.metric import Metric, Results
from benchmarks.servers import AUTOMATIONS_ASLEEP, AUTOMATIONS_BESIDE, AUTOMATIONS_DUE

_DUE = ("10,000 due at the same moment", "median / longest delay ms", "longest reactor pause ms", "processor µs each")
_ASLEEP = ("nothing to do", "processor ms a second")
_BESIDE = ("page (ORM, template), a worker process", "requests per second", "median / 99th percentile ms")


def section(results: Results) -> tuple[str, str]:
    """Title and body; the body is empty where nothing was measured."""
    due = [
        [
            name,
            _pair(results, cases.DUE, name, Metric.LATE_MEDIAN, Metric.LATE),
            milliseconds(results.value(cases.DUE, name, Metric.PAUSE)),
            count(results.value(cases.DUE, name, Metric.EACH_RUN)),
        ]
        for name in _taken(results, cases.DUE, AUTOMATIONS_DUE)
    ]
    asleep = [
        [name, milliseconds(results.value(cases.ASLEEP, name, Metric.ASLEEP))]
        for name in _taken(results, cases.ASLEEP, AUTOMATIONS_ASLEEP)
    ]
    beside = [
        [
            name,
            count(results.value(cases.BESIDE, name, Metric.RATE)),
            _pair(results, cases.BESIDE, name, Metric.P50, Metric.P99),
        ]
        for name in _taken(results, cases.BESIDE, AUTOMATIONS_BESIDE)
    ]
    tables = [table(head, rows) for head, rows in ((_DUE, due), (_ASLEEP, asleep), (_BESIDE, beside)) if rows]
    return "Automations", "\n".join(tables)


def _taken(results: Results, case: str, servers: tuple[str, ...]) -> list[str]:
    taken = results.servers(case)
    return [name for name in servers if name in taken]


def _pair(results: Results, case: str, server: str, *metrics: Metric) -> str:
    return " / ".join(milliseconds(results.value(case, server, metric)) for metric in metrics)
