"""Figures as text, and tables of them in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.metric import Metric, Results

NOTHING = "–"  # noqa: RUF001


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f} x"


def milliseconds(value: float | None) -> str:
    """Three digits that count: 0.42, 4.20, 42.0, 420."""
    if value is None:
        return NOTHING
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def megabytes(value: float | None) -> str:
    return NOTHING if value is None else f"{value / 1e6:.0f} MB"


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0f} %"


def beside_idle(results: Results, case: str, server: str) -> str:
    """The p99 in milliseconds without and with idle connections beside."""
    quiet, busy = (results.value(case, server, metric) for metric in (Metric.QUIET_P99, Metric.P99))
    return NOTHING if quiet is None else f"{milliseconds(quiet)} / {milliseconds(busy)}"
