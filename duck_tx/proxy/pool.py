"""The connections to one server: those in use, and those kept for the next request."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.http.hub import Hub
from duck_tx.proxy.asker import Asker
from duck_tx.proxy.connection import UpstreamConnection
from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.local import LocalEndpoint
from duck_tx.proxy.named import NamedEndpoint
from duck_tx.proxy.trouble import Trouble
from duck_tx.proxy.upstream import Upstream

__all__ = ["Pool"]

_log = Logger()
_NEVER = float("inf")
_TICK = 1.0
_LONG = 86_400


class ClientContexts(Protocol):
    """What speaks TLS to servers; :class:`duck_tx.proxy.tls.ClientTLS` is one."""

    def creator(self, host: str) -> Any:
        """An ``IOpenSSLClientConnectionCreator`` for one host."""


class Pool:
    """Makes connections to a server, keeps some, and ends those that take too long.

    :ivar connections: all of them, those in the making too.
    :ivar limits: what they may take.
    :ivar endpoint: where to connect to, TLS included.

    :param reactor: makes connections, and is the clock.
    :param upstream: where the server is.
    :param tls: for ``https``.
    :param seconds: what deadlines are measured with, never going backwards.
    """

    def __init__(
        self,
        reactor: Any,
        upstream: Upstream,
        limits: UpstreamLimits | None = None,
        *,
        tls: ClientContexts | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = reactor
        self.upstream = upstream
        self.limits = limits or UpstreamLimits()
        self.seconds = seconds
        self.is_secure = upstream.scheme == "https"
        self.connections: set[UpstreamConnection] = set()
        self._hub: Hub | None = None
        self._kept: deque[UpstreamConnection] = deque()
        self._waiting: dict[Asker, float] = {}
        self._making: dict[UpstreamConnection, Deferred[Any]] = {}
        self._stopped = False
        self._sweeping: IDelayedCall | None = None
        self.endpoint = _endpoint(reactor, upstream)
        if self.is_secure:
            if tls is None:
                raise ValueError(f"{upstream.url} needs TLS, and no context was given")
            self.endpoint = wrapClientTLS(tls.creator(upstream.host), self.endpoint)

    # For who has a request.

    def take(self, *, check: bool = False) -> UpstreamConnection | None:
        """A kept connection, if there is one; the one that was used last.

        :param check: look whether the server has closed it meanwhile, for a request that must not be lost.
        """
        kept = self._kept
        while kept:
            connection = kept.pop()
            if connection.deadline > self.seconds() and (not check or connection.is_alive):
                return connection
            connection.close()
        return None

    def connect(self, asker: Asker) -> None:
        """Make a connection; ``asker`` hears when it is there, or that there will be none, perhaps before this
        returns.  Where there are as many as there may be, it waits for one that is given back."""
        limits = self.limits
        if self._stopped:
            asker.troubled(Trouble("this server is stopping", 503, is_ours=True))
        elif len(self.connections) < limits.max_connections:
            self._make(asker)
        elif len(self._waiting) >= limits.max_waiting:
            why = "all connections to it are in use, and too many requests wait for one"
            asker.troubled(Trouble(why, 503, is_ours=True))
        else:
            self._waiting[asker] = self.seconds() + limits.connect_timeout

    def withdraw(self, asker: Asker) -> None:
        """The asker does not want to wait any more."""
        if self._waiting.pop(asker, None) is None:
            for connection in [each for each in self.connections if each.asker is asker]:
                connection.abort()

    def _make(self, asker: Asker) -> None:
        connection = UpstreamConnection(self, asker)
        connection.deadline = self.seconds() + self.limits.connect_timeout
        self.connections.add(connection)
        if self._sweeping is None:
            self._sweeping = self.clock.callLater(_TICK, self._sweep)
        made = self._making[connection] = self.endpoint.connect(_One(connection))
        made.addCallbacks(lambda _: None, connection.not_made)
        made.addErrback(self._say)
        made.addBoth(lambda _: self._making.pop(connection, None))

    def _say(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            _log.failure("a connection to {upstream} failed", failure=reason, upstream=self.upstream.url)

    # For connections.

    def watch(self, connection: Connection) -> None:
        """A connection is made: have the hub look after it, for which each event costs less than for the reactor."""
        if self._hub is not None:
            connection.stopReading()
            connection.reactor = self._hub  # type: ignore[assignment]
            connection.startReading()

    def keep(self, connection: UpstreamConnection, seconds: int | None) -> None:
        """The connection can be used again.

        :param seconds: how long the server says that it keeps it.
        """
        if self._waiting and not self._stopped:
            asker = next(iter(self._waiting))
            del self._waiting[asker]
            asker.connected(connection)
            return
        limits = self.limits
        if self._stopped or not limits.max_kept:
            connection.close()
            return
        if len(self._kept) >= limits.max_kept:
            self._kept.popleft().close()
        kept_for = limits.kept_timeout if seconds is None else min(limits.kept_timeout, seconds - 1)
        connection.deadline = self.seconds() + kept_for
        self._kept.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection is not to be used again."""
        if connection in self._kept:
            self._kept.remove(connection)

    def give_up(self, connection: UpstreamConnection) -> None:
        """Nobody waits for this connection any more, which is not made yet."""
        made = self._making.pop(connection, None)
        self.lost(connection)
        if made is not None:
            made.cancel()

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection is gone."""
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        self.forget(connection)
        if self._waiting and not self._stopped:
            asker = next(iter(self._waiting))
            del self._waiting[asker]
            self._make(asker)
        if not self.connections and not self._waiting and self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    # Time, and the end.

    def _sweep(self) -> None:
        self._sweeping = self.clock.callLater(_TICK, self._sweep)
        now = self.seconds()
        for connection in [each for each in self.connections if each.deadline <= now]:
            try:
                connection.expire()
            except Exception:
                _log.failure("a connection to {upstream} could not be ended in time", upstream=self.upstream.url)
                connection.abort()
        for asker in [asker for asker, until in self._waiting.items() if until <= now]:
            del self._waiting[asker]
            asker.troubled(Trouble("no connection to it became free in time", 503, is_ours=True))

    def start(self) -> None:
        """Make connections, where the system allows for it beside the reactor; after a stop, again."""
        self._stopped = False
        if self._hub is None and Hub.serves(self.clock):
            self._hub = Hub(self.clock)

    def stop(self) -> None:
        """Cut every connection; requests that are under way fail."""
        self._stopped = True
        waiting, self._waiting = list(self._waiting), {}
        for asker in waiting:
            asker.troubled(Trouble("this server is stopping", 503, is_ours=True))
        for connection in list(self.connections):
            connection.fail(Trouble("this server is stopping", 503, is_ours=True))
            if connection.transport is not None:
                # Also one that was just closing.
                connection.transport.abortConnection()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.close()


class _One(Factory):
    """Makes the protocol of one connection."""

    noisy = False

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> UpstreamConnection:
        return self._connection


def _endpoint(reactor: Any, upstream: Upstream) -> IStreamClientEndpoint:
    """Where to connect to.  The time that it may take is the pool's to watch: what an endpoint has of its own comes
    second."""
    endpoint: IStreamClientEndpoint
    if upstream.scheme == "unix":
        return LocalEndpoint(reactor, upstream.path, timeout=_LONG)
    try:
        version = ip_address(upstream.host).version
    except ValueError:
        return NamedEndpoint(reactor, upstream.host, upstream.port, timeout=_LONG)
    kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
    endpoint = kind(reactor, upstream.host, upstream.port, timeout=_LONG)
    return endpoint
