"""What is measured. Each case starts the server afresh, so that none inherits anything from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import pause, servers
from benchmarks.bench import Bench
from benchmarks.client import exchange
from benchmarks.idle import IdleConnections
from benchmarks.metric import Metric, Reading
from benchmarks.project import STATIC_FILES, static_content
from benchmarks.servers import Server

_UPLOAD_SCRIPT = Path(__file__).resolve().parent / "upload.lua"


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

    def check(self, port: int) -> None:
        """Ask once.

        :raises WrongAnswer: if the status is not 200, or the body is not right.
        """
        answer = exchange(port, self.path, self.method, self.body, self.kind)
        if answer.status != 200 or not self.right(answer.body):
            shown = answer.body[:120]
            raise WrongAnswer(f"{self.method} {self.path} was answered with {answer.status} {shown!r}")


@dataclass(frozen=True, slots=True)
class LoadCase:
    """wrk sends one request again and again: rate, latencies, and memory afterwards."""

    name: str
    title: str
    group: str
    request: Request

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            self.request.check(running.port)
            bench.wrk.run(running.port, self.request.path, bench.warm_up, self.request.script)
            before = running.usage(bench.cores)
            load = bench.wrk.run(running.port, self.request.path, bench.seconds, self.request.script)
            others = before.others(running.usage(bench.cores))
            memory = running.memory()
            self.request.check(running.port)
        return [
            Reading(Metric.RATE, load.rate),
            Reading(Metric.P50, load.p50),
            Reading(Metric.P99, load.p99),
            Reading(Metric.MEMORY, memory),
            Reading(Metric.OTHERS, others),
        ]


@dataclass(frozen=True, slots=True)
class IdleCase:
    """Many idle connections: what each of them costs in memory, and what others feel of them."""

    name: str
    title: str
    group: str
    request: Request

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            self.request.check(running.port)
            bench.wrk.run(running.port, self.request.path, bench.warm_up)
            quiet = bench.wrk.run(running.port, self.request.path, bench.seconds)
            before = running.memory()
            with IdleConnections(running.port, self.request.path, bench.idle_connections) as idle:
                if not (held := len(idle)):
                    return [Reading(Metric.HELD, 0), Reading(Metric.QUIET_P99, quiet.p99)]
                each = (running.memory() - before) / held
                busy = bench.wrk.run(running.port, self.request.path, bench.seconds)
                held = len(idle)
        return [
            Reading(Metric.HELD, held),
            Reading(Metric.EACH, each),
            Reading(Metric.QUIET_P99, quiet.p99),
            Reading(Metric.P99, busy.p99),
            Reading(Metric.RATE, busy.rate),
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
            windows = [pause.upload(running.port, "/upload", bench.upload_size, expected) for _ in range(self.uploads)]
        took = [Reading(Metric.UPLOAD, window.milliseconds) for window in windows]
        return [Reading(Metric.PAUSE, pause.longest(place.pauses, windows)), *took]


def _is(expected: bytes) -> Callable[[bytes], bool]:
    return lambda body: body == expected


def _holds(expected: bytes) -> Callable[[bytes], bool]:
    return lambda body: expected in body


def _file(name: str) -> Request:
    return Request(f"/static/{name}", _is(static_content(STATIC_FILES[name])))


_HELLO = Request("/hello", _is(b"Hello, world!"))
_MEBIBYTE = 1 << 20
_UPLOAD = Request(
    "/upload",
    _holds(str(_MEBIBYTE).encode()),
    "POST",
    b"0123456\n" * (_MEBIBYTE // 8),
    "application/octet-stream",
    _UPLOAD_SCRIPT,
)

HELLO, PAGE, START, IDLE, LOGGED, RESOURCE, MULTIPART, WELCOME = (
    "hello",
    "page",
    "start",
    "idle",
    "access-log",
    "resource",
    "multipart",
    "welcome",
)

CASES: tuple[Case, ...] = (
    LoadCase(HELLO, "hello", servers.SITE, _HELLO),
    LoadCase("json", "JSON", servers.SITE, Request("/json", _holds(b"Hello, world!"))),
    LoadCase(PAGE, "page (ORM, template)", servers.SITE, Request("/page", _holds(b"</html>"))),
    LoadCase(
        "response-1m",
        "1 MB response",
        servers.SITE,
        Request(f"/bytes/{_MEBIBYTE}", lambda body: len(body) == _MEBIBYTE),
    ),
    LoadCase("upload-1m", "1 MB upload", servers.SITE, _UPLOAD),
    LoadCase("static-4k", "static 4 KB", servers.STATIC, _file("benchmark-4k.bin")),
    LoadCase("static-1m", "static 1 MB", servers.STATIC, _file("benchmark-1m.bin")),
    LoadCase(LOGGED, "hello, access log", servers.LOG, _HELLO),
    LoadCase(RESOURCE, "Twisted resource", servers.RESOURCE, Request("/", _is(b"Hello, resource!"))),
    StartCase(START, "start", servers.SITE),
    StartCase(WELCOME, "start of the welcome project", servers.WELCOME),
    IdleCase(IDLE, "idle connections", servers.SITE, _HELLO),
    PauseCase(MULTIPART, "50 MB multipart upload", servers.UPLOAD),
)

#: Those of a site under load: the columns of the tables and the panels of the chart.
LOADS: tuple[LoadCase, ...] = tuple(
    each for each in CASES if isinstance(each, LoadCase) and each.group in (servers.SITE, servers.STATIC)
)
