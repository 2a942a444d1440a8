"""The site: all connections of one listener, the resource they ask, and the time they may take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.web import server
from twisted.web.resource import IResource, getChildForRequest

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.forwarded import Origin, RequestIds, Trusted, origin
from duck_tx.http.head import Rejected
from duck_tx.http.incoming import IncomingRequest
from duck_tx.http.leaf import streams
from duck_tx.http.limits import Limits
from duck_tx.http.parser import MessageParser
from duck_tx.http.request import Request
from duck_tx.http.response import error_page, http_date

__all__ = ["Site"]

_log = Logger()
_TICK = 1.0
_SILENCE = 10.0
_DRAIN_TICK = 0.05


class Channel(Protocol):
    """One connection, as far as its site knows it.

    :ivar deadline: clock seconds at which :meth:`expire` is due; infinity for never.
    :ivar is_lingering: all is said, and the client has only to hang up.
    """

    deadline: float

    @property
    def is_lingering(self) -> bool: ...

    def expire(self) -> None:
        """The deadline has passed."""

    def drain(self, deadline: float) -> None:
        """The site is stopping: who is idle has until ``deadline``, in clock seconds, to speak once more."""

    def abort(self) -> None:
        """Cut the connection now."""

    def getPeer(self) -> IAddress:
        """Who is at the other end."""


class Site(server.Site):
    """A ``twisted.web.server.Site`` on this project's own channel.

    :ivar channels: the open connections.
    :ivar parsers: spare ones, for the next request of whichever connection.
    :ivar answered: how many requests have been.
    :ivar access_log: the ``log`` given.
    :ivar refused: how many requests and connections were refused, by status code.
    :ivar farewells: called when those who are connected are to go, to end answers that have no end of their own.
    :param resource: the root; a leaf answers for every path.
    :param reactor: the clock of all deadlines.
    :param log: called with each request whose response is done; ``None`` for no access log.
    :param secure: connections come over TLS.
    :param hsts: gives the value of ``Strict-Transport-Security`` for every response (RFC 6797), ``None`` for no such
        field; asked once a second.
    :param seconds: what the deadlines are measured with, never going backwards.
    """

    requestFactory: Any = Request
    secure = False
    last_word = 1.0
    """Seconds for a client to speak once more when the site stops."""

    def __init__(
        self,
        resource: IResource,
        *,
        reactor: Any,
        limits: Limits | None = None,
        trusted: Trusted | None = None,
        log: Callable[[Request], None] | None = None,
        server_header: str = "duck_tx",
        secure: bool = False,
        hsts: Callable[[], bytes | None] | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(resource, reactor=reactor, parsePOSTFormSubmission=False)
        self.clock: IReactorTime = reactor
        self.limits = limits or Limits()
        self.trusted = trusted or Trusted([])
        self.secure = secure
        self.seconds = seconds
        self.draining = False
        self.drain_idle_until = float("inf")
        self.channels: set[Channel] = set()
        self.parsers: list[MessageParser] = []
        self.access_log = log
        self.answered = 0
        self.refused: Counter[int] = Counter()
        self.farewells: set[Callable[[], object]] = set()
        self._say_after = float("-inf")
        self._per_address: Counter[str] = Counter()
        self._server = b"Server: %b\r\n" % server_header.encode("ascii") if server_header else b""
        self._promise = hsts
        self._hsts = b""
        self._date = b""
        self._all = b""
        self._date_of = -1
        self._sweeping: IDelayedCall | None = None
        self._drained: list[Deferred[None]] = []
        self._leaving: tuple[set[Channel], Deferred[None]] | None = None
        self._fresh_id = RequestIds()

    # twisted.web.server.Site

    def startFactory(self) -> None:
        """Nothing to prepare: no log file belongs to the site, and its timer runs while there are connections."""

    def stopFactory(self) -> None:
        """The listener is closed; connections live on until they are drained."""
        if not self.channels:
            self._stop_sweeping()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A channel for a new connection, or the refusal of one too many."""
        sentence = self.too_many(addr)
        return HTTPChannel(self) if sentence is None else _Refusal(self, sentence)

    def too_many(self, addr: IAddress | None) -> str | None:
        """Why there is no place for one more connection from ``addr``; ``None`` if there is."""
        limits = self.limits
        if len(self.channels) >= limits.max_connections > 0:
            return "There are too many connections."
        if limits.max_connections_per_address:
            host = getattr(addr, "host", "")
            if self._per_address[host] >= limits.max_connections_per_address and host:
                return "There are too many connections from this address."
        return None

    def getResourceFor(self, request: Request) -> IResource:
        resource = self.resource
        if resource.isLeaf:
            return resource
        return getChildForRequest(resource, request)

    def streams(self, request: Request) -> bool:
        """Whether who will answer takes the body while it arrives."""
        try:
            return request.uri != b"*" and streams(self.resource, request)
        except Exception:
            _log.failure("{asked}: who answers could not say whether it streams",
                         asked=request.asked)  # fmt: skip
            return False

    # What channels and requests tell and ask.

    def opened(self, channel: Channel) -> None:
        """A connection was made."""
        self.channels.add(channel)
        if self.limits.max_connections_per_address:
            self._per_address[_host_of(channel)] += 1
        if self.draining:
            channel.drain(self.drain_idle_until)
        if self._sweeping is None:
            self._sweeping = self.clock.callLater(_TICK, self._sweep)

    def closed(self, channel: Channel) -> None:
        """A connection was lost."""
        self.channels.discard(channel)
        if self.limits.max_connections_per_address:
            host = _host_of(channel)
            self._per_address[host] -= 1
            if not self._per_address[host]:
                del self._per_address[host]
        if self._leaving is not None:
            self._left(channel)
        if not self.channels:
            if not self.numPorts:
                self._stop_sweeping()
            self._tell_drained()

    def done(self, request: Request) -> None:
        """A response is whole, or will not be more than it is."""
        self.answered += 1
        if self.access_log is not None:
            try:
                self.access_log(request)
            except Exception:
                _log.failure("the access log failed")

    def rejected(self, channel: Channel, rejected: Rejected) -> None:
        """A request was refused before any resource saw it; counted, not logged, for strangers could fill the log."""
        self.refused[rejected.status] += 1

    def turned_away(self, sentence: str) -> None:
        """A connection was refused; the log says so once in a while."""
        self.refused[503] += 1
        now = self.seconds()
        if now >= self._say_after:
            self._say_after = now + _SILENCE
            _log.warn("connections are refused: {sentence} ({count} open)", sentence=sentence, count=len(self.channels))

    def origin(self, request: IncomingRequest) -> Origin:
        """Who asked, after the rule of trusted proxies."""
        peer = request.client
        scheme = "https" if self.secure else "http"
        address, port = getattr(peer, "host", ""), getattr(peer, "port", 0)
        host = request.host_header or b""
        return origin(request.raw_headers, address, port, scheme, host, self.trusted, self._fresh_id)

    def own_fields(self, has_date: bool = False, has_server: bool = False, has_hsts: bool = False) -> bytes:
        """The header fields that the server adds to a response which lacks them, with the date of this second."""
        now = int(time.time())
        if now != self._date_of:
            self._date_of = now
            self._date = b"Date: %b\r\n" % http_date(now)
            promise = self._promise() if self._promise is not None else None
            self._hsts = b"Strict-Transport-Security: %b\r\n" % promise if promise else b""
            self._all = self._server + self._date + self._hsts
        if not (has_date or has_server or has_hsts):
            return self._all
        server = b"" if has_server else self._server
        date = b"" if has_date else self._date
        return server + date + (b"" if has_hsts else self._hsts)

    # Time.

    def _sweep(self) -> None:
        self._sweeping = None
        now = self.seconds()
        for channel in [channel for channel in self.channels if channel.deadline <= now]:
            try:
                channel.expire()
            except Exception:
                _log.failure("a connection could not be closed in time")
                channel.abort()
        if self.channels:
            self._sweeping = self.clock.callLater(_DRAIN_TICK if self.draining else _TICK, self._sweep)

    def _stop_sweeping(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def drain(self) -> Deferred[None]:
        """Finish what is in flight, give idle clients a second for a last word, close; fires when no connection is
        left."""
        self.draining = True
        self.drain_idle_until = self.seconds() + self.last_word
        self._bid_farewell()
        for channel in list(self.channels):
            channel.drain(self.drain_idle_until)
        if self._sweeping is not None:
            self._sweeping.reset(0)
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        if not self.channels:
            self._tell_drained()
        return drained

    def leave(self) -> Deferred[None]:
        """As :meth:`drain`, for those who are connected now, while others come and have one answer each; fires when no
        connection of today is left."""
        self.draining = True
        by = self.seconds() + self.last_word
        self._bid_farewell()
        for channel in list(self.channels):
            channel.drain(by)
        if self._sweeping is not None:
            self._sweeping.reset(0)
        gone: Deferred[None] = Deferred()
        if self.channels:
            self._leaving = (set(self.channels), gone)
        else:
            gone.callback(None)
        return gone

    def end_at_farewell(self, end: Callable[[], object]) -> None:
        """Have ``end`` called when those who are connected are to go, for an answer that has no end of its own, such as
        a stream of events; whoever reads that comes again.  Taken back by ``farewells.discard``."""
        self.farewells.add(end)
        if self.draining:
            # All others have been told before this one began.
            end()

    def _bid_farewell(self) -> None:
        farewells, self.farewells = self.farewells, set()
        for each in farewells:
            try:
                each()
            except Exception:
                _log.failure("an answer without an end could not be ended")

    def _left(self, channel: Channel) -> None:
        assert self._leaving is not None
        leaving, gone = self._leaving
        leaving.discard(channel)
        if not leaving:
            self._leaving = None
            if not gone.called:
                gone.callback(None)

    @property
    def only_lingers(self) -> bool:
        """Whether every client that is still connected has its last answer."""
        return all(channel.is_lingering for channel in self.channels)

    def leave_to_system(self) -> None:
        """Look after the connections no more: they close when the process turns into another."""
        self._stop_sweeping()

    def abort_leaving(self) -> int:
        """Cut what :meth:`leave` waits for; how many connections that were."""
        leaving = list(self._leaving[0]) if self._leaving is not None else []
        for channel in leaving:
            channel.abort()
        return len(leaving)

    def abort(self) -> int:
        """Cut every connection; how many there were."""
        channels = list(self.channels)
        for channel in channels:
            channel.abort()
        return len(channels)

    def _tell_drained(self) -> None:
        waiting, self._drained = self._drained, []
        for deferred in waiting:
            deferred.callback(None)


class _Refusal(protocol.Protocol):
    """Answers a connection too many, without waiting for what it asks."""

    def __init__(self, site: Site, sentence: str) -> None:
        self._site = site
        self._sentence = sentence

    def connectionMade(self) -> None:
        assert self.transport is not None
        self._site.turned_away(self._sentence)
        fields = self._site.own_fields() + b"Retry-After: 5\r\n"
        self.transport.write(error_page(503, self._sentence, fields))
        self.transport.loseConnection()


def _host_of(channel: Channel) -> str:
    return getattr(channel.getPeer(), "host", "")
