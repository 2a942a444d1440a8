"""How each server is started: one worker process, its own number of threads, and no access log.

To change how a server is started, edit its command here; nothing else knows about it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.client import HOST
from benchmarks.project import ROOT
from benchmarks.server import Command, Place

_HERE = Path(__file__).resolve().parent
_APPLICATION = "benchmarks.hello_asgi:application"
_SOCKETS = "benchmarks.websocket_asgi:application"


def duck(*options: str) -> Command:
    """``twistd -n duck`` of this checkout, as a user would type it."""

    def command(place: Place) -> list[str]:
        argv = [own("twistd"), "--nodaemon", "--pidfile=", "duck", "--addr", HOST, "--port", str(place.port)]
        return [*argv, "--state-dir", str(place.scratch / "state"), *options]

    return command


def duck_project(*options: str) -> Command:
    return lambda place: duck("--project", str(place.project.directory), *options)(place)


def duck_https(*options: str) -> Command:
    return secure(duck_project("--no-access-log", "--https", *options), "--certfile", "--private-key")


def duck_proxy(place: Place) -> list[str]:
    return duck("--no-access-log", "--upstream", f"/=http://{HOST}:{place.upstream}")(place)


def duck_env(place: Place) -> dict[str, str]:
    """For programs of this checkout, without Django's settings."""
    return {"PYTHONPATH": str(ROOT)}


def with_automations(kind: str) -> Callable[[Place], dict[str, str]]:
    """With the automations of this kind, of which :mod:`benchmarks.automation_jobs` has some."""

    def env(place: Place) -> dict[str, str]:
        return {**duck_env(place), "BENCHMARK_AUTOMATIONS": kind, "BENCHMARK_REPORT": str(place.begun)}

    return env


def json_log(place: Place) -> dict[str, str]:
    file = place.scratch / "access.log"
    return {**duck_env(place), "DUCK_LOG__FORMAT": "json", "DUCK_LOG__FILE": str(file)}


def asgi_only(place: Place) -> dict[str, str]:
    return {**duck_env(place), "DUCK_GATEWAY__ASGI_ONLY": "1"}


def own(program: str) -> str:
    """A program of the environment that runs the benchmarks, which is duck_tx's."""
    return str(Path(sys.executable).with_name(program))


def secure(command: Command, certificate: str, key: str) -> Command:
    """The same command with TLS: ``certificate`` and ``key`` are the options that name the files."""

    def secured(place: Place) -> list[str]:
        files = place.certificate
        return [*command(place), certificate, str(files.file), key, str(files.key)]

    return secured


def _on_port(place: Place) -> str:
    return f"{HOST}:{place.port}"


def gunicorn(*options: str, bind: Callable[[Place], str] = _on_port) -> Command:
    def command(place: Place) -> list[str]:
        argv = [place.peer("gunicorn"), "--bind", bind(place), "--workers", "1"]
        return [*argv, "--log-level", "warning", "--no-control-socket", *options, place.project.wsgi]

    return command


SYNC = ("--worker-class", "sync")

# By itself it holds an idle connection for 2 s and 1000 of them, which would decide the idle case.
THREADS = ("--worker-class", "gthread", "--threads", "4", "--keep-alive", "75", "--worker-connections", "20000")

gunicorn_sync, gunicorn_threads = gunicorn(*SYNC), gunicorn(*THREADS)


def granian(place: Place) -> list[str]:
    static = ["--static-path-route", "/static", "--static-path-mount", str(place.project.static)]
    # Its own limit is 1024 connections, beyond which all wait. Its threads follow that limit: half of 1024.
    argv = [*_granian(place), "--interface", "wsgi", "--backpressure", "20000", "--blocking-threads", "512"]
    return [*argv, *static, place.project.wsgi]


def granian_asgi(place: Place) -> list[str]:
    # ASGI without a lifespan, which the application has none of.
    return [*_granian(place), "--interface", "asginl", _APPLICATION]


def _granian(place: Place) -> list[str]:
    argv = [place.peer("granian"), "--host", HOST, "--port", str(place.port)]
    return [*argv, "--workers", "1", "--no-access-log", "--log-level", "warning"]


def waitress(place: Place) -> list[str]:
    # Its own limit is 100 connections, and select() ends at 1024 files: neither could hold the idle ones.
    argv = [place.peer("waitress-serve"), f"--listen={HOST}:{place.port}"]
    return [*argv, "--connection-limit=20000", "--asyncore-use-poll", place.project.wsgi]


def uvicorn(place: Place) -> list[str]:
    return [*_uvicorn(place), place.project.asgi]


def uvicorn_sockets(place: Place) -> list[str]:
    return [*_uvicorn(place), _SOCKETS]


def _uvicorn(place: Place) -> list[str]:
    argv = [place.peer("uvicorn"), "--host", HOST, "--port", str(place.port), "--workers", "1"]
    argv += ["--no-access-log", "--log-level", "warning", "--lifespan", "off", "--timeout-keep-alive", "75"]
    return argv


def daphne(place: Place) -> list[str]:
    return [*_daphne(place), place.project.asgi]


def daphne_sockets(place: Place) -> list[str]:
    return [*_daphne(place), _SOCKETS]


def _daphne(place: Place) -> list[str]:
    # At verbosity 0 it writes no access log.
    return [place.peer("daphne"), "-v", "0", "-b", HOST, "-p", str(place.port)]


def duck_sockets(place: Place) -> list[str]:
    return duck("--no-access-log", "--asgi", _SOCKETS)(place)


def agent_proxy(place: Place) -> list[str]:
    return [sys.executable, "-P", "-m", "benchmarks.agent_proxy", str(place.port), str(place.upstream)]


def hypercorn(place: Place) -> list[str]:
    # It closes a connection after 1000 requests, with some of them under way, and has no option for that.
    settings = place.scratch / "hypercorn.toml"
    settings.write_text("keep_alive_max_requests = 100_000_000\n")
    argv = [place.peer("hypercorn"), "--config", str(settings), "--bind", f"{HOST}:{place.port}", "--workers", "1"]
    return [*argv, "--log-level", "warning", _APPLICATION]


def twist(place: Place) -> list[str]:
    return _twist(place, f"tcp:{place.port}:interface={HOST}")


def twist_https(place: Place) -> list[str]:
    files = place.certificate
    return _twist(place, f"ssl:{place.port}:interface={HOST}:certKey={files.file}:privateKey={files.key}")


def _twist(place: Place, listen: str) -> list[str]:
    # It always writes an access log, and moves a full one aside: of /dev/null, that would move away the device itself.
    log, application = place.scratch / "access.log", place.project.wsgi.replace(":", ".")
    argv = [place.peer("twist"), "--log-level=critical", "web", f"--listen={listen}"]
    return [*argv, f"--logfile={log}", f"--wsgi={application}"]


def probed(python: Callable[[Place], str], command: Command) -> Command:
    """The same command with a probe in its reactor that notes how long each turn takes."""
    return lambda place: [python(place), str(_HERE / "pause_probe.py"), str(place.pauses), *command(place)]


def resource(kind: str, is_secure: bool = False) -> Command:
    def command(place: Place) -> list[str]:
        # -P: the modules beside it are not those that it may mean.
        argv = [sys.executable, "-P", str(_HERE / "resource_server.py"), kind, str(place.port)]
        return [*argv, str(place.certificate.file), str(place.certificate.key)] if is_secure else argv

    return command


def empty(place: Place) -> Path:
    """A directory without a project."""
    return place.scratch
