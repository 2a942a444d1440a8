"""``--reload``: the process that stands above the server, and what the server has more below it."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.gateway.django import ASGIApplication, LoadedProject
from duck_tx.http.router import Router
from duck_tx.life import Life
from duck_tx.place import project_of
from duck_tx.process import age
from duck_tx.process.check import tell
from duck_tx.process.endpoint import Endpoint, endpoints
from duck_tx.process.inherited import InheritedSockets, handed_on
from duck_tx.process.sequence import Sequence
from duck_tx.process.signals import Action, Handler, SignalService
from duck_tx.process.title import set_title
from duck_tx.reload.inject import Application, Injecting
from duck_tx.reload.link import Link, adopt, wait_for_turn
from duck_tx.reload.live import PREFIX, Live
from duck_tx.reload.module import others
from duck_tx.reload.page import TroublePage
from duck_tx.reload.service import ReloaderService
from duck_tx.reload.trace import troubles
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree

__all__ = ["Monitor", "Ports", "equip", "settings_below"]

_log = Logger()
_GRACE = 1.0
"""Seconds that a request in flight may hold up the next life of the server."""

_LAST_WORD = 0.2
"""Seconds for a client that has just connected to say what it wants."""

_AHEAD = (
    "django.contrib.admin.options",
    "django.contrib.auth.hashers",
    "django.contrib.messages.middleware",
    "django.contrib.sessions.middleware",
    "django.contrib.staticfiles.storage",
    "django.core.handlers.wsgi",
    "django.core.management",
    "django.db.migrations.executor",
    "django.middleware.csrf",
    "django.template.backends.django",
    "django.template.loader_tags",
    "django.utils.translation.trans_real",
    "django.views.debug",
)
"""Modules of Django that look at no settings, and what they import."""

_FILES = ("duck.toml", "pyproject.toml")


def settings_below(settings: Settings) -> Settings:
    """The settings of a server that does not live for long, and whose files change."""
    return override(
        settings,
        {
            "server.grace": min(settings.server.grace, _GRACE),
            "server.debug": True if settings.server.debug is None else settings.server.debug,
            "server.force_worker_processes": False,
            "server.preload": False,
            "gateway.gc_freeze": False,
            "content.max_age": 0,
        },
        "--reload",
    ).settings


class Ports(Service):
    """The listening sockets of all lives of the server, so that clients wait between two of them.

    :param given: those that somebody else has opened, by name.
    :param settings: those of the first life, which say who gets what of them.
    """

    def __init__(self, given: Mapping[str, socket.socket], settings: Settings) -> None:
        self._given = InheritedSockets(given, endpoints(settings))
        self._bound: dict[str, tuple[Endpoint, socket.socket]] = {}

    def bound(self, settings: Settings) -> dict[str, socket.socket]:
        """Those that ``settings`` ask for, each bound once; those that are wanted no longer are closed.

        :raises PortError: if one cannot be bound; nothing has changed then.
        """
        earlier, now = self._bound, {}
        for name, endpoint in endpoints(settings).items():
            if name in earlier and earlier[name][0] == endpoint:
                now[name] = earlier[name]
            else:
                now[name] = endpoint, self._given.binding(name, endpoint.bind)()
        self._bound = now
        for name, (endpoint, sock) in earlier.items():
            if now.get(name, (None, None))[1] is not sock:
                self._let_go(name, endpoint, sock)
        return {name: sock for name, (_, sock) in now.items()}

    def stopService(self) -> None:
        """Close them: there is no further life."""
        super().stopService()
        bound, self._bound = self._bound, {}
        for name, (endpoint, sock) in bound.items():
            self._let_go(name, endpoint, sock)

    def _let_go(self, name: str, endpoint: Endpoint, sock: socket.socket) -> None:
        sock.close()
        if endpoint.is_unix and name not in self._given:
            Path(endpoint.addr).unlink(missing_ok=True)


class Monitor:
    """The tree of the monitor's process.

    :param reactor: where it runs.
    :param load: reads the settings anew.
    :param config: the settings file, if it is not one of those that are found by themselves.
    :param environ: of the server.
    :param ports: what it listens on.

    :ivar service: the tree.
    :ivar life: its life, for a process that ``twistd`` does not run.
    """

    def __init__(
        self,
        reactor: Any,
        load: Callable[[], Settings],
        *,
        config: str | None,
        environ: Mapping[str, str],
        ports: Callable[[Settings], Ports],
    ) -> None:
        from duck_tx.reload.monitor import MonitorService

        self._load = load
        self._environ = environ
        self._directory = os.getcwd()
        self._watched = [str(Path(self._directory, name)) for name in ([config] if config else _FILES)]
        settings = load()
        self._name = settings.server.process_name
        if settings.server.force_worker_processes:
            _log.info("one process serves below --reload, in place of the worker processes that are set")
        self._ports = ports(settings)
        self.life = Life(reactor, is_guest=False, ended=lambda: None)
        self.service: MultiService = Sequence(self.life.failed)
        self.life.service = self.service
        self._monitor = MonitorService(reactor, self._prepare, tell, self._over, polls=settings.reload.polling)
        actions: dict[signal.Signals, Action] = {
            signal.SIGINT: partial(self._interrupted, signal.SIGINT),
            signal.SIGTERM: partial(self._interrupted, signal.SIGTERM),
            signal.SIGHUP: lambda _: self._monitor.restart("SIGHUP"),
            signal.SIGUSR1: lambda _: self._monitor.signal(signal.SIGUSR1),
        }
        # The first to start, and so the last to stop: until then the server has them as well.
        self._ports.setServiceParent(self.service)
        SignalService(reactor, actions).setServiceParent(self.service)
        self._monitor.setServiceParent(self.service)

    def _prepare(self) -> Any:
        """How the server is to be started now.

        :raises ApplicationError: if it could not be.
        """
        from duck_tx.reload.child import Start

        set_title(f"{self._name}: reloader")
        settings = self._load()
        project = project_of(settings)
        sockets = self._ports.bound(settings)
        return Start(
            # As this process was started; what is new is in the environment.
            [sys.executable, *sys.orig_argv[1:]],
            self._directory,
            {**self._environ, **handed_on(sockets)},
            [sock.fileno() for sock in sockets.values()],
            [*self._watched, *([] if project is None else [os.path.join(project.directory, "manage.py")])],
            "" if project is None or project.kind == "welcome" else project.directory,
        )

    def _interrupted(self, number: signal.Signals, earlier: Handler | None) -> None:
        self._monitor.by_terminal = number is signal.SIGINT
        self.life.interrupted(number, earlier)

    def _over(self, status: int | None, number: int | None) -> None:
        """The server has ended, and so does this process, in the same way."""
        if number is not None:
            os.kill(os.getpid(), number)
        else:
            self.life.stop(ends=True)


def stand_by(link_socket: socket.socket) -> None:
    """Wait for the turn of this process, and import meanwhile what projects mostly import.

    :raises SystemExit: with 0, if that never comes.
    """
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not select.select([link_socket], [], [], 0)[0]:
        for name in _AHEAD:
            # There is no need for it, nor any reason to say why it failed: the project will.
            with suppress(Exception):
                import_module(name)
    if not wait_for_turn(link_socket):
        raise SystemExit(0)
    signal.signal(signal.SIGINT, earlier)
    os.environ.update(age.stamped())


def equip(
    tree: Tree, reactor: Any, link_socket: socket.socket, gone: Callable[[], object], *, debug: bool | None = None
) -> None:
    """Give the tree of a server below a monitor what it needs there.

    :param link_socket: leads to the monitor.
    :param gone: called when the monitor is gone without a word.
    :param debug: ``server.debug`` as it was set: whether pages get the script; ``None``: where the project is in
        development.
    """
    settings, serving = tree.settings, tree.serving
    live = Live(reactor)
    link = Link(lambda message: None, gone)
    adopt(reactor, link_socket, link)
    reactor.addSystemEventTrigger("before", "shutdown", link.let_go)
    reloader = ReloaderService(reactor, link, live, excluded=others(), polls=settings.reload.polling)

    def failed(error: Exception) -> None:
        """Show why the project cannot be loaded, whatever is asked for."""
        reloader.error = error
        reloader.tell_files()
        if isinstance(error, ApplicationError):
            tell(error)
        directory = tree.project.directory if tree.project is not None else os.getcwd()
        headline = str(error) or type(error).__name__
        router = Router(TroublePage(headline, troubles(error, directory, others()), tag))
        router.mount(PREFIX.encode(), live)
        serving.site.resource = router
        if "backend" in serving.ports:
            serving.ports["backend"].site.resource = router

    def tag() -> str:
        return live.tag if settings.reload.browser else ""

    def tag_of_page() -> str:
        return tag() if is_debug(serving.gateway.project, debug) else ""

    def with_script(application: Application) -> Application:
        wanted = settings.reload.browser and is_debug(serving.gateway.project, debug)
        return Injecting(application, tag) if wanted else application

    def with_script_by_asgi(application: ASGIApplication) -> ASGIApplication:
        # Here, as most sites have none.
        from duck_tx.reload.injectasgi import InjectingASGI

        return InjectingASGI(application, tag_of_page)

    serving.gateway.failed, serving.gateway.wrap = failed, with_script
    serving.gateway.wrap_asgi = with_script_by_asgi
    # Before anybody is served, for whatever happens then.
    serving.gateway.loaded = reloader.tell_files
    if serving.automations is not None:
        serving.automations.failed = failed
    serving.mounts[PREFIX.encode()] = live
    for site in (port.site for port in serving.ports.values()):
        # Whoever is idle connects again, to the next life.
        site.last_word = _LAST_WORD
        if site.access_log is not None:
            site.access_log = partial(_log_others, site.access_log)
    reloader.setName("reloader")
    reloader.setServiceParent(tree.service)
    tree.reloader = reloader


def is_debug(project: LoadedProject | None, debug: bool | None) -> bool:
    """Whether the pages of a project are for its developers alone.

    :param debug: what the settings say, if they do; else it is as Django's DEBUG, and true of the welcome project.
    """
    if debug is not None:
        return debug
    return project is not None and (project.debug or project.project.kind == "welcome")


def _log_others(log: Callable[[Any], None], request: Any) -> None:
    """Log what the site is asked; what its pages ask of the reloader would be most of it."""
    if not request.uri.startswith(PREFIX.encode()):
        log(request)
