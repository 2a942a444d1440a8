"""HTTP/1.1 and 1.0 on one server connection: what is read when, and what is answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IHalfCloseableProtocol
from zope.interface import directlyProvides

from duck_tx.http.arriving import ArrivingBody
from duck_tx.http.connection import Phase, ServerConnection
from duck_tx.http.head import Framing, Rejected, check_lines, request_line
from duck_tx.http.headers import allowed_trailers
from duck_tx.http.limits import body_deadline
from duck_tx.http.parser import MessageParser
from duck_tx.http.response import error_page

if TYPE_CHECKING:
    from duck_tx.http.request import Request
    from duck_tx.http.tunnel import Tunnel, TunnelEnd

__all__ = ["HTTPChannel", "Phase"]

_NEVER = float("inf")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_UNREAD_AT_MOST = 65_536
_SPARE_PARSERS = 256


class HTTPChannel(ServerConnection):
    """One connection.

    Requests are read and answered one after the other; what a client sends ahead waits unread, at first in a small
    buffer, then in the system's.
    """

    _checked = 0
    _advancing = False

    # Reading.

    def dataReceived(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if not self._advancing:
            self._advance()

    def advance(self) -> None:
        """Go on with what waits in the buffer."""
        if not self._advancing:
            self._advance()

    def _advance(self) -> None:
        """Take as much from the buffer as the phase allows: until more must arrive, or a response must go out."""
        self._advancing = True
        try:
            # Whoever has taken the connection reads on while the client does not: it may do so when it has said all.
            while self.buffer and (not self.outlet.backlogged or self.phase == Phase.TAKEN):
                phase = self.phase
                if phase == Phase.RESPONSE:
                    break
                if phase == Phase.BODY:
                    self._read_body()
                    if self.phase == phase:
                        break
                elif phase >= Phase.TAKEN:
                    self._read_beyond()
                    if self.phase == phase:
                        break
                elif not self._read_head():
                    break
        except Rejected as rejected:
            self.refuse(rejected)
        finally:
            self._advancing = False
        if len(self.buffer) > _UNREAD_AT_MOST:
            if self._reading:
                self._reading = False
                self.transport.pauseProducing()
        elif not self._reading:
            self._read_on()

    def _read_beyond(self) -> None:
        if self.phase == Phase.TAKEN:
            assert self.guest is not None
            self.guest.read()
        else:
            self.buffer = b""

    def _read_on(self) -> None:
        self._reading = True
        if self.phase != Phase.CLOSED:
            self.transport.resumeProducing()

    def _read_head(self) -> bool:
        """Take one whole head from the buffer; false if it has not all arrived."""
        data = self.buffer
        if data[0] == 13:
            empty = _EMPTY_LINES.match(data)
            if empty is not None:
                self.buffer = data = data[empty.end() :]
        checked = self._checked
        end = data.find(b"\r\n\r\n", checked - 2 if checked else 0) + 4
        if end < 4:
            self._await_head(data)
            return False
        self._checked = 0
        head = data[:end]
        self.buffer = data[end:]
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
        is_awaited = framing.expects_continue and not self.buffer
        self.phase = Phase.BODY
        if self.buffer:
            self._read_body()
            if self.phase != Phase.BODY:
                return True
        if self.site.streams(request):
            self._hand_over(request, framing, is_awaited)
            return True
        self._await_body(started)
        if is_awaited:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _hand_over(self, request: Request, framing: Framing, is_awaited: bool) -> None:
        """Have a request answered whose body is on its way."""
        assert self._parser is not None
        request.arriving = self.guest = ArrivingBody(self, self._parser, request, framing, is_awaited)
        self._respond(request, Phase.TAKEN)

    def body_ended(self) -> None:
        self.guest = None
        if self._parser is not None:
            self._parser.close()
        if self.request is None:
            self._go_on()
        else:
            self.phase = Phase.RESPONSE
            self.deadline = self.write_deadline() if self.outlet.backlogged else _NEVER

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
        self.buffer = parser.read_body(self.buffer)
        if parser.complete:
            request.take_body(parser.take_body())
            if parser.trailers:
                request.body_trailers = allowed_trailers(parser.trailers)
            self._respond(request)
        else:
            self._await_body(self._seconds())

    def _await_body(self, now: float) -> None:
        parser, request = self._parser, self.request
        assert parser is not None and request is not None
        self.deadline = body_deadline(self._limits, now, request.started, parser.body_size)

    # Answering.

    def _respond(self, request: Request, phase: int = Phase.RESPONSE) -> None:
        self.phase = phase
        self.deadline = _NEVER
        self._sent_before = self.outlet.sent
        self._blocked = 0.0
        request.process()

    def send(self, data: bytes) -> None:
        """Send bytes of the response."""
        if self.phase < Phase.CLOSING:
            self.outlet.send(data)

    def tunnel(self, request: Request, head: bytes, end: TunnelEnd) -> Tunnel:
        """Send ``head``, which switches protocols; all that follows is the tunnel's."""
        from duck_tx.http.upgraded import UpgradedConnection

        tunnel = UpgradedConnection(self, request, end, self.outlet.sent + len(head))
        if self.request is not request or self.phase != Phase.RESPONSE:
            tunnel.stillborn()
            return tunnel
        self.request = None
        self.guest = tunnel
        self.phase = Phase.TAKEN
        self._spare_parser()
        # The sides of a connection that speaks HTTP close together.
        directlyProvides(self, IHalfCloseableProtocol)
        self.outlet.send(head)
        tunnel.begin()
        return tunnel

    def refuse(self, rejected: Rejected) -> None:
        """Answer with an error and close, whatever the client still sends."""
        self.request = None
        self.buffer = b""
        if self._parser is not None:
            self._parser.close()
            self._parser = None
        self.site.rejected(self, rejected)
        self.send(error_page(rejected.status, rejected.reason, self.site.own_fields()))
        self.linger()

    def request_done(self, request: Request) -> None:
        """The response is whole; serve the next request or close."""
        if request is not self.request:
            return
        self.request = None
        if self.phase != Phase.RESPONSE:
            if self.phase == Phase.TAKEN:
                assert self.guest is not None
                self.guest.answered(request)
            return
        if not request.keep_alive:
            if self.buffer or not self._reading or self.site.draining:
                self.linger()
            else:
                self.close()
            return
        self._go_on()

    def _go_on(self) -> None:
        """Wait for another request, or take that which is there."""
        self.phase = Phase.IDLE
        if self.outlet.backlogged:
            return
        self._rest(self._seconds())
        if not self.buffer:
            self._spare_parser()
        elif not self._advancing:
            self._advance()

    def _spare_parser(self) -> None:
        """Most connections are idle most of the time, and a parser is a third of what one needs."""
        if self._parser is not None and len(self.site.parsers) < _SPARE_PARSERS:
            self.site.parsers.append(self._parser)
            self._parser = None

    def _rest(self, now: float) -> None:
        """Wait for another request."""
        self.deadline = now + self._limits.keepalive_timeout
        if self.site.draining:
            # Its last answer did not say that it would be closed.
            self.deadline = min(self.deadline, now + self.site.last_word)
