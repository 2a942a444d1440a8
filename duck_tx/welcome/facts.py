"""What the first page tells about the server, the process and the request."""

from __future__ import annotations

import os
import platform
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import Any

import django

import duck_tx
from duck_tx.welcome import state

_STARTED = time.monotonic()


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a table: what, and how it is."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A place that the request came through."""

    name: str
    what: str
    facts: tuple[Fact, ...]


@cache
def versions() -> tuple[Fact, ...]:
    """What is running, with versions."""
    return (
        Fact("duck_tx", duck_tx.__version__),
        Fact("Twisted", _version("twisted")),
        Fact("Django", django.get_version()),
        Fact("Python", platform.python_version()),
        Fact("SQLite", sqlite3.sqlite_version),
    )


def uptime() -> str:
    """How long this process has had the project loaded, to the second, minute or hour."""
    seconds = int(time.monotonic() - _STARTED)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def process() -> tuple[Fact, ...]:
    """This process, now."""
    return (
        Fact("Process", str(os.getpid())),
        Fact("Threads alive", str(threading.active_count())),
        Fact("Machine", f"{platform.system()} {platform.machine()}, {os.cpu_count() or 1} CPU"),
    )


def way(meta: Mapping[str, Any]) -> tuple[Stop, ...]:
    """How the request with this environment came here, stop by stop."""
    return (
        Stop(
            "You",
            "The address Django sees, after the rule about trusted proxies.",
            _facts(Address=meta.get("REMOTE_ADDR"), Port=meta.get("REMOTE_PORT")),
        ),
        Stop(
            "The wire",
            "Read whole, and within its deadlines, before Django hears of it.",
            _facts(
                Protocol=meta.get("SERVER_PROTOCOL"),
                Scheme=meta.get("wsgi.url_scheme"),
                Host=meta.get("HTTP_HOST"),
            ),
        ),
        _thread(),
        Stop(
            "Django",
            "In the same process: no socket, no second server between.",
            _facts(**{"Request id": meta.get("HTTP_X_REQUEST_ID"), "Path": meta.get("PATH_INFO")}),
        ),
    )


def _thread() -> Stop:
    thread = threading.current_thread()
    if thread is threading.main_thread():
        # As with --threads 0.
        return Stop("The reactor", "No thread of its own: the page is made between two events.", ())
    what = "One hop in with the whole request, one hop out with the whole response."
    return Stop("A thread", what, _facts(Name=thread.name))


def superuser_command(meta: Mapping[str, Any]) -> str:
    """The command that makes an admin account for the database in use.

    It names the data directory where that is not the default, but not to visitors from elsewhere.
    """
    command = "python -m duck_tx.welcome createsuperuser"
    directory = state.data_directory()
    if directory == state.DEFAULT_DIRECTORY.absolute() or not _is_local(str(meta.get("REMOTE_ADDR", ""))):
        return command
    return f"{state.DIRECTORY_VARIABLE}={directory} {command}"


def _facts(**values: object) -> tuple[Fact, ...]:
    return tuple(Fact(name, str(value)) for name, value in values.items() if value)


def _is_local(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        # Empty behind a Unix socket, where anybody may stand at the other end.
        return False


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "?"
