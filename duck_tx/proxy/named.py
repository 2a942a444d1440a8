"""A server by its name: the addresses that it has, tried one after the other."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["NamedEndpoint"]

_PATIENCE = 0.25
"""Seconds after which the next address is tried beside one that has not answered yet (RFC 8305 5)."""


@implementer(IStreamClientEndpoint)
class NamedEndpoint:
    """Connects to a host by its name.

    When an address fails, the next is tried at once: ``localhost`` is two addresses for most systems, and many a server
    listens at one of them only.  (Twisted's own ``HostnameEndpoint`` waits before each.)  The name may be one that no
    DNS knows, such as ``my_service`` among containers.

    :param reactor: looks up the name, and makes connections.
    :param host: the name, in ASCII.
    :param timeout: seconds for each address.
    """

    def __init__(self, reactor: Any, host: str, port: int, *, timeout: float) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._timeout = timeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect to the first address that answers.

        :raises DNSLookupError: if the name has no address.
        """
        attempts = _Attempts(self._reactor, self._host, protocolFactory, self._timeout)
        self._reactor.nameResolver.resolveHostName(attempts, self._host, self._port)
        return attempts.made


@implementer(IResolutionReceiver)
class _Attempts:
    """The attempts to make one connection.

    :ivar made: fires with its protocol; cancelling it ends them.
    """

    def __init__(self, reactor: Any, host: str, factory: IProtocolFactory, timeout: float) -> None:
        self._reactor = reactor
        self._host = host
        self._factory = factory
        self._timeout = timeout
        self._left: deque[Any] = deque()
        self._pending: set[Deferred[IProtocol]] = set()
        self._next: IDelayedCall | None = None
        self._is_over = False
        self.made: Deferred[IProtocol] = Deferred(lambda _: self._end())

    # What the resolver tells.

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """The name is looked up."""

    def addressResolved(self, address: IAddress) -> None:
        """It has this address."""
        self._left.append(address)

    def resolutionComplete(self) -> None:
        """It has no others."""
        self._go_on(Failure(DNSLookupError(f"no address for {self._host}")))

    # The attempts.

    def _go_on(self, reason: Failure) -> None:
        """Try the next address; with none left, and none tried at the moment, this is why there is no connection."""
        if self._is_over:
            return
        self._wait_no_more()
        if self._left:
            self._try(self._left.popleft())
        elif not self._pending:
            self._end()
            self.made.errback(reason)

    def _try(self, address: Any) -> None:
        kind = TCP6ClientEndpoint if isinstance(address, IPv6Address) else TCP4ClientEndpoint
        if self._left:
            self._next = self._reactor.callLater(_PATIENCE, self._beside)
        attempt = kind(self._reactor, address.host, address.port, timeout=self._timeout).connect(self._factory)
        self._pending.add(attempt)
        attempt.addCallbacks(self._succeeded, self._failed, callbackArgs=(attempt,), errbackArgs=(attempt,))

    def _beside(self) -> None:
        """The latest address takes long: try another as well."""
        self._next = None
        self._try(self._left.popleft())

    def _succeeded(self, protocol: IProtocol, attempt: Deferred[IProtocol]) -> None:
        self._pending.discard(attempt)
        self._end()
        self.made.callback(protocol)

    def _failed(self, reason: Failure, attempt: Deferred[IProtocol]) -> None:
        self._pending.discard(attempt)
        self._go_on(reason)

    def _end(self) -> None:
        self._is_over = True
        self._wait_no_more()
        pending, self._pending = self._pending, set()
        for attempt in pending:
            attempt.cancel()

    def _wait_no_more(self) -> None:
        following, self._next = self._next, None
        if following is not None:
            following.cancel()
