"""The part of the page that is about worker processes: pure, results in and a section out."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.figure import NOTHING, count, megabytes, milliseconds, ratio, table
from benchmarks.metric import Metric, Results
from benchmarks.servers import DUCK_WORKERS, WORKER_COUNTS

_HEAD = (
    "server",
    "page (ORM, template)",
    "over one worker",
    "processor µs a request",
    "median / 99th percentile ms",
    "memory in all",
    "for each further worker",
)
_NOTE = "\nServer and load share all cores; memory counts once what processes share.\n"


def section(results: Results) -> tuple[str, str]:
    """Title and body; the body is empty where nothing was measured."""
    taken = results.servers(cases.WORKERS)
    rows = [_row(results, name) for name in DUCK_WORKERS if name in taken]
    return "Worker processes: requests per second", table(_HEAD, rows) + _NOTE if rows else ""


def further_worker(results: Results) -> float | None:
    """Bytes that each worker after the first takes, by the largest number of them that was measured."""
    weighed = [
        (number, value)
        for number, name in zip(WORKER_COUNTS, DUCK_WORKERS, strict=True)
        if (value := results.value(cases.WORKERS, name, Metric.MEMORY)) is not None
    ]
    if len(weighed) < 2:
        return None
    (few, light), (many, heavy) = weighed[0], weighed[-1]
    return (heavy - light) / (many - few)


def _row(results: Results, name: str) -> list[str]:
    def value(metric: Metric) -> float | None:
        return results.value(cases.WORKERS, name, metric)

    p50, p99 = value(Metric.P50), value(Metric.P99)
    return [
        name,
        count(value(Metric.RATE)),
        ratio(results.ratio(cases.WORKERS, name, DUCK_WORKERS[0], Metric.RATE)),
        count(value(Metric.PROCESSOR)),
        NOTHING if p50 is None else f"{milliseconds(p50)} / {milliseconds(p99)}",
        megabytes(value(Metric.MEMORY)),
        megabytes(further_worker(results)) if name == DUCK_WORKERS[-1] else NOTHING,
    ]
