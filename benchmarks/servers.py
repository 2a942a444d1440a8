"""The servers: how each is started, with one worker process, its own number of threads, and no access log.

To change how a server is started, edit its command here; nothing else knows about it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import HOST
from benchmarks.project import ROOT, Project

#: Groups of cases. A server takes part in the cases of its groups.
SITE, STATIC, LOG, RESOURCE, UPLOAD, WELCOME = "site", "static", "log", "resource", "upload", "welcome"

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Place:
    """What a command needs to know: the port, the project, the peers' programs and a directory of its own."""

    port: int
    project: Project
    peers: Path
    scratch: Path

    def peer(self, program: str) -> str:
        return str(self.peers / program)

    @property
    def pauses(self) -> Path:
        """Where the pause probe leaves what it has seen."""
        return self.scratch / "pauses.txt"


Command = Callable[[Place], list[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server. ``ready_path`` is what it is asked for until it answers 200."""

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


def duck(*options: str) -> Command:
    """``twistd -n duck`` of this checkout, as a user would type it."""

    def command(place: Place) -> list[str]:
        argv = [own("twistd"), "--nodaemon", "--pidfile=", "duck", "--addr", HOST, "--port", str(place.port)]
        return [*argv, "--state-dir", str(place.scratch / "state"), *options]

    return command


def duck_project(*options: str) -> Command:
    return lambda place: duck("--project", str(place.project.directory), *options)(place)


def duck_env(place: Place) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)}


def json_log(place: Place) -> dict[str, str]:
    file = place.scratch / "access.log"
    return {**duck_env(place), "DUCK_LOG__FORMAT": "json", "DUCK_LOG__FILE": str(file)}


def own(program: str) -> str:
    """A program of the environment that runs the benchmarks, which is duck_tx's."""
    return str(Path(sys.executable).with_name(program))


def gunicorn(*options: str) -> Command:
    def command(place: Place) -> list[str]:
        argv = [place.peer("gunicorn"), "--bind", f"{HOST}:{place.port}", "--workers", "1"]
        return [*argv, "--log-level", "warning", "--no-control-socket", *options, place.project.wsgi]

    return command


def gthread(place: Place) -> list[str]:
    # By itself it holds an idle connection for 2 s and 1000 of them, which would decide the idle case.
    threads = ("--worker-class", "gthread", "--threads", "4")
    return gunicorn(*threads, "--keep-alive", "75", "--worker-connections", "20000")(place)


def granian(place: Place) -> list[str]:
    argv = [place.peer("granian"), "--interface", "wsgi", "--host", HOST, "--port", str(place.port)]
    argv += ["--workers", "1", "--no-access-log", "--log-level", "warning"]
    # Its own limit is 1024 connections, beyond which all wait. Its threads follow that limit: half of 1024.
    argv += ["--backpressure", "20000", "--blocking-threads", "512"]
    argv += ["--static-path-route", "/static", "--static-path-mount", str(place.project.static)]
    return [*argv, place.project.wsgi]


def waitress(place: Place) -> list[str]:
    # Its own limit is 100 connections, and select() ends at 1024 files: neither could hold the idle ones.
    argv = [place.peer("waitress-serve"), f"--listen={HOST}:{place.port}"]
    return [*argv, "--connection-limit=20000", "--asyncore-use-poll", place.project.wsgi]


def uvicorn(place: Place) -> list[str]:
    argv = [place.peer("uvicorn"), "--host", HOST, "--port", str(place.port), "--workers", "1"]
    argv += ["--no-access-log", "--log-level", "warning", "--lifespan", "off", "--timeout-keep-alive", "75"]
    return [*argv, place.project.asgi]


def daphne(place: Place) -> list[str]:
    # At verbosity 0 it writes no access log.
    return [place.peer("daphne"), "-v", "0", "-b", HOST, "-p", str(place.port), place.project.asgi]


def twist(place: Place) -> list[str]:
    argv = [place.peer("twist"), "--log-level=critical", "web", f"--listen=tcp:{place.port}:interface={HOST}"]
    # It always writes an access log, and moves a full one aside: of /dev/null, that would move away the device itself.
    log = place.scratch / "access.log"
    return [*argv, f"--logfile={log}", f"--wsgi={place.project.wsgi.replace(':', '.')}"]


def probed(python: Callable[[Place], str], command: Command) -> Command:
    """The same command with a probe in its reactor that notes how long each turn takes."""
    return lambda place: [python(place), str(_HERE / "pause_probe.py"), str(place.pauses), *command(place)]


def _empty(place: Place) -> Path:
    return place.scratch


def resource(kind: str) -> Command:
    return lambda place: [sys.executable, str(_HERE / "resource_server.py"), kind, str(place.port)]


DUCK = "duck_tx"
DUCK_INLINE = "duck_tx --threads 0"
DUCK_LOGGED = "duck_tx with JSON log"
DUCK_RESOURCE, SITE_RESOURCE = "Resource on duck_tx", "Resource on twisted.web"
DUCK_PROBED, TWIST_PROBED = "duck_tx with probe", "twist web with probe"
WELCOME_SITE = "duck_tx welcome project"
GRANIAN, GUNICORN_SYNC, GUNICORN_THREADS = "granian", "gunicorn sync", "gunicorn gthread"

SERVERS: tuple[Server, ...] = (
    Server(DUCK, duck_project("--no-access-log"), frozenset({SITE, STATIC, LOG}), duck_env),
    Server(DUCK_INLINE, duck_project("--no-access-log", "--threads", "0"), frozenset({SITE, STATIC}), duck_env),
    Server(GRANIAN, granian, frozenset({SITE, STATIC})),
    Server(GUNICORN_SYNC, gunicorn("--worker-class", "sync")),
    Server(GUNICORN_THREADS, gthread),
    Server("waitress", waitress),
    Server("uvicorn", uvicorn),
    Server("daphne", daphne),
    Server("twist web --wsgi", twist),
    Server(DUCK_LOGGED, duck_project(), frozenset({LOG}), json_log),
    Server(DUCK_RESOURCE, resource("duck_tx"), frozenset({RESOURCE}), duck_env, ready_path="/"),
    Server(SITE_RESOURCE, resource("twisted"), frozenset({RESOURCE}), duck_env, ready_path="/"),
    Server(
        DUCK_PROBED,
        probed(lambda place: sys.executable, duck_project("--no-access-log")),
        frozenset({UPLOAD}),
        duck_env,
    ),
    Server(TWIST_PROBED, probed(lambda place: place.peer("python"), twist), frozenset({UPLOAD})),
    # In a directory without a project; its state directory is kept, so that only the first start migrates.
    Server(WELCOME_SITE, duck("--no-access-log"), frozenset({WELCOME}), duck_env, _empty, ready_path="/"),
)
