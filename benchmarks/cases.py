"""What is measured, by the names that it has in the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import server, upstream
from benchmarks.automations import AsleepCase, PunctualCase
from benchmarks.case import (
    Case,
    IdleCase,
    LoadCase,
    PauseCase,
    Request,
    StartCase,
    WorkersCase,
    by_h2load,
    by_newcomers,
)
from benchmarks.project import STATIC_FILES, static_content
from benchmarks.websockets import BroadcastCase, EchoCase, IdleSocketsCase

_UPLOAD_SCRIPT = Path(__file__).resolve().parent / "upload.lua"
_MEBIBYTE = 1 << 20


def _is(expected: bytes) -> Callable[[bytes], bool]:
    return lambda body: body == expected


def _holds(expected: bytes) -> Callable[[bytes], bool]:
    return lambda body: expected in body


def _file(name: str) -> Request:
    return Request(f"/static/{name}", _is(static_content(STATIC_FILES[name])))


_HELLO = Request("/hello", _is(b"Hello, world!"))
_PAGE = Request("/page", _holds(b"</html>"))
_RESOURCE = Request("/", _is(b"Hello, resource!"))
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
HTTPS_HELLO, HTTPS_PAGE, NEWCOMERS, HTTPS_IDLE, HTTP2 = "https-hello", "https-page", "newcomers", "https-idle", "http2"
WORKERS = "workers"
DUE, ASLEEP, BESIDE = "automations-due", "automations-asleep", "automations-beside"
PROXY, PROXY_FILE = "proxy", "proxy-64k"
CHANNELS_HELLO, CHANNELS_PAGE = "channels-hello", "channels-page"
ECHO, SOCKETS_IDLE, BROADCAST = "websocket-echo", "websocket-idle", "websocket-broadcast"
CHANNELS_ECHO, CHANNELS_BROADCAST = "channels-echo", "channels-broadcast"

#: The columns of the tables of servers, and panels of the chart.
LOADS: tuple[LoadCase, ...] = (
    LoadCase(HELLO, "hello", server.SITE, _HELLO),
    LoadCase("json", "JSON", server.SITE, Request("/json", _holds(b"Hello, world!"))),
    LoadCase(PAGE, "page (ORM, template)", server.SITE, _PAGE),
    LoadCase(
        "response-1m",
        "1 MB response",
        server.SITE,
        Request(f"/bytes/{_MEBIBYTE}", lambda body: len(body) == _MEBIBYTE),
    ),
    LoadCase("upload-1m", "1 MB upload", server.SITE, _UPLOAD),
    LoadCase("static-4k", "static 4 KB", server.STATIC, _file("benchmark-4k.bin")),
    LoadCase("static-1m", "static 1 MB", server.STATIC, _file("benchmark-1m.bin")),
)

#: The same over TLS.
SECURE_LOADS: tuple[LoadCase, ...] = (
    LoadCase(HTTPS_HELLO, "hello", server.HTTPS, _HELLO),
    LoadCase(HTTPS_PAGE, "page (ORM, template)", server.HTTPS_PAGE, _PAGE),
    LoadCase(NEWCOMERS, "new connections", server.NEWCOMERS, _HELLO, by_newcomers),
    LoadCase(HTTP2, "trivial resource, HTTP/2", server.HTTP2, _RESOURCE, by_h2load),
)

#: Through a proxy to nginx.
PROXY_LOADS: tuple[LoadCase, ...] = (
    LoadCase(PROXY, "small answer", server.PROXY, Request("/hello", _is(upstream.HELLO))),
    LoadCase(PROXY_FILE, "64 KB answer", server.PROXY, Request("/file", _is(upstream.FILE))),
)

#: Of the project with Channels.
CHANNELS_LOADS: tuple[LoadCase, ...] = (
    LoadCase(CHANNELS_HELLO, "hello", server.CHANNELS, _HELLO),
    LoadCase(CHANNELS_PAGE, "page (ORM, template)", server.CHANNELS, _PAGE),
)

#: Cases by topic, which can be measured alone.
TOPICS: Mapping[str, tuple[Case, ...]] = {
    "http": (
        *LOADS,
        LoadCase(LOGGED, "hello, access log", server.LOG, _HELLO),
        LoadCase(RESOURCE, "Twisted resource", server.RESOURCE, _RESOURCE),
        StartCase(START, "start", server.SITE),
        StartCase(WELCOME, "start of the welcome project", server.WELCOME),
        IdleCase(IDLE, "idle connections", server.SITE, _HELLO),
        PauseCase(MULTIPART, "50 MB multipart upload", server.UPLOAD),
    ),
    "workers": (WorkersCase(WORKERS, "page, worker processes", server.WORKERS, _PAGE),),
    "automations": (
        PunctualCase(DUE, "10,000 automations due at once", server.DUE),
        AsleepCase(ASLEEP, "nothing to do", server.ASLEEP),
        WorkersCase(BESIDE, "page beside an automation", server.BESIDE, _PAGE),
    ),
    "proxy": PROXY_LOADS,
    "channels": (
        *CHANNELS_LOADS,
        EchoCase(CHANNELS_ECHO, "echo by a consumer", server.CHANNELS_SOCKETS, "/ws/echo"),
        BroadcastCase(CHANNELS_BROADCAST, "broadcast by consumers", server.CHANNELS_SOCKETS, "/ws/crowd"),
    ),
    "websocket": (
        EchoCase(ECHO, "echo", server.SOCKETS, "/echo"),
        IdleSocketsCase(SOCKETS_IDLE, "idle WebSockets", server.SOCKETS, "/echo"),
        BroadcastCase(BROADCAST, "broadcast", server.SOCKETS, "/crowd"),
    ),
    "https": (*SECURE_LOADS, IdleCase(HTTPS_IDLE, "idle connections", server.HTTPS_IDLE, _HELLO)),
}

CASES: tuple[Case, ...] = tuple(case for topic in TOPICS.values() for case in topic)
