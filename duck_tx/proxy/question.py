"""The question of a health check, as it goes to a server: by treq, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from treq.client import HTTPClient
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.web.client import URI, Agent, HTTPConnectionPool, _HTTP11ClientFactory
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from duck_tx.proxy.server import Server

__all__ = ["Question"]


class Question:
    """Asks servers for a path.

    :param reactor: for the connections.
    :param path: below the server's own base path; may have a query.
    :param host: the Host that it sees.
    """

    def __init__(self, reactor: Any, path: str, host: Callable[[Server], str]) -> None:
        self._reactor = reactor
        self._path = path
        self._host = host

    async def ask(self, server: Server) -> int:
        """The status code of the server's answer, whose body is not read."""
        upstream = server.upstream
        pool = HTTPConnectionPool(self._reactor, persistent=False)
        pool._factory = _Quiet
        agent = Agent.usingEndpointFactory(self._reactor, _Always(server.pool.endpoint), pool)
        response = await HTTPClient(agent).get(
            f"http://{upstream.authority.decode()}{upstream.base.decode()}{self._path}",
            headers=Headers({"Host": [self._host(server)], "User-Agent": ["duck_tx health check"]}),
            allow_redirects=False,
            unbuffered=True,
        )
        unread = _Unread()
        response.deliverBody(unread)
        unread.hang_up()
        return int(response.code)


class _Quiet(_HTTP11ClientFactory):
    """Does not log each connection."""

    noisy = False


@implementer(IAgentEndpointFactory)
class _Always:
    """Leads to the same server, whatever the URL is."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._there = endpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self._there


class _Unread(Protocol):
    """Hangs up: a server may answer a check with more than anybody wants to have."""

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
