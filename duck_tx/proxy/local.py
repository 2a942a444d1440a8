"""A server at a Unix socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["LocalEndpoint"]

_AGAIN = 0.05
"""Seconds until a server whose queue was full is tried again."""


@implementer(IStreamClientEndpoint)
class LocalEndpoint:
    """Connects to a Unix socket, once there is room in its queue.

    Where a queue is full, TCP waits by itself.  Here the system says so at once (``EAGAIN``, ``connect(2)``), and it is
    tried again until the caller has waited for long enough, and cancels it.

    :param reactor: makes connections, and is the clock.
    :param timeout: seconds for each attempt.
    """

    def __init__(self, reactor: Any, path: str, *, timeout: float) -> None:
        self._reactor = reactor
        self._endpoint = UNIXClientEndpoint(reactor, path, timeout=timeout)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        while True:
            try:
                return await self._endpoint.connect(factory)
            except ConnectError as error:
                if not _is_full(error):
                    raise
            await deferLater(self._reactor, _AGAIN)


def _is_full(error: ConnectError) -> bool:
    """Whether there was no room: Twisted takes that for a connection under way, which epoll then says has ended."""
    reason = error.args[0] if error.args else None
    return isinstance(reason, Failure) and reason.check(ConnectionDone) is not None
