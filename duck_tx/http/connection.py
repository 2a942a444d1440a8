"""One server connection of HTTP/1.1: its beginning, its end, and how long everything may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.http.head import Rejected
from duck_tx.http.limits import slow_reader_deadline
from duck_tx.http.outlet import Outlet, outlet_for
from duck_tx.http.parser import MessageParser

if TYPE_CHECKING:
    from duck_tx.http.outgoing import OutgoingResponse
    from duck_tx.http.request import Request
    from duck_tx.http.site import Site

__all__ = ["Guest", "Phase", "ServerConnection"]

_log = Logger()
_NEVER = float("inf")


class Phase:
    """What the connection is waiting for; plain numbers, for each request asks a dozen times."""

    FIRST_BYTE = 0
    IDLE = 1
    HEAD = 2
    BODY = 3
    RESPONSE = 4
    TAKEN = 5
    CLOSING = 6
    LINGER = 7
    CLOSED = 8


class Guest(Protocol):
    """Who has taken a connection: a body that streams to who answers, or a tunnel."""

    def read(self) -> None:
        """Something has come."""

    def ended(self) -> None:
        """The client has closed its side, where that does not end the connection."""

    def answered(self, request: OutgoingResponse) -> None:
        """The response is whole."""

    def blocked(self) -> None:
        """The client must read before more can be sent."""

    def progressed(self) -> None:
        """It has read something, though not all."""

    def drained(self) -> None:
        """All is sent that was waiting."""

    def expire(self) -> None:
        """The deadline has passed."""

    def drain(self) -> None:
        """The site is stopping."""

    def hang_up(self) -> None:
        """Close when what has been sent is out."""

    def lost(self) -> None:
        """The connection is gone."""


class ServerConnection(protocol.Protocol):
    """The connection below :class:`duck_tx.http.channel.HTTPChannel`, which reads and answers on it.

    It sets no timers of its own: :attr:`deadline` says when :meth:`expire` is due, and the site looks at all of its
    connections once a second.

    :ivar phase: what it waits for.
    :ivar deadline: clock seconds at which that has taken too long.
    :ivar request: the one being answered.
    :ivar guest: who has taken the connection.
    :ivar buffer: what has come and nobody has read.
    """

    transport: Any
    outlet: Outlet
    phase: int = Phase.FIRST_BYTE
    deadline = _NEVER
    request: Request | None = None
    guest: Guest | None = None
    buffer = b""
    _peer: IAddress | None = None
    _parser: MessageParser | None = None
    _reading = True
    _blocked_since = 0.0
    _blocked = 0.0
    _sent_before = 0

    def __init__(self, site: Site) -> None:
        self.site = site
        self._limits = site.limits
        self._seconds = site.seconds

    # The connection.

    def connectionMade(self) -> None:
        self.outlet = outlet_for(self, self.transport, self.site.clock)
        self.deadline = self._seconds() + self._limits.first_byte_timeout
        self.site.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.phase = Phase.CLOSED
        self.buffer = b""
        if self._parser is not None:
            self._parser.close()
            self._parser = None
        request, self.request = self.request, None
        guest, self.guest = self.guest, None
        self.outlet.stop()
        if request is not None:
            request.connectionLost(reason)
        if guest is not None:
            guest.lost()
        self.site.closed(self)

    def readConnectionLost(self) -> None:
        """The client has closed its side; only asked on behalf of a tunnel."""
        if self.guest is not None:
            self.guest.ended()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our side is closed; only asked on behalf of a tunnel."""

    @property
    def is_lingering(self) -> bool:
        """Whether all is said, and the client has only to hang up."""
        return self.phase == Phase.LINGER and not self.outlet.backlogged

    def getPeer(self) -> IAddress:
        peer = self._peer
        if peer is None:
            peer = self._peer = self.transport.getPeer()
        return peer

    def getHost(self) -> IAddress:
        return self.transport.getHost()

    def isSecure(self) -> bool:
        return self.site.secure

    def loseConnection(self) -> None:
        """Close when what has been sent is out; a client that does not take it in time is cut."""
        if self.phase == Phase.TAKEN:
            assert self.guest is not None
            self.guest.hang_up()
        elif self.phase < Phase.CLOSING:
            self.close()

    def abort(self) -> None:
        """Cut the connection now, so that the client cannot take the response for whole."""
        if self.phase != Phase.CLOSED:
            self.phase = Phase.CLOSED
            self.deadline = _NEVER
            self.outlet.abort()

    # Time.

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = _NEVER
        if self.phase == Phase.TAKEN:
            assert self.guest is not None
            self.guest.expire()
        elif self.outlet.backlogged or self.phase >= Phase.CLOSING:
            self.abort()
        elif self.phase in (Phase.HEAD, Phase.BODY):
            self.refuse(Rejected(408, "The request did not arrive in time."))
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close an idle connection, unless its client has just spoken: what waits unread in a socket that is closed is
        lost, and resets the connection."""
        look = getattr(self.transport, "doRead", None)
        if look is not None:
            look()
        if self.phase in (Phase.FIRST_BYTE, Phase.IDLE) and self.deadline == _NEVER:
            self.close()

    def drain(self, deadline: float) -> None:
        """The site is stopping: an idle client has until ``deadline``, in clock seconds, to speak once more."""
        if self.phase in (Phase.FIRST_BYTE, Phase.IDLE) and not self.outlet.backlogged:
            self.deadline = min(self.deadline, deadline)
        elif self.guest is not None:
            self.guest.drain()

    def blocked(self) -> None:
        """The client must read before more can be sent."""
        self._blocked_since = self._seconds()
        self.deadline = self.write_deadline()
        if self.guest is not None:
            self.guest.blocked()

    def progressed(self) -> None:
        """The client has read something."""
        now = self._seconds()
        self._blocked += now - self._blocked_since
        self._blocked_since = now
        self.deadline = self.write_deadline()
        if self.guest is not None:
            self.guest.progressed()

    def write_deadline(self) -> float:
        """When a client that must read has had enough time for it."""
        sent = self.outlet.sent - self._sent_before
        return slow_reader_deadline(self._limits, self._blocked_since, self._blocked, sent)

    def forgive(self) -> None:
        """How slowly the client has read so far counts no more."""
        self._sent_before = self.outlet.sent
        self._blocked = 0.0

    def drained(self) -> None:
        """All is sent that was waiting: go on with what the phase says."""
        now = self._seconds()
        self._blocked += now - self._blocked_since
        phase = self.phase
        self.deadline = _NEVER
        if phase == Phase.IDLE:
            self._rest(now)
        elif phase == Phase.BODY:
            self._await_body(now)
        elif phase == Phase.CLOSING:
            self.close()
        elif phase == Phase.LINGER:
            self.linger()
        elif phase == Phase.TAKEN:
            assert self.guest is not None
            self.guest.drained()
        self.advance()

    def producer_failed(self, reason: Failure) -> None:
        """What feeds the response failed: the client must not wait for the rest."""
        request = self.request
        if request is None or request.finished:
            _log.failure("a producer failed when its response was over", failure=reason)
        else:
            request.processingFailed(reason)

    # Closing.

    def close(self) -> None:
        """Close, once nothing is waiting."""
        self.phase = Phase.CLOSING
        if not self.outlet.backlogged:
            self.deadline = self._seconds() + self._limits.write_timeout
            self.outlet.close()

    def linger(self) -> None:
        """Close our side, and read away what the client still sends for a while.

        Closing at once would reset the connection and could destroy the answer on its way (RFC 9112 9.6).
        """
        self.phase = Phase.LINGER
        self.guest = None
        self.buffer = b""
        if not self._reading:
            self._read_on()
        if not self.outlet.backlogged:
            self.deadline = self._seconds() + self._limits.linger_timeout
            self.outlet.half_close()

    # What reads and answers here.

    def advance(self) -> None:
        """Go on with what waits in the buffer."""
        raise NotImplementedError

    def refuse(self, rejected: Rejected) -> None:
        """Answer with an error and close, whatever the client still sends."""
        raise NotImplementedError

    def body_ended(self) -> None:
        """The body that its guest has read is whole."""
        raise NotImplementedError

    def _await_body(self, now: float) -> None:
        raise NotImplementedError

    def _rest(self, now: float) -> None:
        raise NotImplementedError

    def _read_on(self) -> None:
        raise NotImplementedError
