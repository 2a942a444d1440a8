"""An ASGI application at work: its loop, its lifespan, and the resource that answers for it."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import TimeoutError as Overdue
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.eventloop.bridge import Bridge, await_on, bridge
from duck_tx.gateway.asgi.call import Application
from duck_tx.gateway.asgi.lifespan import Lifespan
from duck_tx.gateway.asgi.resource import ASGIResource
from duck_tx.settings import GatewaySettings
from duck_tx.websocket.limits import WebSocketLimits

__all__ = ["AsgiService"]

_log = Logger()

T = TypeVar("T")

_AT_LEAST = 1.0
"""Seconds for an application's end, even where the grace is over."""

_MOMENT = 1.0
"""Seconds by which a loop may be late that is only busy."""


class AsgiService:
    """Starts and stops one application.

    :param reactor: takes what the loop answers, or turns it.
    :param settings: the gateway's part of the settings.
    :param name: of the application, for messages.
    :param limits: of WebSockets.
    :param is_allowed_host: whether pages of a host may open WebSockets here; ``None``: those of every host.
    :param close_connections: closes the database connections of the thread that calls it.
    :param wrap: puts something around the application where it answers.
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
        wrap: Callable[[Application], Application] | None = None,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._application = application
        self._name = name
        self._limits = limits
        self._is_allowed_host = is_allowed_host
        self._close_connections = close_connections
        self._wrap = wrap
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
        _check(self._application, self._name)
        way = self._bridge = bridge(self._reactor, settings.event_loop, "duck-asgi")
        timeout = settings.lifespan_timeout
        try:
            await self._wait(way, self._lifespan.start(timeout), timeout or inf)
        except Overdue as error:
            self._bridge = None
            way.stop()
            raise ApplicationError(
                f"the ASGI application {self._name} has not started after {timeout:g} s (gateway.lifespan_timeout), and"
                " blocks its event loop."
            ) from error
        except BaseException:
            self._bridge = None
            await way.stop()
            raise
        self._resource = ASGIResource(
            self._reactor,
            way,
            self._application if self._wrap is None else self._wrap(self._application),
            state=self._lifespan.state,
            limits=self._limits,
            is_allowed_host=self._is_allowed_host,
            max_calls=settings.asgi_max_calls,
            request_timeout=settings.request_timeout,
        )

    async def idle(self, seconds: float) -> None:
        """Wait for what is at work now, for so many seconds at most."""
        if self._bridge is not None and self._resource is not None:
            with suppress(Overdue):
                await self._wait(self._bridge, self._resource.idle(seconds), seconds)

    async def stop(self, patience: Callable[[], float]) -> None:
        """Wait for what is at work, cancel what does not end, then end the lifespan and the loop.

        :param patience: seconds that this may wait, asked again for each step.
        """
        way, self._bridge = self._bridge, None
        if way is None:
            return
        try:
            await self._end(way, patience)
        except Overdue:
            # The thread goes on, and keeps nobody from ending the process.
            way.stop()
            _log.error("the ASGI application {name} blocks its event loop: not waiting for it", name=self._name)

    async def _end(self, way: Bridge, patience: Callable[[], float]) -> None:
        left = 0
        if self._resource is not None:
            self._resource.stop()
            seconds = patience()
            # It gives those that it cancels some time more.
            left = await self._wait(way, self._resource.finish(seconds), seconds + _AT_LEAST)
        if left:
            _log.warn("{count} calls of the ASGI application {name} did not end", count=left, name=self._name)
        limit = max(patience(), _AT_LEAST)
        await self._wait(way, self._lifespan.stop(min(limit, self._settings.lifespan_timeout or limit)), limit)
        await self._wait(way, self._close_databases(), _AT_LEAST)
        await way.stop()

    async def _wait(self, way: Bridge, coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
        """Wait on the loop for what takes so many seconds at most.

        :raises Overdue: if something blocks the loop; one on the reactor thread would block this, too.
        """
        outcome = await_on(way, coroutine)
        if way.is_apart and seconds != inf:
            outcome.addTimeout(seconds + _MOMENT, self._reactor)
        return await outcome

    async def _close_databases(self) -> None:
        """Close what ``sync_to_async`` has opened on the one thread where most of it runs."""
        sync = sys.modules.get("asgiref.sync")
        if sync is not None:
            closed = sync.SyncToAsync.single_thread_executor.submit(self._close_connections)
            await asyncio.wait([asyncio.wrap_future(closed)], timeout=_AT_LEAST)


def _check(application: Application, name: str) -> None:
    """Find out now, and not at the first request, that it is for WSGI, or for an ASGI of long ago.

    :raises ApplicationError: if it cannot be called as ASGI 3 has it.
    """
    try:
        signature = inspect.signature(application)
    except Exception:
        # It is not written in Python, or has annotations that only a type checker can follow.
        return
    try:
        signature.bind({}, None, None)
    except TypeError:
        raise ApplicationError(
            f"{name} is no ASGI application: it cannot be called with a scope, receive and send (ASGI 3). One for WSGI"
            " is named with --wsgi; one for ASGI 2 needs asgiref.compatibility.guarantee_single_callable."
        ) from None
