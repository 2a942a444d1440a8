"""What a server is for the benchmarks, and in which groups of cases it may take part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.certificate import Certificate
from benchmarks.project import Project

#: Groups of cases. A server takes part in the cases of its groups.
SITE, STATIC, LOG, RESOURCE, UPLOAD, WELCOME = "site", "static", "log", "resource", "upload", "welcome"
HTTPS, HTTPS_PAGE, NEWCOMERS, HTTPS_IDLE, HTTP2 = "https", "https-page", "newcomers", "https-idle", "http2"
WORKERS = "workers"
DUE, ASLEEP, BESIDE = "automations-due", "automations-asleep", "automations-beside"
PROXY, CHANNELS, SOCKETS, CHANNELS_SOCKETS = "proxy", "channels", "websocket", "channels-websocket"


@dataclass(frozen=True, slots=True)
class Place:
    """What a command needs to know: port, certificate, project, the peers' programs and a directory of its own.

    ``upstream``: the port of what a proxy is put before.
    """

    port: int
    certificate: Certificate
    project: Project
    peers: Path
    scratch: Path
    upstream: int = 0

    def peer(self, program: str) -> str:
        return str(self.peers / program)

    @property
    def pauses(self) -> Path:
        """Where the pause probe leaves what it has seen."""
        return self.scratch / "pauses.txt"

    @property
    def begun(self) -> Path:
        """Where automations leave when they began."""
        return self.scratch / "begun.txt"

    @property
    def behind(self) -> Path:
        """The directory of what a proxy is put before."""
        return self.scratch / "upstream"


Command = Callable[[Place], list[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server. ``ready_path`` is what it is asked for until it answers 200, over TLS if it ``is_secure``.

    One that ``takes_all_cores`` is not kept on that of the servers, but shares all of them with the load. One that
    ``is_proxy`` has an upstream, which runs on the core of the load; one that ``has_channels`` serves the project with
    Channels.
    """

    name: str
    command: Command
    groups: frozenset[str] = frozenset({SITE})
    env: Callable[[Place], Mapping[str, str]] = field(
        default=lambda place: {
            "DJANGO_SETTINGS_MODULE": place.project.settings,
            "PYTHONPATH": str(place.project.directory),
        }
    )
    cwd: Callable[[Place], Path] = field(default=lambda place: place.project.directory)
    ready_path: str = "/hello"
    is_secure: bool = False
    takes_all_cores: bool = False
    is_proxy: bool = False
    has_channels: bool = False
