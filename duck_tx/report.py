"""What an App tells about itself: the banner, the line when it is ready, the metadata."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from ipaddress import ip_address
from typing import Protocol

import duck_tx
from duck_tx.process.age import began
from duck_tx.serving import threads
from duck_tx.settings import Settings
from duck_tx.tree import Tree
from duck_tx.uris import is_wildcard

__all__ = ["banner", "metadata", "microapp_lines", "ready_line", "status_line", "thread_count", "warning_lines"]

_BANNER = r"""
     _          _
  __| |_  _ __ | |__    | duck_tx {version}
 / _` | || / _|| / /    | one process tree for a Django site
 \__,_|\_,_\__||_\_\    |
"""


class Subject(Protocol):
    """The App, as far as it is told about."""

    @property
    def tree(self) -> Tree: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def addr(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def DOMAIN(self) -> str: ...
    @property
    def absolute_uri(self) -> str: ...
    @property
    def absolute_ws_uri(self) -> str: ...


def banner() -> str:
    """The name, drawn, and the version."""
    return _BANNER.format(version=duck_tx.__version__)


def ready_line(app: Subject) -> str:
    """One line: what is served, where, by what."""
    return f"ready: {_what_and_where(app)} ({_threads(app)}, pid {os.getpid()}, {time.time() - began():.2f} s)"


def microapp_lines(app: Subject) -> list[str]:
    """One line for each micro app: which, where."""
    if _alone(app):
        return []
    return [f"micro app {each['name']} at {each['url']}" for each in _microapps(app)]


def warning_lines(app: Subject) -> list[str]:
    """One line for each thing that may be meant otherwise than it was said."""
    lines = []
    if app.settings.server.domain is None and is_wildcard(app.addr):
        lines.append(f"absolute URIs say localhost, as {app.addr} is no name: give one with --domain")
    gateway = app.settings.gateway
    if gateway.enabled and not gateway.external and _is_open(gateway.addr or ""):
        lines.append(
            f"Django at {gateway.addr} can be reached from elsewhere, without limits, deadlines and access log: give"
            " gateway.addr a port of 127.0.0.1 or a Unix socket"
        )
    return lines


def _is_open(addr: str) -> bool:
    """Whether others than this machine may connect, as far as can be told without asking for names."""
    try:
        return not ip_address(addr.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


def status_line(app: Subject) -> str:
    """One line of the present: what is served, where."""
    return f"serving {_what_and_where(app)}"


def _what_and_where(app: Subject) -> str:
    return f"{_what(app)} at {app.absolute_uri}{_redirect(app)}"


def _redirect(app: Subject) -> str:
    redirect = app.tree.redirect
    address = None if redirect is None else redirect.address
    return "" if address is None else f", redirected from port {address[1]}"


def _what(app: Subject) -> str:
    project = app.tree.project
    if project is None:
        return _alone(app) or _named(app) or _routes(app) or "no application"
    if project.kind == "welcome":
        return "the welcome project (no manage.py was found here: choose yours with --project)"
    return _named(app) or "the application"


def _named(app: Subject) -> str:
    """The application, as whoever chose it calls it; empty if there is none."""
    project = app.tree.project
    if project is None:
        return _elsewhere(app)
    named = project.asgi if app.settings.gateway.asgi_only else project.wsgi
    return named or project.settings_module or project.asgi or ""


def _elsewhere(app: Subject) -> str:
    """Where somebody else's server has the application; empty if none does."""
    gateway = app.settings.gateway
    return f"the application at {gateway.addr}" if gateway.enabled and gateway.external else ""


def _routes(app: Subject) -> str:
    """How many there are; empty if there are none."""
    count = len(app.settings.proxy.routes)
    return f"{count} route{'s' if count > 1 else ''} to other servers" if count else ""


def _alone(app: Subject) -> str:
    """The name of the micro app that has all of this server; empty if there is none."""
    found = [each.spec.name for each in app.tree.microapps or () if each.spec.has_everything]
    return found[0] if found and app.tree.project is None else ""


def _microapps(app: Subject) -> list[dict[str, object]]:
    if app.tree.microapps is None:
        return []
    return [
        {"name": each.spec.name, "url": each.uri(app.absolute_uri), "up": app.tree.microapps.is_up(each)}
        for each in app.tree.microapps
    ]


def _upstreams(app: Subject) -> dict[str, object]:
    """The servers of the routes, where there are some.  How they are changes, and is asked for when it matters."""
    routes = app.tree.serving.routes
    if routes is None:
        return {}
    return {"upstreams": [{"route": each["route"], "url": each["url"]} for each in routes.describe()]}


def _threads(app: Subject) -> str:
    """Who answers requests."""
    count = thread_count(app)
    if count is None:
        each = "an event loop"
    else:
        each = "on the reactor thread" if not count else f"{count} threads" if count > 1 else "1 thread"
    if app.tree.workers is None:
        return each
    number = app.tree.workers.count
    return f"{number} workers, each {each}" if number > 1 else f"1 worker, {each}"


def thread_count(app: Subject) -> int | None:
    """How many there may be; 0 where the reactor does it all, as it asks other servers; ``None`` where no thread
    answers requests, as everything goes through ASGI."""
    if _is_asgi_alone(app):
        return None
    return threads(app.settings) if app.tree.project is not None or _alone(app) else 0


def _is_asgi_alone(app: Subject) -> bool:
    project = app.tree.project
    return project is not None and (app.settings.gateway.asgi_only or project.kind == "asgi")


def metadata(app: Subject) -> Mapping[str, object]:
    """What other programs may know: names, addresses, URLs, pid, versions, start time (seconds since the epoch)."""
    import twisted

    return {
        "server": "duck_tx",
        "addr": app.addr,
        "port": app.port,
        "domain": app.DOMAIN,
        "protocol": "https" if app.settings.https.is_on else "http",
        "url": app.absolute_uri,
        "ws_url": app.absolute_ws_uri,
        "pid": os.getpid(),
        "threads": thread_count(app),
        "workers": 1 if app.tree.workers is None else app.tree.workers.count,
        "automations": _automations(app),
        "microapps": _microapps(app),
        **_upstreams(app),
        "project": _named(app) or None,
        "started": round(began(), 3),
        "versions": {
            "duck_tx": duck_tx.__version__,
            "twisted": twisted.__version__,
            "django": _django(app),
            "python": platform.python_version(),
        },
    }


def _automations(app: Subject) -> dict[str, object] | None:
    """The process that runs them; ``None`` where there is nothing to run."""
    if app.tree.solo is None:
        here = app.tree.serving.automations
        return {"pid": os.getpid(), "state": "ready"} if here is not None and here.automations else None
    about = app.tree.solo.describe()
    return None if about is None else {"pid": about["pid"], "state": about["state"]}


def _django(app: Subject) -> str:
    """Its version.  A process that does not load it asks the installation, which workers may find renewed."""
    if app.tree.workers is not None:
        return version("django")
    import django

    return str(django.get_version())
