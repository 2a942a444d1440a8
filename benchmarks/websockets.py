"""The kinds of measurement on WebSockets."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.metric import Metric, Reading
from benchmarks.server import Server
from benchmarks.sockets import Sockets
from benchmarks.watch import Watch

#: Of the case about a broadcast.
CROWD = 1000


@dataclass(frozen=True, slots=True)
class EchoCase:
    """A short message there and back, again and again on each of some connections: rate, latencies, memory."""

    name: str
    title: str
    group: str
    path: str
    connections: int = 100

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with (
            bench.start(server) as running,
            Sockets(running.origin.port, self.path, self.connections) as sockets,
        ):
            sockets.echo(bench.warm_up)
            watch = Watch(running, bench.server_core, bench.wrk.core)
            found = sockets.echo(bench.seconds)
            watched = watch.readings()
            memory = running.memory()
        return [*found.readings(), Reading(Metric.MEMORY, memory), *watched]


@dataclass(frozen=True, slots=True)
class IdleSocketsCase:
    """Many WebSockets that have said something once: what each of them costs in memory."""

    name: str
    title: str
    group: str
    path: str

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            port = running.origin.port
            with Sockets(port, self.path, 10) as few:
                few.echo(bench.warm_up)
            before = running.memory()
            with Sockets(port, self.path, bench.idle_connections) as idle:
                idle.echo_once()
                each = (running.memory() - before) / len(idle)
                # They are all still there.
                idle.echo_once()
        return [Reading(Metric.HELD, bench.idle_connections), Reading(Metric.EACH, each)]


@dataclass(frozen=True, slots=True)
class BroadcastCase:
    """What one says to all: the time until the last of them has it, of several times the longest and the median."""

    name: str
    title: str
    group: str
    path: str
    times: int = 20

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running, Sockets(running.origin.port, self.path, CROWD) as crowd:
            crowd.broadcast()
            watch = Watch(running, bench.server_core, bench.wrk.core)
            took = [crowd.broadcast() for _ in range(self.times)]
            watched = watch.readings()
        return [Reading(Metric.SPREAD, max(took)), Reading(Metric.SPREAD_MEDIAN, statistics.median(took)), *watched]
