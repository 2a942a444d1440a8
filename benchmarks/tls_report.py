"""The part of the page that is about TLS: pure, results in and sections out."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.comparison import BUSY, compared, taking_part
from benchmarks.figure import beside_idle, count, table
from benchmarks.metric import Metric, Results
from benchmarks.servers import DUCK, DUCK_HTTP2, DUCK_HTTPS

_PLAIN = f"\nThe row of {DUCK} is plain HTTP, measured beside the others. nginx and gunicorn share one core.\n"
_IDLE = ("server", "connections held", "bytes each", "hello p99 ms without / beside them")


def sections(results: Results) -> list[tuple[str, str]]:
    """Title and body of each; the body is empty where nothing was measured."""
    over_tls = compared(results, DUCK_HTTPS, ((cases.HTTPS_HELLO, "hello"), (cases.HTTPS_PAGE, "page")))
    return [
        ("HTTPS: requests per second", over_tls and over_tls + _PLAIN),
        (
            "HTTPS: new connections per second, each with a full handshake and one request",
            compared(results, DUCK_HTTPS, ((cases.NEWCOMERS, "per second"),), BUSY),
        ),
        (
            "HTTP/2 over TLS: requests per second",
            compared(results, DUCK_HTTP2, ((cases.HTTP2, "per second"),), BUSY),
        ),
        ("HTTPS: idle connections", _idle(results)),
    ]


def _idle(results: Results) -> str:
    rows = [
        [
            name,
            count(results.value(cases.HTTPS_IDLE, name, Metric.HELD)),
            count(results.value(cases.HTTPS_IDLE, name, Metric.EACH)),
            beside_idle(results, cases.HTTPS_IDLE, name),
        ]
        for name in taking_part(results, [cases.HTTPS_IDLE])
    ]
    return table(_IDLE, rows) if rows else ""
