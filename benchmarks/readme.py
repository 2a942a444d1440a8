"""The short table of figures in the project's README, between two comments."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.figure import NOTHING, count, table
from benchmarks.metric import Metric, Results
from benchmarks.report import About
from benchmarks.servers import (
    DUCK,
    DUCK_HTTPS,
    GRANIAN,
    GRANIAN_HTTPS,
    GUNICORN_SYNC,
    GUNICORN_THREADS,
    NGINX_SYNC,
    NGINX_THREADS,
    SYNC_HTTPS,
    THREADS_HTTPS,
)

BEGIN, END = "<!-- benchmarks:begin -->\n", "<!-- benchmarks:end -->\n"

_GUNICORN, _GUNICORN_HTTPS, _NGINX = (
    (GUNICORN_SYNC, GUNICORN_THREADS),
    (SYNC_HTTPS, THREADS_HTTPS),
    (NGINX_SYNC, NGINX_THREADS),
)
_COLUMNS = (DUCK, "granian", "gunicorn", "nginx + gunicorn")

#: The servers of each row, in the order of the columns; of several the best is shown.
_ROWS = (
    ("hello", cases.HELLO, ((DUCK,), (GRANIAN,), _GUNICORN, ())),
    ("page (ORM, template)", cases.PAGE, ((DUCK,), (GRANIAN,), _GUNICORN, ())),
    ("hello, HTTPS", cases.HTTPS_HELLO, ((DUCK_HTTPS,), (GRANIAN_HTTPS,), _GUNICORN_HTTPS, _NGINX)),
    ("page, HTTPS", cases.HTTPS_PAGE, ((DUCK_HTTPS,), (GRANIAN_HTTPS,), _GUNICORN_HTTPS, _NGINX)),
    ("new HTTPS connections", cases.NEWCOMERS, ((DUCK_HTTPS,), (GRANIAN_HTTPS,), _GUNICORN_HTTPS, _NGINX)),
)


def block(results: Results, about: About) -> str:
    """What stands between the comments; rows without any figure are left out."""
    rows = []
    for title, case, columns in _ROWS:
        cells = [_best(results, case, names) for names in columns]
        if any(cell != NOTHING for cell in cells):
            rows.append([title, *cells])
    return (
        "Requests per second on one core with one worker process (nginx and gunicorn share the core), measured side by"
        f"\nside on {about.made}; gunicorn in its better mode:\n\n"
        + table(["", *_COLUMNS], rows)
        + f"\n{about.machine['processor']}, Python {about.machine['Python']}. [All figures](docs/benchmarks/index.md),"
        " latencies, memory, and how\nthey were measured: `make bench` makes them on your machine.\n"
    )


def filled(text: str, content: str) -> str:
    """The README with its block replaced.

    :raises ValueError: if the comments are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the README has no place for the figures: two comments, benchmarks:begin and benchmarks:end")
    return before + begin + content + end + after


def _best(results: Results, case: str, servers: tuple[str, ...]) -> str:
    found = [value for name in servers if (value := results.value(case, name, Metric.RATE)) is not None]
    return count(max(found, default=None))
