"""From settings to services: what runs, in which order, and who is handed what."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.web.resource import IResource

from duck_tx import welcome
from duck_tx.content.static import StaticFiles
from duck_tx.errors import SSLError
from duck_tx.gateway.django import LoadedProject
from duck_tx.gateway.files import FileMount
from duck_tx.gateway.project import Project
from duck_tx.gateway.service import DEFAULT_THREADS, GatewayService
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.http.forwarded import Trusted
from duck_tx.http.limits import Limits
from duck_tx.http.logservice import AccessLogService
from duck_tx.http.nothing import NothingHere
from duck_tx.http.router import Router
from duck_tx.http.service import ServerService
from duck_tx.http.site import Site
from duck_tx.place import project_of, state_directory
from duck_tx.process.check import CheckService, run_checks, tell
from duck_tx.process.control import ControlService, Verb
from duck_tx.process.hook import Hook, HookService
from duck_tx.process.inherited import InheritedSockets, Wanted
from duck_tx.process.meta import MetaService, check_state_directory, make_state_directory
from duck_tx.process.notify import NotifyService, notify_address
from duck_tx.process.port import bind, explained
from duck_tx.process.reaper import ReaperService, is_init
from duck_tx.process.sequence import Sequence
from duck_tx.process.sidecars import SidecarService
from duck_tx.process.signals import Action, Handler, SignalService
from duck_tx.proxy.resource import ReverseProxy
from duck_tx.settings import HttpSettings, Settings

if TYPE_CHECKING:
    from duck_tx.secure import Secure

__all__ = ["Tree"]

_NONE: Mapping[str, Any] = MappingProxyType({})

_JOIN_AT_LEAST = 0.5
"""Seconds for threads to end, even where the grace is over."""


class Tree:
    """The services of one App.  Making it opens nothing.

    :ivar service: the root; its children start from the top of this list down, and stop upwards.
    :param settings: what to run.
    :param reactor: where.
    :param up: called when everything is up.
    :param down: called before anything goes down.
    :param failed: told when something could not start.
    :param interrupt: called on SIGINT and SIGTERM with the earlier handler.
    :param describe: the metadata of this moment.
    :param status: what is up, in one line.
    :param environ: where a supervisor says that it wants to be told; read at the start.
    :param sockets: listening sockets that were inherited, by name.
    :param takes_signals: a start takes the signals over; otherwise :attr:`signals` can do so later.
    :param verbs: what can be asked over the control socket; ``None``: there is none.
    :param skip_setup: Django has been set up by the embedding program.
    :raises ApplicationError: if there is no such project.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        *,
        up: Hook,
        down: Hook,
        failed: Callable[[BaseException], object],
        interrupt: Callable[[signal.Signals, Handler | None], object],
        describe: Callable[[], Mapping[str, object]],
        status: Callable[[], str] = str,
        environ: Mapping[str, str] = _NONE,
        sockets: Mapping[str, socket.socket] = _NONE,
        takes_signals: bool = True,
        verbs: Mapping[str, Verb] | None = None,
        skip_setup: bool = False,
    ) -> None:
        self.settings = settings
        self.project = project_of(settings, configured=skip_setup)
        self.state_directory = state_directory(settings, self.project)
        self._reactor = reactor
        self.access_log = AccessLogService(settings.log, reactor)
        self.secure: Secure | None = None
        if settings.https.is_on:
            from duck_tx.secure import Secure

            self.secure = Secure(settings, reactor, self.state_directory, self._is_development)
        self.site = self._site(
            Router(NothingHere()),
            logs=settings.log.access,
            secure=self.secure is not None,
            hsts=self.secure.hsts if self.secure else None,
        )
        self.sockets = InheritedSockets(sockets, _wanted(settings))
        self._bind_server = self.sockets.binding("server", self._bind)
        self.server = self._server()
        if self.secure is not None and settings.https.force:
            self.secure.add_redirect(
                self.server,
                partial(self._site, logs=settings.https.redirect_log),
                lambda: self.site.resource,
                self.sockets,
            )
        self.gateway = GatewayService(
            reactor,
            settings.gateway,
            self._prepare,
            self._loaded,
            lambda: max(self.server.grace_left, _JOIN_AT_LEAST),
            threads=threads(settings),
            use_finders=settings.server.debug,
            skip_setup=skip_setup,
        )
        self.meta = MetaService(self.state_directory, describe)
        self.early_sidecars, self.late_sidecars = self._sidecars("before"), self._sidecars("after")

        self.signals = SignalService(reactor, self._actions(interrupt), at_start=takes_signals)
        self.control: ControlService | None = None
        if verbs is not None:
            self.control = ControlService(reactor, self.state_directory, verbs, name=settings.server.process_name)

        self.service = Sequence(failed)
        if not settings.server.no_checks:
            self._add("checks", CheckService(self._checks()))
        self._add("signals", self.signals)
        if is_init():
            self._add("reaper", ReaperService(reactor))
        if self.control is not None:
            self._add("control", self.control)
        self._add("access log", self.access_log)
        if self.early_sidecars is not None:
            self._add("early sidecars", self.early_sidecars)
        if self.project is not None:
            self._add("django", self.gateway)
        if self.secure is not None:
            self._add("certificates", self.secure.certificates)
        self._add("server", self.server)
        if self.redirect is not None:
            self._add("force-https", self.redirect)
        if self.secure is not None and self.secure.acme is not None:
            self._add("acme", self.secure.acme)
        self._add("metadata", self.meta)
        if self.late_sidecars is not None:
            self._add("late sidecars", self.late_sidecars)
        self._add("hooks", HookService(up, down, reactor, settings.server.grace))
        if notify_address(environ) is not None:
            self._add("notify", NotifyService(reactor, environ, status=status))

    def _add(self, name: str, service: Any) -> None:
        service.setName(name)
        service.setServiceParent(self.service)

    def run_checks(self) -> None:
        """Look whether a start can succeed, without leaving anything behind.

        :raises ApplicationError: the first thing that was found; any others are logged.
        """
        run_checks(self._checks())

    def _checks(self) -> list[Callable[[], object]]:
        checks: list[Callable[[], object]] = [partial(_check_port, self.server, self._bind_server)]
        if self.secure is not None:
            if self.secure.redirect is not None:
                checks.append(partial(_check_port, self.secure.redirect, self.secure.bind_redirect))
            checks.append(self.secure.certificates.check)
            if self.secure.acme is not None:
                checks.append(self.secure.acme.check)
        checks.append(partial(check_state_directory, self.state_directory))
        if self.control is not None:
            checks.append(self.control.check)
        checks += [each.check for each in (self.early_sidecars, self.late_sidecars) if each is not None]
        return [*checks, self.access_log.check]

    def _sidecars(self, start: str) -> SidecarService | None:
        """The sidecars that start before the server, or after it; ``None`` where there are none."""
        sidecars = [each for each in self.settings.sidecars if each.start == start]
        if not sidecars:
            return None
        return SidecarService(
            self._reactor,
            sidecars,
            directory=Path(self.project.directory if self.project is not None else os.getcwd()),
            grace=self.settings.server.grace,
            environ=os.environ,
        )

    @property
    def redirect(self) -> ServerService | None:
        """The redirect site, if there is one."""
        return None if self.secure is None else self.secure.redirect

    def _site(
        self,
        resource: IResource,
        *,
        logs: bool,
        secure: bool = False,
        hsts: Callable[[], bytes | None] | None = None,
    ) -> Site:
        return Site(
            resource,
            reactor=self._reactor,
            limits=_limits(self.settings.http),
            trusted=Trusted(self.settings.proxy.trusted),
            log=self.access_log.log if logs else None,
            server_header=self.settings.http.server_header,
            secure=secure,
            hsts=hsts,
        )

    def _server(self) -> ServerService:
        server = self.settings.server
        return ServerService(
            self._reactor,
            self.site,
            self._bind_server,
            lambda error, port: explained(error, server.addr, port),
            backlog=server.backlog,
            grace=server.grace,
            listener=None if self.secure is None else self.secure.listener(self.site),
            is_shared="server" in self.sockets,
        )

    def _bind(self) -> socket.socket:
        server = self.settings.server
        return bind(server.addr, server.port, uses_ipv6=server.uses_ipv6)

    def _is_development(self) -> bool:
        debug = self.settings.server.debug
        if debug is not None:
            return debug
        loaded = self.gateway.project
        return loaded is not None and (loaded.debug or loaded.project.kind == "welcome")

    def announce_stop(self) -> None:
        """Have every answer from now on say that its connection closes."""
        self.server.announce_stop()
        if self.redirect is not None:
            self.redirect.announce_stop()

    def _actions(self, interrupt: Callable[[signal.Signals, Handler | None], object]) -> dict[signal.Signals, Action]:
        def stop(number: signal.Signals, earlier: Handler | None) -> None:
            self.announce_stop()
            interrupt(number, earlier)

        actions: dict[signal.Signals, Action] = {
            signal.SIGINT: partial(stop, signal.SIGINT),
            signal.SIGTERM: partial(stop, signal.SIGTERM),
            signal.SIGUSR1: self._reopen_logs,
        }
        if self.secure is not None:
            actions[signal.SIGHUP] = self._reload_certificates
        return actions

    def _reload_certificates(self, earlier: Handler | None) -> None:
        assert self.secure is not None
        if earlier is not None:
            earlier(signal.SIGHUP, None)
        try:
            self.secure.certificates.reload()
        except SSLError as error:
            tell(error)

    def _reopen_logs(self, earlier: Handler | None) -> None:
        if earlier is not None:
            earlier(signal.SIGUSR1, None)
        self.access_log.reopen()

    def _prepare(self) -> tuple[Project, list[str]]:
        """On a thread, before the project is loaded: the project, and the commands that it needs first."""
        project = self.project
        assert project is not None
        if project.kind != "welcome":
            return project, []
        server = self.settings.server
        hosts = [name for name in (server.addr, server.domain) if name]
        return project, welcome.prepare(make_state_directory(self.state_directory), hosts)

    def _loaded(self, project: LoadedProject, gateway: WSGIResource) -> None:
        """The project is there: put its files and its pages where requests will look for them."""
        pages = ReverseProxy(gateway)
        router = Router(pages)
        for mount in project.mounts:
            if self._serves(mount):
                router.mount(mount.prefix, self._files(mount, pages))
        self.site.resource = router

    def _serves(self, mount: FileMount) -> bool:
        content = self.settings.content
        return content.media if mount.untrusted else content.static

    def _files(self, mount: FileMount, pages: IResource) -> StaticFiles:
        content = self.settings.content
        return StaticFiles(
            mount.root,
            finder=mount.finder,
            max_age=content.max_age,
            immutable=content.immutable and not mount.untrusted,
            precompressed=content.precompressed,
            untrusted=mount.untrusted,
            fallback=pages,
        )


def threads(settings: Settings) -> int:
    """How many gateway threads these settings ask for; 0 is the reactor thread itself."""
    if settings.gateway.threads is not None:
        return settings.gateway.threads
    workers = settings.server.workers
    if workers == "auto":
        return os.cpu_count() or 1
    return workers if isinstance(workers, int) else DEFAULT_THREADS


def _wanted(settings: Settings) -> dict[str, Wanted]:
    """The listening sockets that these settings need, and what they may be called where somebody else opened them."""
    port, https = settings.server.port, settings.https
    if not (https.is_on and https.force):
        return {"server": Wanted(("server", "https", "http"), port)}
    return {
        "server": Wanted(("server", "https"), port),
        "force-https": Wanted(("force-https", "redirect", "http"), https.redirect_port),
    }


def _check_port(server: ServerService, bind: Callable[[], socket.socket]) -> None:
    if server.address is None:
        bind().close()


def _limits(http: HttpSettings) -> Limits:
    return Limits(**{name: getattr(http, name) for name in Limits.__slots__})
