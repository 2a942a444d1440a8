"""The part of the page that is about TLS: pure, results in and sections out."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import cases
from benchmarks.figure import beside_idle, count, percent, ratio, table
from benchmarks.metric import Metric, Results
from benchmarks.servers import DUCK, DUCK_HTTP2, DUCK_HTTPS, SERVERS

_BUSY = (("server's core used", Metric.SERVER_BUSY), ("load's core used", Metric.LOAD_BUSY))
_PLAIN = f"\nThe row of {DUCK} is plain HTTP, measured beside the others. nginx and gunicorn share one core.\n"
_IDLE = ("server", "connections held", "bytes each", "hello p99 ms without / beside them")


def sections(results: Results) -> list[tuple[str, str]]:
    """Title and body of each; the body is empty where nothing was measured."""
    over_tls = _compared(results, DUCK_HTTPS, ((cases.HTTPS_HELLO, "hello"), (cases.HTTPS_PAGE, "page")))
    return [
        ("HTTPS: requests per second", over_tls and over_tls + _PLAIN),
        (
            "HTTPS: new connections per second, each with a full handshake and one request",
            _compared(results, DUCK_HTTPS, ((cases.NEWCOMERS, "per second"),), _BUSY),
        ),
        (
            "HTTP/2 over TLS: requests per second",
            _compared(results, DUCK_HTTP2, ((cases.HTTP2, "per second"),), _BUSY),
        ),
        ("HTTPS: idle connections", _idle(results)),
    ]


def _compared(
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
    for name in _taking_part(results, [case for case, _ in columns]):
        row = [name]
        for case, _ in columns:
            row += [count(results.value(case, name, Metric.RATE)), ratio(results.ratio(case, own, name, Metric.RATE))]
        rows.append(row + [percent(results.value(columns[0][0], name, metric)) for _, metric in further])
    return table(head + [title for title, _ in further], rows)


def _idle(results: Results) -> str:
    rows = [
        [
            name,
            count(results.value(cases.HTTPS_IDLE, name, Metric.HELD)),
            count(results.value(cases.HTTPS_IDLE, name, Metric.EACH)),
            beside_idle(results, cases.HTTPS_IDLE, name),
        ]
        for name in _taking_part(results, [cases.HTTPS_IDLE])
    ]
    return table(_IDLE, rows) if rows else ""


def _taking_part(results: Results, names: Sequence[str]) -> list[str]:
    """Servers of any of these cases, in the order of the list of servers."""
    taken = {server for case in names for server in results.servers(case)}
    return [each.name for each in SERVERS if each.name in taken]
