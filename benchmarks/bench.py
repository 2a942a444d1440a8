"""One run: what all its measurements share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.certificate import Certificate
from benchmarks.client import Origin
from benchmarks.h2load import H2Load
from benchmarks.load import Wrk
from benchmarks.process import Running, free_port, running
from benchmarks.project import Project, environment
from benchmarks.server import Place, Server
from benchmarks.upstream import upstream


@dataclass(frozen=True, slots=True)
class Bench:
    """Times in seconds. ``peers`` holds the peers' programs; the run removes ``scratch`` when it ends.

    ``channels`` is the project with Channels.
    """

    project: Project
    channels: Project
    certificate: Certificate
    peers: Path
    scratch: Path
    wrk: Wrk
    h2load: H2Load
    server_core: int
    seconds: float
    warm_up: float
    idle_connections: int
    upload_size: int

    def place(self, server: Server) -> Place:
        """A free port and the directory of this server, which it keeps from start to start."""
        own = self.scratch / "".join(each if each.isalnum() else "-" for each in server.name)
        own.mkdir(exist_ok=True)
        project = self.channels if server.has_channels else self.project
        return Place(free_port(), self.certificate, project, self.peers, own, free_port())

    @property
    def cores(self) -> frozenset[int]:
        """The core of the server and that of the load."""
        return frozenset({self.server_core, self.wrk.core})

    def cores_of(self, server: Server) -> frozenset[int]:
        """The cores that this server may use."""
        return self.cores if server.takes_all_cores else frozenset({self.server_core})

    @contextlib.contextmanager
    def start(self, server: Server, place: Place | None = None) -> Iterator[Running]:
        """A fresh process of the server, ready, on its cores; ended on the way out.

        :raises StartError: if it does not become ready.
        """
        place = place or self.place(server)
        env = environment(server.env(place))
        argv, cwd, log = server.command(place), server.cwd(place), place.scratch / "output.log"
        origin = Origin(place.port, self.certificate.trust() if server.is_secure else None)
        with contextlib.ExitStack() as stack:
            if server.is_proxy:
                stack.enter_context(self._upstream(place))
            yield stack.enter_context(running(argv, env, cwd, origin, server.ready_path, self.cores_of(server), log))

    @contextlib.contextmanager
    def _upstream(self, place: Place) -> Iterator[Running]:
        argv = upstream(place)
        origin, log = Origin(place.upstream), place.behind / "output.log"
        with running(argv, environment({}), place.behind, origin, "/hello", [self.wrk.core], log) as process:
            yield process
