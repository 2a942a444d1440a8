"""The servers, by the names that they have in the results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from benchmarks import command, nginx, upstream
from benchmarks.server import (
    ASLEEP,
    BESIDE,
    CHANNELS,
    CHANNELS_SOCKETS,
    DUE,
    HTTP2,
    HTTPS,
    HTTPS_IDLE,
    HTTPS_PAGE,
    LOG,
    NEWCOMERS,
    PROXY,
    RESOURCE,
    SITE,
    SOCKETS,
    STATIC,
    UPLOAD,
    WELCOME,
    WORKERS,
    Command,
    Place,
    Server,
)

DUCK = "duck_tx"
DUCK_INLINE = "duck_tx --threads 0"
DUCK_LOGGED = "duck_tx with JSON log"
DUCK_RESOURCE, SITE_RESOURCE = "Resource on duck_tx", "Resource on twisted.web"
DUCK_PROBED, TWIST_PROBED = "duck_tx with probe", "twist web with probe"
WELCOME_SITE = "duck_tx welcome project"
GRANIAN, GUNICORN_SYNC, GUNICORN_THREADS = "granian", "gunicorn sync", "gunicorn gthread"

#: The same with so many worker processes, on all cores.
WORKER_COUNTS = (1, 2, 3)
DUCK_WORKERS = tuple(f"duck_tx --processes --workers {count}" for count in WORKER_COUNTS)

#: With TLS of their own, or with nginx in front.
DUCK_HTTPS, DUCK_INLINE_HTTPS = "duck_tx --https", "duck_tx --https --threads 0"
GRANIAN_HTTPS, SYNC_HTTPS, THREADS_HTTPS = "granian TLS", "gunicorn sync TLS", "gunicorn gthread TLS"
TWIST_HTTPS = "twist web --wsgi TLS"
NGINX_SYNC, NGINX_THREADS = "nginx + gunicorn sync", "nginx + gunicorn gthread"

#: Without Django: over TLS, and in HTTP/2.
DUCK_HTTP2, SITE_HTTP2 = "Resource on duck_tx HTTP/2", "Resource on twisted.web HTTP/2"
HYPERCORN_HTTP2, GRANIAN_HTTP2 = "hypercorn HTTP/2", "granian HTTP/2"

#: With many automations that are due at the same moment, by where they run.
AUTOMATION_KINDS = ("thread", "coroutine", "reactor")
AUTOMATIONS_DUE = tuple(f"duck_tx with automations: {kind}" for kind in AUTOMATION_KINDS)

#: With one that has nothing to do, and without any.
AUTOMATIONS_ASLEEP = ("duck_tx with an automation due in hours", "duck_tx without automations")

#: In front of nginx.
DUCK_PROXY, AGENT_PROXY, NGINX_PROXY = "duck_tx --upstream", "twisted.web's Agent and readBody", "nginx as proxy"

#: With Channels, and without any framework.
DUCK_CHANNELS, UVICORN_CHANNELS, DAPHNE_CHANNELS = (
    "duck_tx with Channels",
    "uvicorn with Channels",
    "daphne with Channels",
)
DUCK_SOCKETS, UVICORN_SOCKETS, DAPHNE_SOCKETS = "duck_tx --asgi", "uvicorn of plain ASGI", "daphne of plain ASGI"

#: A worker process, and an automation beside it that computes without end.
AUTOMATIONS_BESIDE = ("duck_tx --processes with a busy automation", "duck_tx --processes without automations")

_PLAIN = (
    Server(
        DUCK,
        command.duck_project("--no-access-log"),
        # It takes part where TLS is measured for the sake of what that costs.
        frozenset({SITE, STATIC, LOG, HTTPS}),
        command.duck_env,
    ),
    Server(
        DUCK_INLINE,
        command.duck_project("--no-access-log", "--threads", "0"),
        frozenset({SITE, STATIC}),
        command.duck_env,
    ),
    Server(GRANIAN, command.granian, frozenset({SITE, STATIC})),
    Server(GUNICORN_SYNC, command.gunicorn_sync),
    Server(GUNICORN_THREADS, command.gunicorn_threads),
    Server("waitress", command.waitress),
    Server("uvicorn", command.uvicorn),
    Server("daphne", command.daphne),
    Server("twist web --wsgi", command.twist),
    Server(DUCK_LOGGED, command.duck_project(), frozenset({LOG}), command.json_log),
    Server(DUCK_RESOURCE, command.resource("duck_tx"), frozenset({RESOURCE}), command.duck_env, ready_path="/"),
    Server(SITE_RESOURCE, command.resource("twisted"), frozenset({RESOURCE}), command.duck_env, ready_path="/"),
    Server(
        DUCK_PROBED,
        command.probed(lambda place: sys.executable, command.duck_project("--no-access-log")),
        frozenset({UPLOAD}),
        command.duck_env,
    ),
    Server(TWIST_PROBED, command.probed(lambda place: place.peer("python"), command.twist), frozenset({UPLOAD})),
    # Its state directory is kept, so that only the first start migrates.
    Server(
        WELCOME_SITE,
        command.duck("--no-access-log"),
        frozenset({WELCOME}),
        command.duck_env,
        command.empty,
        ready_path="/",
    ),
)

_MANY = tuple(
    Server(
        name,
        command.duck_project("--no-access-log", "--processes", "--workers", str(count)),
        frozenset({WORKERS}),
        command.duck_env,
        takes_all_cores=True,
    )
    for name, count in zip(DUCK_WORKERS, WORKER_COUNTS, strict=True)
)

_JOBS = ("--no-access-log", "--automations", "benchmarks.automation_jobs")

_AUTOMATIONS = (
    *(
        Server(
            name,
            command.probed(lambda place: sys.executable, command.duck_project(*_JOBS)),
            frozenset({DUE}),
            command.with_automations(kind),
            takes_all_cores=True,
        )
        for name, kind in zip(AUTOMATIONS_DUE, AUTOMATION_KINDS, strict=True)
    ),
    *(
        Server(name, command.duck_project(*_JOBS), frozenset({ASLEEP}), command.with_automations(kind))
        for name, kind in zip(AUTOMATIONS_ASLEEP, ("later", ""), strict=True)
    ),
    *(
        Server(
            name,
            command.duck_project(*_JOBS, "--processes", "--workers", "1"),
            frozenset({BESIDE}),
            command.with_automations(kind),
            takes_all_cores=True,
        )
        for name, kind in zip(AUTOMATIONS_BESIDE, ("busy", ""), strict=True)
    ),
)


def _in_http2(name: str, start: Command) -> Server:
    """A server without Django, which is asked in HTTP/2."""
    return Server(name, start, frozenset({HTTP2}), command.duck_env, ready_path="/", is_secure=True)


_SECURE = (
    Server(
        DUCK_HTTPS,
        command.duck_https(),
        frozenset({HTTPS, HTTPS_PAGE, NEWCOMERS, HTTPS_IDLE}),
        command.duck_env,
        is_secure=True,
    ),
    Server(
        DUCK_INLINE_HTTPS,
        command.duck_https("--threads", "0"),
        frozenset({HTTPS, NEWCOMERS}),
        command.duck_env,
        is_secure=True,
    ),
    Server(
        GRANIAN_HTTPS,
        command.secure(command.granian, "--ssl-certificate", "--ssl-keyfile"),
        frozenset({HTTPS, HTTPS_PAGE, NEWCOMERS, HTTPS_IDLE}),
        is_secure=True,
    ),
    Server(
        SYNC_HTTPS,
        command.secure(command.gunicorn_sync, "--certfile", "--keyfile"),
        # It keeps no connection, so every request would be a newcomer in the other cases too.
        frozenset({NEWCOMERS}),
        is_secure=True,
    ),
    Server(
        THREADS_HTTPS,
        command.secure(command.gunicorn_threads, "--certfile", "--keyfile"),
        frozenset({HTTPS, HTTPS_PAGE, NEWCOMERS}),
        is_secure=True,
    ),
    Server(
        NGINX_SYNC,
        nginx.before_gunicorn(command.SYNC),
        frozenset({HTTPS, HTTPS_PAGE, NEWCOMERS}),
        is_secure=True,
    ),
    Server(
        NGINX_THREADS,
        nginx.before_gunicorn(command.THREADS, keeps_connections=True),
        frozenset({HTTPS, HTTPS_PAGE}),
        is_secure=True,
    ),
    Server(
        "uvicorn TLS",
        command.secure(command.uvicorn, "--ssl-certfile", "--ssl-keyfile"),
        frozenset({HTTPS}),
        is_secure=True,
    ),
    Server(TWIST_HTTPS, command.twist_https, frozenset({NEWCOMERS, HTTPS_IDLE}), is_secure=True),
    _in_http2(DUCK_HTTP2, command.resource("duck_tx", is_secure=True)),
    _in_http2(HYPERCORN_HTTP2, command.secure(command.hypercorn, "--certfile", "--keyfile")),
    _in_http2(SITE_HTTP2, command.resource("twisted", is_secure=True)),
    _in_http2(GRANIAN_HTTP2, command.secure(command.granian_asgi, "--ssl-certificate", "--ssl-keyfile")),
)


def _proxy(name: str, start: Command) -> Server:
    """A proxy before nginx."""
    return Server(name, start, frozenset({PROXY}), command.duck_env, command.empty, is_proxy=True)


_PROXIES = (
    _proxy(DUCK_PROXY, command.duck_proxy),
    _proxy(AGENT_PROXY, command.agent_proxy),
    _proxy(NGINX_PROXY, upstream.proxy),
)

_BOTH = frozenset({CHANNELS, CHANNELS_SOCKETS})

_CHANNELS = (
    Server(DUCK_CHANNELS, command.duck_project("--no-access-log"), _BOTH, command.duck_env, has_channels=True),
    Server(UVICORN_CHANNELS, command.uvicorn, _BOTH, has_channels=True),
    Server(DAPHNE_CHANNELS, command.daphne, _BOTH, has_channels=True),
)


def _sockets(name: str, start: Command, env: Callable[[Place], Mapping[str, str]] = command.duck_env) -> Server:
    """A server without Django, for WebSockets."""
    return Server(name, start, frozenset({SOCKETS}), env, command.empty, ready_path="/")


_SOCKETS = (
    _sockets(DUCK_SOCKETS, command.duck_sockets, command.asgi_only),
    _sockets(UVICORN_SOCKETS, command.uvicorn_sockets),
    _sockets(DAPHNE_SOCKETS, command.daphne_sockets),
)

SERVERS: tuple[Server, ...] = _PLAIN + _MANY + _AUTOMATIONS + _PROXIES + _CHANNELS + _SOCKETS + _SECURE
