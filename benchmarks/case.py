"""The kinds of measurement. Each starts the server afresh, so that none inherits anything from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import pause
from benchmarks.bench import Bench
from benchmarks.client import Origin, exchange
from benchmarks.idle import IdleConnections
from benchmarks.load import Load
from benchmarks.metric import Metric, Reading
from benchmarks.newcomers import Newcomers
from benchmarks.server import Server
from benchmarks.watch import Watch


class WrongAnswer(Exception):
    """A server answered, but not with what the case asks for."""


class Case(Protocol):
    """``group`` says which servers take part; ``measure`` runs one of them once."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def group(self) -> str: ...
    def measure(self, bench: Bench, server: Server) -> list[Reading]: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and what its answer has to look like; ``right`` gets the body."""

    path: str
    right: Callable[[bytes], bool]
    method: str = "GET"
    body: bytes | None = None
    kind: str = ""
    script: Path | None = None

    def check(self, origin: Origin) -> None:
        """Ask once.

        :raises WrongAnswer: if the status is not 200, or the body is not right.
        """
        answer = exchange(origin, self.path, self.method, self.body, self.kind)
        if answer.status != 200 or not self.right(answer.body):
            shown = answer.body[:120]
            raise WrongAnswer(f"{self.method} {self.path} was answered with {answer.status} {shown!r}")


def by_wrk(bench: Bench, origin: Origin, request: Request, seconds: float) -> Load:
    """On connections that are kept alive."""
    return bench.wrk.run(origin, request.path, seconds, request.script)


def by_h2load(bench: Bench, origin: Origin, request: Request, seconds: float) -> Load:
    """In HTTP/2, many at a time on each of a few connections."""
    return bench.h2load.run(origin, request.path, seconds)


def by_newcomers(bench: Bench, origin: Origin, request: Request, seconds: float) -> Load:
    """On a new connection each time, with a full handshake."""
    return Newcomers(origin.port, request.path, bench.wrk.connections).run(seconds)


@dataclass(frozen=True, slots=True)
class LoadCase:
    """One request again and again: rate, latencies, and memory afterwards; ``load`` sends them."""

    name: str
    title: str
    group: str
    request: Request
    load: Callable[[Bench, Origin, Request, float], Load] = by_wrk

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            self.request.check(running.origin)
            self.load(bench, running.origin, self.request, bench.warm_up)
            watch = Watch(running, bench.server_core, bench.wrk.core)
            found = self.load(bench, running.origin, self.request, bench.seconds)
            watched = watch.readings()
            memory = running.memory()
            self.request.check(running.origin)
        return [*found.readings(), Reading(Metric.MEMORY, memory), *watched]


@dataclass(frozen=True, slots=True)
class WorkersCase:
    """One request again and again, the server and the load on all cores together: what worker processes are for."""

    name: str
    title: str
    group: str
    request: Request

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            self.request.check(running.origin)
            bench.wrk.run(running.origin, self.request.path, bench.warm_up, cores=bench.cores)
            used = running.processor_seconds()
            found = bench.wrk.run(running.origin, self.request.path, bench.seconds, cores=bench.cores)
            used = running.processor_seconds() - used
            memory = running.memory()
        each = used / (found.rate * bench.seconds) * 1e6
        return [*found.readings(), Reading(Metric.PROCESSOR, each), Reading(Metric.MEMORY, memory)]


@dataclass(frozen=True, slots=True)
class IdleCase:
    """Many idle connections: what each of them costs in memory, and what others feel of them."""

    name: str
    title: str
    group: str
    request: Request

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            self.request.check(running.origin)
            bench.wrk.run(running.origin, self.request.path, bench.warm_up)
            quiet = bench.wrk.run(running.origin, self.request.path, bench.seconds)
            quiet_p99 = [
                Reading(Metric.QUIET_P99, each.value) for each in quiet.readings() if each.metric is Metric.P99
            ]
            before = running.memory()
            with IdleConnections(running.origin, self.request.path, bench.idle_connections) as idle:
                if not (held := len(idle)):
                    return [Reading(Metric.HELD, 0), *quiet_p99]
                each = (running.memory() - before) / held
                busy = bench.wrk.run(running.origin, self.request.path, bench.seconds)
                held = len(idle)
        return [
            Reading(Metric.HELD, held),
            Reading(Metric.EACH, each),
            *quiet_p99,
            *(reading for reading in busy.readings() if reading.metric is not Metric.P50),
        ]


@dataclass(frozen=True, slots=True)
class StartCase:
    """From spawning the process to the first good answer, and the memory it has then."""

    name: str
    title: str
    group: str
    starts: int = 3

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        readings = []
        for _ in range(self.starts):
            with bench.start(server) as running:
                readings += [
                    Reading(Metric.READY, running.ready_ms),
                    Reading(Metric.MEMORY, running.memory()),
                ]
        return readings


@dataclass(frozen=True, slots=True)
class PauseCase:
    """Large multipart uploads, one after the other, to a server that notes how long its reactor was away."""

    name: str
    title: str
    group: str
    uploads: int = 3

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        place = bench.place(server)
        place.pauses.unlink(missing_ok=True)
        expected = str(bench.upload_size).encode()
        with bench.start(server, place) as running:
            windows = [
                pause.upload(running.origin, "/upload", bench.upload_size, expected) for _ in range(self.uploads)
            ]
        took = [Reading(Metric.UPLOAD, window.milliseconds) for window in windows]
        return [Reading(Metric.PAUSE, pause.longest(place.pauses, windows)), *took]
