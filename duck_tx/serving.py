"""What answers requests: the same services in the one process of a small site and in each worker of a larger one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from twisted.application.service import Service
from twisted.web.resource import IResource

from duck_tx import welcome
from duck_tx.content.static import StaticFiles
from duck_tx.errors import ApplicationError
from duck_tx.garbage import GarbageService
from duck_tx.gateway.django import LoadedProject
from duck_tx.gateway.files import FileMount
from duck_tx.gateway.project import Project
from duck_tx.gateway.service import DEFAULT_THREADS, GatewayService
from duck_tx.http.forwarded import Trusted
from duck_tx.http.limits import Limits
from duck_tx.http.logservice import AccessLogService
from duck_tx.http.nothing import NothingHere
from duck_tx.http.router import Router
from duck_tx.http.service import ServerService
from duck_tx.http.site import Site
from duck_tx.http.turns import Turns
from duck_tx.place import project_of, state_directory
from duck_tx.process.endpoint import endpoints
from duck_tx.process.inherited import Sockets
from duck_tx.process.meta import make_state_directory
from duck_tx.proxy.resource import ReverseProxy
from duck_tx.settings import HttpSettings, Settings, override

if TYPE_CHECKING:
    from duck_tx.apart import Apart
    from duck_tx.automations.service import AutomationService
    from duck_tx.http.service import Listener
    from duck_tx.micro.site import MicroSite
    from duck_tx.micro.spec import MicroSpec
    from duck_tx.proxy.routes import Routes
    from duck_tx.secure import Secure

__all__ = ["Form", "Serving", "found", "processes", "threads"]

_JOIN_AT_LEAST = 0.5
"""Seconds for threads to end, even where the grace is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which process this is.

    :ivar is_worker: one of several that serve together.
    :ivar serves: it answers requests; otherwise automations are all that it has.
    :ivar runs_automations: it runs them, if it is no worker and they are on.
    :ivar turns: in which these accept connections.
    :ivar runs_commands: the startup commands are for this one to run.
    :ivar skip_setup: Django has been set up by the embedding program.
    :ivar port_option: what sets the port of the server, for messages.
    """

    is_worker: bool = False
    serves: bool = True
    runs_automations: bool = True
    turns: Turns | None = None
    runs_commands: bool = True
    skip_setup: bool = False
    port_option: str = "--port"


class Serving:
    """The services that answer requests.  Making it opens nothing.

    :ivar was_development: what another process has said of the project, for one that does not load it.
    :ivar automations: runs them in this process; ``None`` where that is not its part, or they are off.
    :ivar mounts: resources of the server's own, by the raw prefix of their paths.
    :ivar ports: what listens, by the names of :func:`duck_tx.process.endpoint.endpoints`, and the keys of micro apps.
    :ivar routes: what other servers answer; ``None`` where there is nothing.
    :ivar apart: the application, where it has an address of its own.
    :ivar microapps: those that are in it or mounted on it, by their keys.

    :param settings: what to serve.
    :param reactor: where.
    :param sockets: those that were inherited.
    :param form: which process this is.
    :raises ApplicationError: if there is no such project.
    """

    was_development = False

    def __init__(self, settings: Settings, reactor: Any, sockets: Sockets, form: Form) -> None:
        self.settings = settings
        self.project = project_of(settings, configured=form.skip_setup)
        self.state_directory = state_directory(settings, self.project)
        self.reactor = reactor
        self.sockets = sockets
        self._form = form
        self.microapps: dict[str, MicroSite] = {}
        self.mounts: dict[bytes, IResource] = {}
        self.access_log = AccessLogService(settings.log, reactor)
        self.routes = self._routes() if settings.proxy.routes and form.serves else None
        gateway = settings.gateway
        self.apart = self._apart() if gateway.addr and gateway.enabled and form.serves else None
        self.secure: Secure | None = None
        if settings.https.is_on and form.serves:
            self._secured()
        self.site = self.make_site(
            self._router(self.apart.backend.resource if self.apart and gateway.external else NothingHere()),
            logs=settings.log.access,
            secure=self.secure is not None,
            hsts=self.secure.hsts if self.secure else None,
        )
        self.server = self._server(sockets)
        self.ports = {"server": self.server}
        if self.secure is not None and settings.https.force:
            self.secure.add_redirect(
                self.server,
                partial(self.make_site, logs=settings.https.redirect_log),
                lambda: self.site.resource,
                sockets,
            )
        if self.redirect is not None:
            self.ports["force-https"] = self.redirect
        if self.apart is not None and self.apart.port is not None:
            self.ports["backend"] = self.apart.port
        self.gateway = GatewayService(
            reactor,
            settings.gateway
            if form.runs_commands
            else msgspec.structs.replace(settings.gateway, commands_on_startup=()),
            self._prepare,
            self._loaded,
            self.patience,
            threads=threads(settings) if form.serves else 0,
            use_finders=settings.server.debug,
            skip_setup=form.skip_setup,
            multiprocess=form.is_worker,
            websocket=settings.websocket,
            serves=form.serves,
        )
        has_loaded = any(part is not None for part in (self.project, self.apart, self.routes))
        self._garbage = GarbageService() if has_loaded and gateway.gc_freeze else None
        runs_automations = form.runs_automations and not form.is_worker and settings.automations.enabled
        self.automations = self._automations() if runs_automations else None

    def _automations(self) -> AutomationService:
        from duck_tx.automating import automation_service

        return automation_service(
            self.settings,
            self.reactor,
            self.project,
            self.state_directory,
            is_loaded=lambda: self.project is None or self.gateway.project is not None,
            patience=self.patience,
        )

    def _routes(self) -> Routes:
        from duck_tx.proxy.routes import Routes

        return Routes(self.settings.proxy.routes, self.reactor, domain=self.settings.server.domain)

    def _apart(self) -> Apart:
        from duck_tx.apart import Apart

        return Apart(self, lambda: self.gateway)

    def _router(self, pages: IResource) -> Router:
        """What leads to all that is mounted, and else to ``pages``, or to the route that takes their place."""
        everything = None if self.routes is None else self.routes.for_everything
        router = Router(pages if everything is None else everything)
        for prefix, resource in self.mounts.items():
            router.mount(prefix, resource)
        if self.routes is not None:
            self.routes.mount(router)
        for app in self.microapps.values():
            app.mount(router)
        return router

    def patience(self) -> float:
        """Seconds that what works behind the server has left of its grace."""
        return max(self.server.grace_left, _JOIN_AT_LEAST)

    @property
    def redirect(self) -> ServerService | None:
        """The redirect site, if there is one."""
        return None if self.secure is None else self.secure.redirect

    @property
    def is_worker(self) -> bool:
        """Whether this is one of several processes that serve together."""
        return self._form.is_worker

    def services(self) -> Iterator[tuple[str, Service]]:
        """What has to run, in this order."""
        if self._form.serves:
            yield "access log", self.access_log
        if self.apart is not None:
            yield "django", self.apart.backend
        elif self.project is not None:
            yield "django", self.gateway
        if self._garbage is not None:
            yield "garbage collector", self._garbage
        if self.automations is not None:
            yield "automations", self.automations
        if self.secure is not None:
            yield "certificates", self.secure.certificates
        if self.routes is not None:
            yield "routes", self.routes
        yield from self.microapps.items()
        if self._form.serves:
            yield "server", self.server
            if self.redirect is not None:
                yield "force-https", self.redirect
        if self.routes is not None and self.routes.checks.are_wanted:
            yield "health checks", self.routes.checks
        if self.microapps:
            yield "micro apps", self.farewell()

    def announce_stop(self) -> None:
        """Have every answer from now on say that its connection closes, and no automation begin any more."""
        for port in self.ports.values():
            port.announce_stop()
        if self.routes is not None:
            self.routes.checks.hold()
        if self.automations is not None:
            # Else those that begin while requests are finished would have what is left of the grace.
            self.automations.hold()

    def is_development(self) -> bool:
        """Whether the project is still being worked on, as far as that is known here."""
        debug = self.settings.server.debug
        if debug is not None:
            return debug
        loaded = self.gateway.project
        return self.was_development if loaded is None else loaded.debug or loaded.project.kind == "welcome"

    def make_site(
        self,
        resource: IResource,
        *,
        logs: bool,
        secure: bool = False,
        hsts: Callable[[], bytes | None] | None = None,
    ) -> Site:
        return Site(
            resource,
            reactor=self.reactor,
            limits=_limits(self.settings.http),
            trusted=Trusted(self.settings.proxy.trusted),
            log=self.access_log.log if logs else None,
            server_header=self.settings.http.server_header,
            secure=secure,
            hsts=hsts,
        )

    def _server(self, sockets: Sockets) -> ServerService:
        server = self.settings.server
        endpoint = replace(endpoints(self.settings)["server"], option=self._form.port_option)
        return ServerService(
            self.reactor,
            self.site,
            sockets.binding("server", endpoint.bind),
            endpoint.explained,
            backlog=server.backlog,
            grace=server.grace,
            listener=None if self.secure is None else self.secure.listener(self.site),
            is_shared="server" in sockets,
            turns=self._form.turns,
        )

    def _prepare(self) -> tuple[Project, list[str]]:
        """On a thread, before the project is loaded: the project, and the commands that it needs first."""
        assert self.project is not None
        project, commands = found(self.settings, self.project, self.state_directory)
        is_one_of_several = self._form.is_worker or not self._form.serves
        return project, commands if self._form.runs_commands or not is_one_of_several else []

    def _loaded(self, project: LoadedProject, gateway: IResource) -> None:
        """The project is there: put its files and its pages where requests will look for them."""
        pages: IResource = ReverseProxy(gateway)
        if self.apart is not None:
            pages = self.apart.put(pages)
        router = self._router(pages)
        for mount in project.mounts:
            if self._serves(mount):
                self._check_free(mount, router)
                router.mount(mount.prefix, self._files(mount, router.default))
        self.site.resource = router

    # Micro apps.

    def add_microapp(self, spec: MicroSpec, key: str) -> MicroSite:
        """Have a micro app served here too.

        :param key: its name, other than those of others.
        :raises ApplicationError: if something is mounted in its place.
        """
        from duck_tx.micro.site import MicroSite

        app = MicroSite(spec, self, key)
        if isinstance(self.site.resource, Router):
            app.mount(self.site.resource)
        self.microapps[key] = app
        if app.server is not None:
            self.ports[key] = app.server
        return app

    def farewell(self) -> Service:
        """What has the micro apps begin to stop with the server."""
        from duck_tx.micro.site import Farewell

        return Farewell(self.microapps)

    def listener(self, site: Site) -> Listener:
        """How connections over TLS are made to another site than the main one, with the same certificates."""
        return self._secured().listener(site)

    def _secured(self) -> Secure:
        if self.secure is None:
            from duck_tx.secure import Secure

            settings = self.settings
            if not settings.https.is_on:
                # Somebody else's TLS: nothing is asked for where HTTPS was said to be off.
                settings = override(settings, {"https.acme.email": None}, "the micro apps").settings
            self.secure = Secure(
                settings, self.reactor, self.state_directory, self.is_development, follows=self._form.is_worker
            )
        return self.secure

    def _check_free(self, mount: FileMount, router: Router) -> None:
        if mount.prefix in router.mounts:
            raise ApplicationError(
                f"the project's files are at {mount.prefix.decode()}, and so is something else: give its micro app or"
                " route another prefix, or the files another URL in Django's settings."
            )

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


def found(settings: Settings, project: Project, directory: Path) -> tuple[Project, list[str]]:
    """Make what a project needs before it is loaded: the project, and the commands that it needs too.

    :param directory: the state directory.
    """
    if project.kind != "welcome":
        return project, []
    hosts = [name for name in (settings.server.addr, settings.server.domain) if name]
    return project, welcome.prepare(make_state_directory(directory), hosts)


def threads(settings: Settings) -> int:
    """How many gateway threads these settings ask for, in each process that serves; 0 is the reactor thread itself."""
    if settings.gateway.threads is not None:
        return settings.gateway.threads
    if settings.server.force_worker_processes or settings.server.workers is None:
        return DEFAULT_THREADS
    return _number(settings.server.workers)


def processes(settings: Settings) -> int:
    """How many worker processes these settings ask for; 0: what serves is the main process."""
    if not settings.server.force_worker_processes:
        return 0
    return _number(settings.server.workers or "auto")


def _number(workers: int | str) -> int:
    return workers if isinstance(workers, int) else os.cpu_count() or 1


def _limits(http: HttpSettings) -> Limits:
    return Limits(**{name: getattr(http, name) for name in Limits.__slots__})
