"""A micro app in a process that serves: what answers, the threads of that, and its port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

from duck_tx import uris
from duck_tx.errors import ApplicationError
from duck_tx.gateway.application import ApplicationService
from duck_tx.gateway.django import allowed_hosts, close_connections
from duck_tx.gateway.service import DEFAULT_THREADS
from duck_tx.house import House
from duck_tx.http.leaf import LeafResource, streams
from duck_tx.http.request import Request
from duck_tx.http.router import Router
from duck_tx.http.service import ServerService
from duck_tx.http.site import Site
from duck_tx.micro.spec import MicroSpec
from duck_tx.promise import follow, settled
from duck_tx.proxy.resource import ReverseProxy

if TYPE_CHECKING:
    from duck_tx.gateway.asgi.service import AsgiService

__all__ = ["Farewell", "MicroSite"]


class MicroSite(Service):
    """One micro app in this process: what answers, the threads of that, and its port if it has one.

    :param house: where it lives.
    :param key: its name in the tree.

    :ivar resource: what answers for every path below it.
    :ivar server: its port.
    """

    def __init__(self, spec: MicroSpec, house: House, key: str) -> None:
        self.spec = spec
        self.key = key
        self._house = house
        self._threads: ApplicationService | None = None
        self._asgi: AsgiService | None = None
        self._parted: Deferred[None] | None = None
        self._standing = _Standing()
        self.resource: IResource = spec.target if spec.kind == "resource" else self._standing
        self.server: ServerService | None = None if spec.prefix is not None else self._served(self.resource)

    async def _open(self) -> None:
        """Have something answer, and not before: what is needed for it may configure Django."""
        spec, house = self.spec, self._house
        if spec.kind == "async_view":
            from duck_tx.gateway.coroutine import CoroutineResource
            from duck_tx.gateway.view import configure

            configure()
            gateway = house.settings.gateway
            self._show(
                CoroutineResource(
                    house.reactor,
                    spec.target,
                    f"{spec.name}.async_view",
                    house.is_development,
                    most=gateway.max_waiting,
                    request_timeout=gateway.request_timeout,
                    multiprocess=house.is_worker,
                )
            )
        elif spec.kind in ("view", "wsgi"):
            self._threads = ApplicationService(
                house.reactor,
                house.settings.gateway,
                self._application(),
                self._show,
                self._patience,
                threads=spec.threads or DEFAULT_THREADS,
                name=f"duck-{spec.name}",
                multiprocess=house.is_worker,
            )
            self._threads.startService()
        elif spec.kind == "asgi":
            from duck_tx.gateway.asgi.service import AsgiService
            from duck_tx.websocket.limits import WebSocketLimits

            websocket = house.settings.websocket
            self._asgi = AsgiService(
                house.reactor,
                house.settings.gateway,
                spec.target,
                spec.name,
                limits=WebSocketLimits.of(websocket),
                is_allowed_host=allowed_hosts() if websocket.check_origin else None,
                close_connections=close_connections,
            )
            await self._asgi.start()
            self._show(self._asgi.resource)

    def _show(self, resource: IResource) -> None:
        self._standing.target = ReverseProxy(resource)

    def _application(self) -> Any:
        spec = self.spec
        if spec.kind == "wsgi":
            return spec.target
        from duck_tx.gateway.view import ViewApplication, configure

        configure()
        return ViewApplication(spec.target, f"{spec.name}.view", self._house.is_development)

    def _served(self, resource: IResource) -> ServerService:
        spec, house = self.spec, self._house
        endpoint = spec.endpoint(self.key)
        site = house.make_site(resource, logs=spec.logs, secure=spec.https)
        server = house.settings.server
        return ServerService(
            house.reactor,
            site,
            house.sockets.binding(self.key, endpoint.bind),
            endpoint.explained,
            backlog=server.backlog,
            grace=server.grace,
            listener=house.listener(site) if spec.https else None,
            is_shared=self.key in house.sockets,
        )

    def _patience(self) -> float:
        """Seconds that its threads have left of the grace."""
        if self.server is None:
            return self._house.patience()
        return min(self._house.patience(), max(self.server.grace_left, 0.5))

    def mount(self, router: Router) -> None:
        """Put it where it is mounted; nothing where it has a port of its own.

        :raises ApplicationError: if something else is there.
        """
        spec = self.spec
        if spec.prefix is None:
            return
        host = None if spec.host is None else spec.host.encode("ascii")
        try:
            router.mount(spec.prefix, self.resource, host, bare=spec.prefix != b"/")
        except ValueError as error:
            raise ApplicationError(f"the micro app {spec.name} cannot be mounted: {error}.") from error

    # What it is.

    @property
    def site(self) -> Site | None:
        """The site behind its own port."""
        return None if self.server is None else self.server.site

    @property
    def is_up(self) -> bool:
        """Whether its own port accepts connections; of one that is mounted, whether it answers."""
        if self.server is not None:
            return self.server.listening
        return bool(self.running) and (self.resource is not self._standing or self._standing.target is not None)

    @property
    def port(self) -> int:
        """Its own port in use; the one asked for until it is bound."""
        address = None if self.server is None else self.server.address
        return self.spec.port if address is None else address[1]

    def uri(self, main: str) -> str:
        """Where it is, without a slash at the end.

        :param main: the URI of the main server.
        """
        spec = self.spec
        if spec.prefix is None:
            return uris.absolute_uri(uris.public_host(spec.domain, spec.addr), self.port, is_secure=spec.https)
        if spec.host is not None:
            scheme, _, authority = main.partition("://")
            port = re.search(r":[0-9]+\Z", authority)
            main = f"{scheme}://{spec.host}{port[0] if port else ''}"
        return main + spec.prefix.decode("ascii").rstrip("/")

    # Its life.

    def privilegedStartService(self) -> None:
        """Bind its port."""
        super().privilegedStartService()
        if self.server is not None:
            self.server.privilegedStartService()

    async def startService(self) -> None:
        """Have something that answers, then take connections.

        :raises ApplicationError: if an ASGI application cannot start.
        """
        super().startService()
        self._parted = None
        if self._standing.target is None:
            await self._open()
        if self.server is not None:
            self.server.startService()

    def part(self) -> None:
        """Begin to drain its port; what answers stays up."""
        if self.server is not None and self._parted is None:
            self._parted = Deferred.fromCoroutine(settled(self.server.stopService()))

    async def stopService(self) -> None:
        """Drain its port, then let go of its threads."""
        super().stopService()
        self.part()
        parted = self._parted or succeed(None)
        drained = follow(parted)
        # Whoever waits is told.
        parted.addErrback(lambda _: None)
        try:
            await drained
        except CancelledError:
            # Not to be waited for any more, but to be closed all the same.
            closing = Deferred.fromCoroutine(self._close())
            for ending in (parted, closing):
                ending.cancel()
            closing.addErrback(lambda failure: failure.trap(CancelledError) and None)
            raise
        await self._close()

    async def _close(self) -> None:
        """Let go of what answers."""
        self._standing.target = None
        threads, self._threads = self._threads, None
        if threads is not None:
            await threads.stopService()
        asgi, self._asgi = self._asgi, None
        if asgi is not None:
            await asgi.stop(self._patience)

    def stop_at_once(self) -> None:
        """Cut what is still in flight."""
        if self.server is not None:
            self.server.stop_at_once()

    def renew_threads(self) -> None:
        """Take new threads; the old ones finish what they have."""
        if self._threads is not None:
            self._threads.renew_threads()

    async def let_go(self, seconds: float) -> None:
        """Wait until what is at work now has finished, for so many seconds at most; others take what comes."""
        if self._threads is not None:
            await self._threads.let_go(seconds)
        if self._asgi is not None:
            await self._asgi.idle(seconds)


class _Standing(LeafResource):
    """Stands for what answers while the micro app is up; before and after, that it is not.

    :ivar target: what answers.
    """

    def __init__(self) -> None:
        self.target: IResource | None = None

    def streams(self, request: Request) -> bool:
        """Whether the target does."""
        return self.target is not None and streams(self.target, request)

    def render(self, request: Request) -> bytes | int:
        """Have the target answer."""
        if self.target is None:
            request.fail(503, "This part of the site is not up.", [(b"Retry-After", b"5")])
            return NOT_DONE_YET
        answer: bytes | int = self.target.render(request)
        return answer


class Farewell(Service):
    """Has all micro apps begin to drain their ports when the server does: the grace is one for all of them.

    It comes after what listens, so it is the first of them to stop.

    :param sites: the micro apps.
    """

    def __init__(self, sites: Mapping[str, MicroSite]) -> None:
        self._sites = sites

    def stopService(self) -> None:
        """Begin."""
        super().stopService()
        for site in self._sites.values():
            site.part()
