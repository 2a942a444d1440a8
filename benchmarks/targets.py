"""The figures that duck_tx is held to, as formulas over the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import cases, servers
from benchmarks.metric import Metric, Results
from benchmarks.servers import (
    AGENT_PROXY,
    DUCK,
    DUCK_HTTPS,
    DUCK_INLINE,
    DUCK_PROXY,
    GRANIAN,
    GRANIAN_HTTPS,
    GUNICORN_SYNC,
    GUNICORN_THREADS,
    NGINX_SYNC,
    NGINX_THREADS,
    SYNC_HTTPS,
    THREADS_HTTPS,
)

Measured = Callable[[Results], float | None]

_GUNICORN = (GUNICORN_SYNC, GUNICORN_THREADS)
_NGINX = (NGINX_SYNC, NGINX_THREADS)
_SOCKETS = (servers.UVICORN_SOCKETS, servers.DAPHNE_SOCKETS)
_CHANNELS = (servers.UVICORN_CHANNELS, servers.DAPHNE_CHANNELS)


@dataclass(frozen=True, slots=True)
class Target:
    """``measured`` is compared with ``bound``; ``unit`` follows the number."""

    title: str
    bound: float
    unit: str
    measured: Measured
    at_least: bool = True

    def met(self, results: Results) -> bool | None:
        """None if the measurements it needs are not there."""
        value = self.measured(results)
        if value is None:
            return None
        return value >= self.bound if self.at_least else value <= self.bound


def _best(results: Results, case: str, names: tuple[str, ...], metric: Metric) -> float | None:
    found = [value for name in names if (value := results.value(case, name, metric)) is not None]
    return max(found) if found else None


def _over_best(case: str, server: str, *others: str) -> Measured:
    def measured(results: Results) -> float | None:
        mine = results.value(case, server, Metric.RATE)
        best = _best(results, case, others, Metric.RATE)
        return None if mine is None or not best else mine / best

    return measured


def _ratio(case: str, server: str, other: str, metric: Metric = Metric.RATE) -> Measured:
    return lambda results: results.ratio(case, server, other, metric)


def _value(case: str, server: str, metric: Metric) -> Measured:
    return lambda results: results.value(case, server, metric)


def _log_cost(results: Results) -> float | None:
    ratio = results.ratio(cases.LOGGED, servers.DUCK_LOGGED, DUCK, Metric.RATE)
    return None if ratio is None else (1 - ratio) * 100


def _idle_effect(results: Results) -> float | None:
    busy = results.value(cases.IDLE, DUCK, Metric.P99)
    quiet = results.value(cases.IDLE, DUCK, Metric.QUIET_P99)
    return None if busy is None or not quiet else busy / quiet


TARGETS: tuple[Target, ...] = (
    Target("hello, over granian", 1.0, "x", _ratio(cases.HELLO, DUCK, GRANIAN)),
    Target("hello with `--threads 0`, over granian", 1.1, "x", _ratio(cases.HELLO, DUCK_INLINE, GRANIAN)),
    Target("hello, over gunicorn's better mode", 2.0, "x", _over_best(cases.HELLO, DUCK, *_GUNICORN)),
    Target("page, over granian", 1.0, "x", _ratio(cases.PAGE, DUCK, GRANIAN)),
    Target("page, over gunicorn's better mode", 1.35, "x", _over_best(cases.PAGE, DUCK, *_GUNICORN)),
    Target("p99 of hello, over granian's", 1.0, "x", _ratio(cases.HELLO, DUCK, GRANIAN, Metric.P99), False),
    Target("p99 of page, over granian's", 1.0, "x", _ratio(cases.PAGE, DUCK, GRANIAN, Metric.P99), False),
    Target(
        "a Twisted resource, over twisted.web",
        1.8,
        "x",
        _ratio(cases.RESOURCE, servers.DUCK_RESOURCE, servers.SITE_RESOURCE),
    ),
    Target("cost of the JSON access log", 10.0, "%", _log_cost, False),
    Target(
        "longest reactor pause in 50 MB uploads",
        20.0,
        "ms",
        _value(cases.MULTIPART, servers.DUCK_PROBED, Metric.PAUSE),
        False,
    ),
    Target(
        "start of the welcome project",
        1200.0,
        "ms",
        _value(cases.WELCOME, servers.WELCOME_SITE, Metric.READY),
        False,
    ),
    Target("memory of an idle connection", 12 * 1024, "bytes", _value(cases.IDLE, DUCK, Metric.EACH), False),
    Target("p99 beside idle connections, over p99 without", 1.5, "x", _idle_effect, False),
    Target(
        "page with two workers, over one",
        1.8,
        "x",
        _ratio(cases.WORKERS, servers.DUCK_WORKERS[1], servers.DUCK_WORKERS[0]),
    ),
    *(
        target
        for name in servers.AUTOMATIONS_DUE
        for target in (
            Target(f"longest delay of 10,000: {name}", 1000.0, "ms", _value(cases.DUE, name, Metric.LATE), False),
            Target(f"longest reactor pause: {name}", 20.0, "ms", _value(cases.DUE, name, Metric.PAUSE), False),
        )
    ),
    Target(
        "p99 of page beside a busy automation, over p99 without",
        1.0,
        "x",
        _ratio(cases.BESIDE, *servers.AUTOMATIONS_BESIDE, Metric.P99),
        False,
    ),
    Target("a proxy, over Agent and readBody", 2.0, "x", _ratio(cases.PROXY, DUCK_PROXY, AGENT_PROXY)),
    Target("p99 of a proxy, over theirs", 1.0, "x", _ratio(cases.PROXY, DUCK_PROXY, AGENT_PROXY, Metric.P99), False),
    *(
        Target(
            f"{title} of a project with Channels, over the better of uvicorn and daphne",
            8.0,
            "x",
            _over_best(case, servers.DUCK_CHANNELS, *_CHANNELS),
        )
        for title, case in (("hello", cases.CHANNELS_HELLO), ("page", cases.CHANNELS_PAGE))
    ),
    *(
        Target(f"{title}, over {name}", bound, "x", _ratio(case, own, other))
        for title, case, own, others in (
            ("WebSocket echo", cases.ECHO, servers.DUCK_SOCKETS, _SOCKETS),
            ("WebSocket echo with Channels", cases.CHANNELS_ECHO, servers.DUCK_CHANNELS, _CHANNELS),
        )
        for (name, bound), other in zip((("uvicorn", 1.0), ("daphne", 2.0)), others, strict=True)
    ),
    Target(
        "memory of an idle WebSocket, over uvicorn",
        1.0,
        "x",
        _ratio(cases.SOCKETS_IDLE, servers.DUCK_SOCKETS, servers.UVICORN_SOCKETS, Metric.EACH),
        False,
    ),
    Target(
        "longest broadcast to 1,000 WebSockets",
        100.0,
        "ms",
        _value(cases.BROADCAST, servers.DUCK_SOCKETS, Metric.SPREAD),
        False,
    ),
    Target("HTTPS hello, over plain hello", 0.75, "x", _ratio(cases.HTTPS_HELLO, DUCK_HTTPS, DUCK)),
    Target("HTTPS hello, over granian", 1.0, "x", _ratio(cases.HTTPS_HELLO, DUCK_HTTPS, GRANIAN_HTTPS)),
    Target(
        "HTTPS hello, over nginx before gunicorn's better mode",
        1.3,
        "x",
        _over_best(cases.HTTPS_HELLO, DUCK_HTTPS, *_NGINX),
    ),
    Target(
        "HTTPS page, over nginx before gunicorn's better mode",
        1.3,
        "x",
        _over_best(cases.HTTPS_PAGE, DUCK_HTTPS, *_NGINX),
    ),
    Target(
        "new TLS connections, over gunicorn's better mode",
        2.0,
        "x",
        _over_best(cases.NEWCOMERS, DUCK_HTTPS, SYNC_HTTPS, THREADS_HTTPS),
    ),
    Target("new TLS connections, over granian", 0.6, "x", _ratio(cases.NEWCOMERS, DUCK_HTTPS, GRANIAN_HTTPS)),
    Target(
        "HTTP/2, over hypercorn",
        1.3,
        "x",
        _ratio(cases.HTTP2, servers.DUCK_HTTP2, servers.HYPERCORN_HTTP2),
    ),
    Target(
        "memory of an idle TLS connection",
        40 * 1024,
        "bytes",
        _value(cases.HTTPS_IDLE, DUCK_HTTPS, Metric.EACH),
        False,
    ),
)
