"""The order of a run, and the running of it."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.case import Case, WrongAnswer
from benchmarks.environment import MissingTool
from benchmarks.load import LoadError
from benchmarks.metric import Failure, Metric, Results, Sample
from benchmarks.pause import UploadError
from benchmarks.process import StartError
from benchmarks.server import Server

#: What makes one measurement fail and lets the run go on.
_FAILURES = (StartError, MissingTool, WrongAnswer, LoadError, UploadError, OSError, http.client.HTTPException)


def plan(cases: Sequence[Case], servers: Sequence[Server], rounds: int) -> Iterator[tuple[int, Case, Server]]:
    """Every case in every round with its servers one right after the other.

    Each round begins with another server, so that none always comes first or last.
    """
    for number in range(1, rounds + 1):
        for case in cases:
            taking = [each for each in servers if case.group in each.groups]
            start = (number - 1) % len(taking) if taking else 0
            for server in taking[start:] + taking[:start]:
                yield number, case, server


def run(
    bench: Bench, cases: Sequence[Case], servers: Sequence[Server], rounds: int, say: Callable[[str], None]
) -> Results:
    """Measure everything; a pair of case and server that failed once is not tried again."""
    results = Results()
    _first_starts(bench, cases, servers, results, say)
    for number, case, server in plan(cases, servers, rounds):
        if results.failed(case.name, server.name):
            continue
        where = f"round {number}  {case.name:12} {server.name:26}"
        try:
            readings = case.measure(bench, server)
        except _FAILURES as error:
            results.failures.append(Failure(case.name, server.name, number, _reason(error)))
            say(f"{where} FAILED: {_reason(error)}")
            continue
        results.samples += [Sample(case.name, server.name, number, each.metric, each.value) for each in readings]
        shown = (f"{each.metric}={each.value:,.1f}" for each in readings if each.metric is not Metric.MEMORY)
        say(f"{where} {'  '.join(shown)}")
    return results


def _first_starts(
    bench: Bench,
    cases: Sequence[Case],
    servers: Sequence[Server],
    results: Results,
    say: Callable[[str], None],
) -> None:
    """Start each server once: this writes byte code and databases, and finds early what cannot start."""
    for server in servers:
        taken = [case for case in cases if case.group in server.groups]
        if not taken:
            continue
        try:
            with bench.start(server) as running:
                say(f"{server.name}: ready after {running.ready_ms:,.0f} ms")
        except _FAILURES as error:
            say(f"{server.name}: FAILED: {_reason(error)}")
            results.failures += [Failure(case.name, server.name, 0, _reason(error)) for case in taken]


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
