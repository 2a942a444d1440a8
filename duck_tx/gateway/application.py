"""A WSGI application with threads of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from duck_tx.gateway.aside import aside
from duck_tx.gateway.call import Application
from duck_tx.gateway.django import close_connections
from duck_tx.gateway.threads import GatewayThreads
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.settings import GatewaySettings

__all__ = ["ApplicationService"]

_log = Logger()


class ApplicationService(Service):
    """A WSGI application beside others in the same process: what it does to its threads is of no concern to theirs.

    :param reactor: takes what the threads answer.
    :param settings: the bounds of the gateway.
    :param opened: told of the resource that answers from now on.
    :param patience: seconds that a stop may wait for the threads, asked when it does.
    :param threads: how many at most.
    :param name: of the threads.
    :param multiprocess: other processes serve the same application.
    """

    def __init__(
        self,
        reactor: Any,
        settings: GatewaySettings,
        application: Application,
        opened: Callable[[WSGIResource], object],
        patience: Callable[[], float],
        *,
        threads: int,
        name: str,
        multiprocess: bool = False,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._application = application
        self._opened = opened
        self._patience = patience
        self._size = threads
        self._name = name
        self._multiprocess = multiprocess
        self._resource: WSGIResource | None = None
        self.threads: GatewayThreads | None = None

    def startService(self) -> None:
        """Take threads."""
        if self._resource is None:
            super().startService()
            self._open()

    def _open(self) -> None:
        settings = self._settings
        self.threads = GatewayThreads(self._size, self._reactor, name=self._name, at_exit=close_connections)
        self.threads.start()
        self._resource = WSGIResource(
            self._reactor,
            self.threads,
            self._application,
            max_waiting=settings.max_waiting,
            request_timeout=settings.request_timeout,
            response_memory=settings.response_memory,
            response_spool=settings.response_spool,
            multiprocess=self._multiprocess,
        )
        self._opened(self._resource)

    def renew_threads(self) -> None:
        """Take new threads for the requests to come; the old ones finish what they have and end.  Nothing is done
        while this is not started."""
        earlier, resource = self.threads, self._resource
        if earlier is None or resource is None:
            return
        self._open()
        earlier.stop()
        resource.stop()

    async def let_go(self, seconds: float) -> None:
        """Take new threads, and wait until the old ones have finished what they have, for so many seconds at most."""
        earlier = self.threads
        if earlier is not None:
            self.renew_threads()
            await self._join(earlier, seconds)

    async def stopService(self) -> None:
        """Let the threads finish what they have, and wait for them beside the reactor thread."""
        super().stopService()
        resource, self._resource = self._resource, None
        threads, self.threads = self.threads, None
        if resource is None or threads is None:
            return
        resource.stop()
        threads.stop()
        await self._join(threads, self._patience())

    async def _join(self, threads: GatewayThreads, seconds: float) -> None:
        stuck = await aside(self._reactor, "duck-join", threads.join, seconds)
        if stuck:
            _log.warn("{count} threads did not end: {names}", count=len(stuck), names=", ".join(stuck))
