"""Tables that set one server of ours beside the others: pure, results in and text out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.figure import count, megabytes, milliseconds, percent, ratio, table
from benchmarks.metric import Metric, Results
from benchmarks.servers import SERVERS

#: Further columns.
BUSY = (("server's core used", Metric.SERVER_BUSY), ("load's core used", Metric.LOAD_BUSY))
LATENCIES = (("median ms", Metric.P50), ("99th percentile ms", Metric.P99))

_TEXT: dict[Metric, Callable[[float | None], str]] = {
    Metric.SERVER_BUSY: percent,
    Metric.LOAD_BUSY: percent,
    Metric.MEMORY: megabytes,
    Metric.HELD: count,
    Metric.EACH: count,
}


def compared(
    results: Results,
    own: str,
    columns: Sequence[tuple[str, str]],
    further: Sequence[tuple[str, Metric]] = (),
) -> str:
    """For each case the rate and how many times that of the server it is ours; ``further`` of the first case."""
    columns = [column for column in columns if results.servers(column[0])]
    if not columns:
        return ""
    head = ["server"]
    for _, title in columns:
        head += [title, f"{own} over it"]
    rows = []
    for name in taking_part(results, [case for case, _ in columns]):
        row = [name]
        for case, _ in columns:
            row += [count(results.value(case, name, Metric.RATE)), ratio(results.ratio(case, own, name, Metric.RATE))]
        rows.append(row + _cells(results, columns[0][0], name, further))
    return table(head + [title for title, _ in further], rows)


def listed(results: Results, case: str, columns: Sequence[tuple[str, Metric]]) -> str:
    """One row a server, one column a figure of this case."""
    rows = [[name, *_cells(results, case, name, columns)] for name in taking_part(results, [case])]
    return table(["server", *(title for title, _ in columns)], rows) if rows else ""


def _cells(results: Results, case: str, server: str, columns: Sequence[tuple[str, Metric]]) -> list[str]:
    return [_TEXT.get(metric, milliseconds)(results.value(case, server, metric)) for _, metric in columns]


def taking_part(results: Results, names: Sequence[str]) -> list[str]:
    """Servers of any of these cases, in the order of the list of servers."""
    taken = {server for case in names for server in results.servers(case)}
    return [each.name for each in SERVERS if each.name in taken]
