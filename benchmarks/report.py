"""The results as Markdown and as JSON: pure, text in and out."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from benchmarks import automations_report, cases, server, sockets_report, tls_report, workers_report
from benchmarks.cases import CASES, LOADS
from benchmarks.figure import NOTHING, beside_idle, count, megabytes, milliseconds, ratio, table
from benchmarks.metric import Metric, Results
from benchmarks.servers import DUCK, SERVERS
from benchmarks.targets import TARGETS, Target

SITES = tuple(each.name for each in SERVERS if server.SITE in each.groups)


@dataclass(frozen=True, slots=True)
class About:
    """When and how the run was made. ``seconds``: of load in each round."""

    made: str
    rounds: int
    seconds: float
    connections: int
    machine: Mapping[str, str]


def _per_second(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f} requests/s"


def _in_ms(value: float | None) -> str:
    return NOTHING if value is None else f"{milliseconds(value)} ms"


def _pause(value: float | None) -> str:
    return NOTHING if value is None else f"{milliseconds(value)} ms longest pause"


def _took(value: float | None) -> str:
    return NOTHING if value is None else f"{milliseconds(value)} ms an upload"


#: The figures of the cases that compare duck_tx with itself or with Twisted.
_FURTHER = {
    cases.LOGGED: ((Metric.RATE, _per_second),),
    cases.RESOURCE: ((Metric.RATE, _per_second),),
    cases.MULTIPART: ((Metric.PAUSE, _pause), (Metric.UPLOAD, _took)),
    cases.WELCOME: ((Metric.READY, _in_ms),),
}


def markdown(results: Results, about: About) -> str:
    """The whole page; sections without any figure are left out."""
    sections = [
        ("Requests per second", _by_server(results, _rate)),
        (f"Requests per second of {DUCK} over those of the server in the row", _by_server(results, _over)),
        ("Latency in milliseconds: median / 99th percentile", _by_server(results, _latency)),
        ("Start, memory and idle connections", _life(results)),
        workers_report.section(results),
        automations_report.section(results),
        *tls_report.sections(results),
        *sockets_report.sections(results),
        (f"{DUCK} by itself", _further(results)),
        ("Targets", _targets(results)),
    ]
    text = "# Benchmarks\n\n" + _introduction(about) + _disturbance(results)
    text += "".join(f"\n## {title}\n\n{body}" for title, body in sections if body)
    if results.failures:
        lines = (f"- {one.case}, {one.server}, round {one.round}: {one.reason}\n" for one in results.failures)
        text += "\n## Measurements that failed and do not count\n\n" + "".join(lines)
    return text


def to_json(results: Results, about: About) -> str:
    """Every sample, every failure, and the summaries over the rounds."""
    keys = dict.fromkeys((each.case, each.server, each.metric) for each in results.samples)
    summaries = [
        {"case": case, "server": server, "metric": metric, "value": results.value(case, server, metric)}
        for case, server, metric in keys
    ]
    document = {
        "about": asdict(about),
        "summaries": summaries,
        "samples": [asdict(each) for each in results.samples],
        "failures": [asdict(each) for each in results.failures],
    }
    return json.dumps(document, indent=1) + "\n"


def _introduction(about: About) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in about.machine.items())
    return (
        f"Made by `python -m benchmarks` on {about.made}: medians of {about.rounds} interleaved rounds of "
        f"{about.seconds:g} s, {about.connections} kept-alive connections, one worker process pinned to one "
        f"core and the load to another, no access logs.\n\n{machine}.\n\n"
        f"{NOTHING}: not measured, or not offered by that server. How to read this: benchmarks/README.md.\n\n"
        "![Requests per second](chart.svg)\n"
    )


def _disturbance(results: Results) -> str:
    if not (found := results.disturbance()):
        return ""
    return (
        f"\nOther programs on the machine used {statistics.median(found):.0f} % of a core in the median "
        f"measurement, {max(found):.0f} % in the worst.\n"
    )


def _rate(results: Results, case: str, server: str) -> str:
    return count(results.value(case, server, Metric.RATE))


def _over(results: Results, case: str, server: str) -> str:
    return ratio(results.ratio(case, DUCK, server, Metric.RATE))


def _latency(results: Results, case: str, server: str) -> str:
    p50, p99 = (results.value(case, server, metric) for metric in (Metric.P50, Metric.P99))
    return NOTHING if p50 is None else f"{milliseconds(p50)} / {milliseconds(p99)}"


def _by_server(results: Results, cell: Callable[[Results, str, str], str]) -> str:
    """One row a server, one column a case, each only where something was measured."""
    taken = [each for each in LOADS if results.servers(each.name)]
    names = [name for name in SITES if any(name in results.servers(each.name) for each in taken)]
    rows = [[name, *(cell(results, each.name, name) for each in taken)] for name in names]
    if all(text == NOTHING for row in rows for text in row[1:]):
        return ""
    return table(["server", *(each.title for each in taken)], rows)


_LIFE = (
    "server",
    "ready after ms",
    "memory then",
    "after the page load",
    "idle connections held",
    "bytes each",
    "hello p99 ms without / beside them",
)


def _life(results: Results) -> str:
    def row(name: str) -> list[str]:
        return [
            name,
            milliseconds(results.value(cases.START, name, Metric.READY)),
            megabytes(results.value(cases.START, name, Metric.MEMORY)),
            megabytes(results.value(cases.PAGE, name, Metric.MEMORY)),
            count(results.value(cases.IDLE, name, Metric.HELD)),
            count(results.value(cases.IDLE, name, Metric.EACH)),
            beside_idle(results, cases.IDLE, name),
        ]

    taken = {name for case in (cases.START, cases.IDLE) for name in results.servers(case)}
    rows = [row(name) for name in SITES if name in taken]
    return table(_LIFE, rows) if rows else ""


def _further(results: Results) -> str:
    rows = [
        (server, case.title, text(results.value(case.name, server, metric)))
        for case in CASES
        for metric, text in _FURTHER.get(case.name, ())
        for server in results.servers(case.name)
    ]
    return table(["server", "measured", "figure"], rows) if rows else ""


def _targets(results: Results) -> str:
    def row(target: Target) -> list[str]:
        value, met = target.measured(results), target.met(results)
        bound = f"{'at least' if target.at_least else 'at most'} {target.bound:,g} {target.unit}"
        measured = NOTHING if value is None else f"{value:,.{2 if abs(value) < 100 else 0}f} {target.unit}"
        return [target.title, bound, measured, NOTHING if met is None else "met" if met else "missed"]

    rows = [row(target) for target in TARGETS if target.measured(results) is not None]
    return table(["what", "target", "measured", ""], rows) if rows else ""
