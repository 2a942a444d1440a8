"""An ASGI application at work: its loop, its lifespan, and the resource that answers for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from duck_tx.eventloop.bridge import Bridge, await_on, bridge
from duck_tx.gateway.asgi.call import Application
from duck_tx.gateway.asgi.lifespan import Lifespan
from duck_tx.gateway.asgi.resource import ASGIResource
from duck_tx.settings import GatewaySettings
from duck_tx.websocket.limits import WebSocketLimits

__all__ = ["AsgiService"]

_log = Logger()

_AT_LEAST = 1.0
"""Seconds for an application's end, even where the grace is over."""


class AsgiService:
    """Starts and stops one application.

    :param reactor: takes what the loop answers, or turns it.
    :param settings: the gateway's part of the settings.
    :param name: of the application, for messages.
    :param limits: of WebSockets.
    :param is_allowed_host: whether pages of a host may open WebSockets here; ``None``: those of every host.
    :param close_connections: closes the database connections of the thread that calls it.
    """

    def __init__(
        self,
        reactor: Any,
        settings: GatewaySettings,
        application: Application,
        name: str,
        *,
        limits: WebSocketLimits,
        is_allowed_host: Callable[[str], bool] | None,
        close_connections: Callable[[], object],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._application = application
        self._name = name
        self._limits = limits
        self._is_allowed_host = is_allowed_host
        self._close_connections = close_connections
        self._lifespan = Lifespan(application, name)
        self._bridge: Bridge | None = None
        self._resource: ASGIResource | None = None

    @property
    def resource(self) -> ASGIResource:
        """What answers, once it is started."""
        assert self._resource is not None
        return self._resource

    async def start(self) -> None:
        """Begin the lifespan; the reactor must run.

        :raises ApplicationError: if the application cannot start.
        """
        settings = self._settings
        way = self._bridge = bridge(self._reactor, settings.event_loop, "duck-asgi")
        try:
            await await_on(way, self._lifespan.start(settings.lifespan_timeout))
        except BaseException:
            self._bridge = None
            await way.stop()
            raise
        self._resource = ASGIResource(
            self._reactor,
            way,
            self._application,
            state=self._lifespan.state,
            limits=self._limits,
            is_allowed_host=self._is_allowed_host,
            max_calls=settings.asgi_max_calls,
            request_timeout=settings.request_timeout,
        )

    async def idle(self, seconds: float) -> None:
        """Wait for what is at work now, for so many seconds at most."""
        if self._bridge is not None and self._resource is not None:
            await await_on(self._bridge, self._resource.idle(seconds))

    async def stop(self, patience: Callable[[], float]) -> None:
        """Wait for what is at work, cancel what does not end, then end the lifespan and the loop.

        :param patience: seconds that this may wait, asked again for each step.
        """
        way, self._bridge = self._bridge, None
        if way is None:
            return
        left = 0
        if self._resource is not None:
            self._resource.stop()
            left = await await_on(way, self._resource.finish(patience()))
        if left:
            _log.warn("{count} calls of the ASGI application {name} did not end", count=left, name=self._name)
        limit = max(patience(), _AT_LEAST)
        await await_on(way, self._lifespan.stop(min(limit, self._settings.lifespan_timeout or limit)))
        await await_on(way, self._close_databases())
        await way.stop()

    async def _close_databases(self) -> None:
        """Close what ``sync_to_async`` has opened on the one thread where most of it runs."""
        sync = sys.modules.get("asgiref.sync")
        if sync is not None:
            closed = sync.SyncToAsync.single_thread_executor.submit(self._close_connections)
            await asyncio.wait([asyncio.wrap_future(closed)], timeout=_AT_LEAST)
