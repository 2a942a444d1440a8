"""The gateway service: loads the project, keeps its threads and its event loop, and lets all of them go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger
from twisted.web.resource import IResource

from duck_tx.gateway.aside import aside
from duck_tx.gateway.both import Both, NotHere
from duck_tx.gateway.call import Application
from duck_tx.gateway.django import (
    ASGIApplication,
    Calls,
    LoadedProject,
    allowed_hosts,
    close_connections,
    load,
    prepare,
)
from duck_tx.gateway.project import Project
from duck_tx.gateway.threads import GatewayThreads
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.http.leaf import LeafResource
from duck_tx.settings import GatewaySettings, WebSocketSettings

if TYPE_CHECKING:
    from duck_tx.gateway.asgi.service import AsgiService

__all__ = ["DEFAULT_THREADS", "GatewayService", "calls"]

_log = Logger()

_OFF = "This server calls its application through WSGI alone (gateway.asgi_beside_wsgi is off)."
_NONE = "There is no ASGI application here, so there are no WebSockets."

DEFAULT_THREADS = 10


def calls(settings: GatewaySettings, *, serves: bool = True) -> Calls:
    """Which applications of a project these settings ask for.

    :param serves: requests will be answered.
    """
    return Calls(
        by_asgi=settings.asgi_only or (settings.asgi_beside_wsgi and serves),
        by_wsgi=not settings.asgi_only,
        has_paths=bool(settings.asgi_paths),
    )


class GatewayService(Service):
    """Django (or any other application) in this process.

    :param reactor: takes what the threads answer.
    :param settings: the gateway's part of the settings.
    :param find: locates the project, and says which management commands to run before it is loaded; called on a thread.
    :param loaded: told of the project and the resource that answers for it, before anything is served.
    :param patience: seconds that a stop may wait for the threads, asked when it does.
    :param threads: how many at most; 0 calls the application on the reactor thread.
    :param use_finders: static files from where the apps keep them; ``None``: as Django's DEBUG says.
    :param skip_setup: Django has been set up by the program that embeds this.
    :param multiprocess: other processes serve the same project.
    :param websocket: the limits of WebSockets.
    :param serves: requests are answered; otherwise the project is only loaded.

    :ivar asgi: the ASGI application at work; ``None`` where there is none.
    :ivar joins: a stop waits for the threads.
    :ivar wrap: puts something around the WSGI application before it is served.
    :ivar wrap_asgi: the same for the ASGI application; no project is known yet.
    :ivar loaded: called when all is loaded, before anything is served.
    :ivar failed: told why the project cannot be loaded, and the start goes on; by default that fails the start.
    """

    joins = True
    wrap: Callable[[Application], Application] | None = None
    wrap_asgi: Callable[[ASGIApplication], ASGIApplication] | None = None
    loaded: Callable[[], object] = staticmethod(lambda: None)
    failed: Callable[[Exception], object] | None = None

    def __init__(
        self,
        reactor: Any,
        settings: GatewaySettings,
        find: Callable[[], tuple[Project, list[str]]],
        loaded: Callable[[LoadedProject, IResource], object],
        patience: Callable[[], float],
        *,
        threads: int = DEFAULT_THREADS,
        use_finders: bool | None = None,
        skip_setup: bool = False,
        multiprocess: bool = False,
        websocket: WebSocketSettings | None = None,
        serves: bool = True,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._find = find
        self._tell = loaded
        self._patience = patience
        self._size = threads
        self._use_finders = use_finders
        self._skip_setup = skip_setup
        self._multiprocess = multiprocess
        self._websocket = websocket or WebSocketSettings()
        self._serves = serves
        self.asgi: AsgiService | None = None
        self.threads: GatewayThreads | None = None
        self.project: LoadedProject | None = None
        self._resource: WSGIResource | None = None

    async def startService(self) -> None:
        """Load the project; the reactor goes on meanwhile."""
        if self.project is not None:
            return
        super().startService()
        try:
            project = await aside(self._reactor, "duck-load", self._load)
            await self._begin_asgi(project)
        except CancelledError:
            raise
        except Exception as error:
            if self.failed is None:
                raise
            self.failed(error)
            return
        self.project = project
        self.loaded()
        self._open(project)

    def try_out(self, emit: Callable[[str], object], look: Callable[[], object] = lambda: None) -> None:
        """Load the project here and now to see whether it can be, and if so, run its startup commands.

        :param emit: gets a line when they begin, and each that they print.
        :param look: called before them, when the project is loaded; raises what else is wrong with it.
        :raises ApplicationError: with what is wrong.
        """
        project, commands = self._found()
        load(project, skip_setup=self._skip_setup, use_finders=self._use_finders, calls=calls(self._settings))
        look()
        if commands:
            emit(f"the new code can be loaded, running its startup commands: {', '.join(commands)}")
            prepare(project, commands, emit, skip_setup=self._skip_setup)

    def _found(self) -> tuple[Project, list[str]]:
        project, commands = self._find()
        return project, [*commands, *self._settings.commands_on_startup]

    def _load(self) -> LoadedProject:
        project, commands = self._found()
        return load(
            project,
            commands=commands,
            emit=lambda line: _log.info("{line}", line=line),
            skip_setup=self._skip_setup,
            use_finders=self._use_finders,
            calls=calls(self._settings, serves=self._serves),
        )

    async def _begin_asgi(self, project: LoadedProject) -> None:
        if project.asgi is None or not self._serves:
            return
        # Here, as most sites have no ASGI application.
        from duck_tx.gateway.asgi.service import AsgiService
        from duck_tx.websocket.limits import WebSocketLimits

        websocket = self._websocket
        asgi = AsgiService(
            self._reactor,
            self._settings,
            *project.asgi,
            limits=WebSocketLimits.of(websocket),
            is_allowed_host=allowed_hosts() if websocket.check_origin else None,
            close_connections=close_connections,
            wrap=self.wrap_asgi,
        )
        await asgi.start()
        self.asgi = asgi

    @property
    def _others(self) -> LeafResource:
        """What answers WebSockets, and paths that are for ASGI."""
        if self.asgi is not None:
            return self.asgi.resource
        return NotHere(_NONE if self._settings.asgi_beside_wsgi else _OFF)

    def _open(self, project: LoadedProject) -> None:
        resource: IResource = self._others
        if project.application is not None:
            resource = self._pages(project.application)
            if self._settings.asgi_paths:
                resource = Both(resource, self._others, self._settings.asgi_paths)
        self._tell(project, resource)

    def _pages(self, application: Application) -> WSGIResource:
        settings = self._settings
        if self._size:
            self.threads = GatewayThreads(self._size, self._reactor, at_exit=close_connections)
            self.threads.start()
        self._resource = WSGIResource(
            self._reactor,
            self.threads,
            application if self.wrap is None else self.wrap(application),
            max_waiting=settings.max_waiting,
            request_timeout=settings.request_timeout,
            response_memory=settings.response_memory,
            response_spool=settings.response_spool,
            multiprocess=self._multiprocess,
            sockets=self._others,
        )
        return self._resource

    def renew_threads(self) -> None:
        """Take new threads for the requests to come; the old ones finish what they have and end.  Nothing is done
        while no project is loaded."""
        if self.project is None:
            return
        earlier, resource = self.threads, self._resource
        self._open(self.project)
        if earlier is not None:
            earlier.stop()
        if resource is not None:
            resource.stop()

    async def let_go(self, seconds: float) -> None:
        """Take new threads, and wait until the old ones have finished what they have, and the event loop what it has
        now, for so many seconds at most."""
        earlier = self.threads
        going: list[Deferred[Any]] = []
        if self.asgi is not None:
            going.append(Deferred.fromCoroutine(self.asgi.idle(seconds)))
        if earlier is not None:
            self.renew_threads()
            going.append(aside(self._reactor, "duck-join", earlier.join, seconds).addCallback(_say_stuck))
        await gatherResults(going, consumeErrors=True)

    async def stopService(self) -> None:
        """Let the threads and the event loop finish what they have, and wait for them beside the reactor thread."""
        super().stopService()
        project, self.project = self.project, None
        resource, self._resource = self._resource, None
        if resource is not None:
            resource.stop()
        threads, self.threads = self.threads, None
        if threads is not None:
            threads.stop()
        asgi, self.asgi = self.asgi, None
        if asgi is not None:
            await asgi.stop(self._patience)
        if threads is None:
            # While a project is still being loaded, its modules are not ours to touch.
            if project is not None:
                close_connections()
        elif self.joins:
            _say_stuck(await aside(self._reactor, "duck-join", threads.join, self._patience()))


def _say_stuck(names: list[str]) -> None:
    if names:
        _log.warn("{count} gateway threads did not end: {names}", count=len(names), names=", ".join(names))
