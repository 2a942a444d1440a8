"""HTTP/1.1 and 1.0 on one server connection: what is read when, what closes it, and how long it may take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.http.head import Rejected, check_lines, request_line
from duck_tx.http.limits import body_deadline, slow_reader_deadline
from duck_tx.http.outlet import Outlet, outlet_for
from duck_tx.http.parser import MessageParser
from duck_tx.http.response import error_page

if TYPE_CHECKING:
    from duck_tx.http.request import Request
    from duck_tx.http.site import Site

__all__ = ["HTTPChannel", "Phase"]

_log = Logger()
_NEVER = float("inf")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_UNREAD_AT_MOST = 65_536
_SPARE_PARSERS = 256


class Phase:
    """What the connection is waiting for; plain numbers, for each request asks a dozen times."""

    FIRST_BYTE = 0
    IDLE = 1
    HEAD = 2
    BODY = 3
    RESPONSE = 4
    CLOSING = 5
    LINGER = 6
    CLOSED = 7


class HTTPChannel(Protocol):
    """One connection.

    Requests are read and answered one after the other; what a client sends ahead waits unread, at first in a small
    buffer, then in the system's.

    The channel sets no timers of its own: :attr:`deadline` says when :meth:`expire` is due, and the site looks at all
    of its channels once a second.

    :ivar phase: what it waits for.
    :ivar deadline: clock seconds at which that has taken too long.
    :ivar request: the one being answered.
    """

    transport: Any
    outlet: Outlet
    phase: int = Phase.FIRST_BYTE
    deadline = _NEVER
    request: Request | None = None
    _peer: IAddress | None = None
    _parser: MessageParser | None = None
    _buffer = b""
    _checked = 0
    _advancing = False
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
        self._buffer = b""
        if self._parser is not None:
            self._parser.close()
            self._parser = None
        request, self.request = self.request, None
        self.outlet.stop()
        if request is not None:
            request.connectionLost(reason)
        self.site.closed(self)

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
        if self.phase < Phase.CLOSING:
            self._close()

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
        if self.outlet.backlogged or self.phase >= Phase.CLOSING:
            self.abort()
        elif self.phase in (Phase.HEAD, Phase.BODY):
            self._reject(Rejected(408, "The request did not arrive in time."))
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close an idle connection, unless its client has just spoken: what waits unread in a socket that is closed is
        lost, and resets the connection."""
        look = getattr(self.transport, "doRead", None)
        if look is not None:
            look()
        if self.phase in (Phase.FIRST_BYTE, Phase.IDLE) and self.deadline == _NEVER:
            self._close()

    def drain(self, deadline: float) -> None:
        """The site is stopping: an idle client has until ``deadline``, in clock seconds, to speak once more."""
        if self.phase in (Phase.FIRST_BYTE, Phase.IDLE) and not self.outlet.backlogged:
            self.deadline = min(self.deadline, deadline)

    def blocked(self) -> None:
        """The client must read before more can be sent."""
        self._blocked_since = self._seconds()
        self._set_write_deadline(self._blocked_since)

    def progressed(self) -> None:
        """The client has read something."""
        now = self._seconds()
        self._blocked += now - self._blocked_since
        self._blocked_since = now
        self._set_write_deadline(now)

    def _set_write_deadline(self, now: float) -> None:
        sent = self.outlet.sent - self._sent_before
        self.deadline = slow_reader_deadline(self._limits, now, self._blocked, sent)

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
            self._close()
        elif phase == Phase.LINGER:
            self._linger()
        if not self._advancing:
            self._advance()

    def producer_failed(self, reason: Failure) -> None:
        """What feeds the response failed: the client must not wait for the rest."""
        request = self.request
        if request is None or request.finished:
            _log.failure("a producer failed when its response was over", failure=reason)
        else:
            request.processingFailed(reason)

    # Reading.

    def dataReceived(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._advancing:
            self._advance()

    def _advance(self) -> None:
        """Take as much from the buffer as the phase allows: until more must arrive, or a response must go out."""
        self._advancing = True
        try:
            while self._buffer and not self.outlet.backlogged:
                phase = self.phase
                if phase == Phase.RESPONSE:
                    break
                if phase == Phase.BODY:
                    self._read_body()
                    if self.phase == phase:
                        break
                elif phase >= Phase.CLOSING:
                    self._buffer = b""
                elif not self._read_head():
                    break
        except Rejected as rejected:
            self._reject(rejected)
        finally:
            self._advancing = False
        if len(self._buffer) > _UNREAD_AT_MOST:
            if self._reading:
                self._reading = False
                self.transport.pauseProducing()
        elif not self._reading:
            self._read_on()

    def _read_on(self) -> None:
        self._reading = True
        if self.phase != Phase.CLOSED:
            self.transport.resumeProducing()

    def _read_head(self) -> bool:
        """Take one whole head from the buffer; false if it has not all arrived."""
        data = self._buffer
        if data[0] == 13:
            empty = _EMPTY_LINES.match(data)
            if empty is not None:
                self._buffer = data = data[empty.end() :]
        checked = self._checked
        end = data.find(b"\r\n\r\n", checked - 2 if checked else 0) + 4
        if end < 4:
            self._await_head(data)
            return False
        self._checked = 0
        head = data[:end]
        self._buffer = data[end:]
        limits = self._limits
        if end > limits.max_header_line or end > limits.max_uri or end > limits.max_header_block:
            check_lines(head, checked, limits)
        parser = self._parser
        if parser is None:
            spare = self.site.parsers
            parser = self._parser = spare.pop() if spare else MessageParser(limits)
        started = self._seconds()
        line = request_line(head, limits)
        framing, headers = parser.read_head(head, line)
        request = self.request = self.site.requestFactory(self, line, headers, framing.host, started)
        request.keep_alive = parser.keep_alive
        if framing.nominates:
            request.nominates = True
        if parser.complete:
            self._respond(request)
            return True
        self.phase = Phase.BODY
        self._await_body(started)
        if framing.expects_continue and not self._buffer:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _await_head(self, data: bytes) -> None:
        if not data or data == b"\r":
            return
        if self.phase != Phase.HEAD:
            self.phase = Phase.HEAD
            self.deadline = self._seconds() + self._limits.header_timeout
        self._checked = check_lines(data, self._checked, self._limits)

    def _read_body(self) -> None:
        parser, request = self._parser, self.request
        assert parser is not None and request is not None
        self._buffer = parser.read_body(self._buffer)
        if parser.complete:
            request.take_body(parser.take_body())
            self._respond(request)
        else:
            self._await_body(self._seconds())

    def _await_body(self, now: float) -> None:
        parser, request = self._parser, self.request
        assert parser is not None and request is not None
        self.deadline = body_deadline(self._limits, now, request.started, parser.body_size)

    # Answering.

    def _respond(self, request: Request) -> None:
        self.phase = Phase.RESPONSE
        self.deadline = _NEVER
        self._sent_before = self.outlet.sent
        self._blocked = 0.0
        request.process()

    def send(self, data: bytes) -> None:
        """Send bytes of the response."""
        if self.phase < Phase.CLOSING:
            self.outlet.send(data)

    def _reject(self, rejected: Rejected) -> None:
        """Answer with an error and close, whatever the client still sends."""
        self.request = None
        self._buffer = b""
        if self._parser is not None:
            self._parser.close()
            self._parser = None
        self.site.rejected(self, rejected)
        self.send(error_page(rejected.status, rejected.reason, self.site.own_fields()))
        self._linger()

    def request_done(self, request: Request) -> None:
        """The response is whole; serve the next request or close."""
        if request is not self.request:
            return
        self.request = None
        if self.phase != Phase.RESPONSE:
            return
        if not request.keep_alive:
            if self._buffer or not self._reading or self.site.draining:
                self._linger()
            else:
                self._close()
            return
        self.phase = Phase.IDLE
        if self.outlet.backlogged:
            return
        self._rest(self._seconds())
        if not self._buffer:
            # Most connections are idle most of the time, and a parser is a third of what one needs.
            if self._parser is not None and len(self.site.parsers) < _SPARE_PARSERS:
                self.site.parsers.append(self._parser)
                self._parser = None
        elif not self._advancing:
            self._advance()

    def _rest(self, now: float) -> None:
        """Wait for another request."""
        self.deadline = now + self._limits.keepalive_timeout
        if self.site.draining:
            # Its last answer did not say that it would be closed.
            self.deadline = min(self.deadline, now + self.site.last_word)

    def _close(self) -> None:
        self.phase = Phase.CLOSING
        if not self.outlet.backlogged:
            self.deadline = self._seconds() + self._limits.write_timeout
            self.outlet.close()

    def _linger(self) -> None:
        """Close our side, and read away what the client still sends for a while.

        Closing at once would reset the connection and could destroy the answer on its way (RFC 9112 9.6).
        """
        self.phase = Phase.LINGER
        self._buffer = b""
        if not self._reading:
            self._read_on()
        if not self.outlet.backlogged:
            self.deadline = self._seconds() + self._limits.linger_timeout
            self.outlet.half_close()
