"""The question of a health check, as it goes to a server: by treq, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from treq.client import HTTPClient
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import URI, Agent, HTTPConnectionPool, _HTTP11ClientFactory
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from duck_tx.proxy.health import TooLong
from duck_tx.proxy.server import Server

__all__ = ["Question"]

_LONGEST = 65_536
"""Bytes of a head that are read; the client behind this has no bound of its own."""


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
        """The status code of the server's answer, whose body is not read.

        :raises TooLong: if its head has no end.
        """
        upstream = server.upstream
        pool = HTTPConnectionPool(self._reactor, persistent=False)
        made: list[_Brief] = []
        pool._factory = partial(_Once, made)  # type: ignore[assignment]
        agent = Agent.usingEndpointFactory(self._reactor, _Always(server.pool.endpoint), pool)
        try:
            response = await HTTPClient(agent).get(
                f"http://{upstream.authority.decode()}{upstream.base.decode()}{self._path}",
                headers=Headers({"Host": [self._host(server)], "User-Agent": ["duck_tx health check"]}),
                allow_redirects=False,
                unbuffered=True,
            )
        except Exception as error:
            if any(each.is_too_long for each in made):
                raise TooLong from error
            raise
        finally:
            for each in made:
                each.hang_up()
        return int(response.code)


class _Brief(HTTP11ClientProtocol):
    """A connection that ends with its question, whatever the server would still say.

    :ivar is_too_long: the head of the answer has no end.
    """

    is_too_long = False
    _come = 0
    _is_over = False

    def dataReceived(self, data: bytes) -> None:
        """More of the answer."""
        super().dataReceived(data)
        self._come += len(data)
        if self._come > _LONGEST and not self._is_over:
            self.is_too_long = True
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection, and do not wait for the server to agree to that, as TLS would."""
        self._is_over = True
        if self.transport is not None:
            self.transport.loseConnection()
            below = getattr(self.transport, "transport", None)
            if below is not None:
                below.loseConnection()


class _Once(_HTTP11ClientFactory):
    """Makes the protocol of one connection, and does not log that."""

    noisy = False

    def __init__(self, made: list[_Brief], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._made = made

    def buildProtocol(self, addr: IAddress | None) -> _Brief:
        brief = _Brief(self._quiescentCallback)
        self._made.append(brief)
        return brief


@implementer(IAgentEndpointFactory)
class _Always:
    """Leads to the same server, whatever the URL is."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._there = endpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self._there
