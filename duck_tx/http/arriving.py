"""The body of an HTTP/1.1 request while it arrives, for a resource that streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duck_tx.http.head import Framing, Rejected
from duck_tx.http.headers import allowed_trailers
from duck_tx.http.limits import body_deadline
from duck_tx.http.streaming import BodyStream, BodyTaker, aborted

if TYPE_CHECKING:
    from duck_tx.http.connection import ServerConnection
    from duck_tx.http.outgoing import OutgoingResponse
    from duck_tx.http.parser import MessageParser
    from duck_tx.http.request import Request

__all__ = ["DISCARDED_AT_MOST", "ArrivingBody"]

_NEVER = float("inf")

DISCARDED_AT_MOST = 262_144
"""Bytes of a body that nobody wants which are read away, so that the connection can serve another request."""


class ArrivingBody(BodyStream):
    """Reads from the connection when its taker is ready, and only then: what is not read waits in the channel's small
    buffer, in the system's, and with the client.

    :param parser: has read the head, and nothing or the first piece of the body.
    :param framing: of the request.
    :param is_awaited: the client waits for ``100 Continue``.
    """

    def __init__(
        self, channel: ServerConnection, parser: MessageParser, request: Request, framing: Framing, is_awaited: bool
    ) -> None:
        super().__init__(request, framing.length)
        self._channel = channel
        self._parser = parser
        self._keep_alive = request.keep_alive
        self._room = DISCARDED_AT_MOST
        self._since = self._heard = self._paused_at = channel.site.seconds()
        first = parser.stream_body()
        if first:
            self._waiting.append(first)
        self.is_awaited = is_awaited
        if is_awaited:
            # After a response that comes first, nobody knows whether the body will follow (RFC 9110 10.1.1).
            request.keep_alive = False

    @property
    def _is_read_away(self) -> bool:
        return self._over and self._room >= 0

    # For who answers.

    def start(self, taker: BodyTaker) -> None:
        super().start(taker)
        self._go_on()

    def resume(self) -> None:
        super().resume()
        self._go_on()

    def discard(self) -> None:
        super().discard()
        self._go_on()

    def _go_on(self) -> None:
        """The channel may have to read on, or to take the next request; one that is just reading does so anyway."""
        self._set_deadline()
        self._channel.advance()

    def invited(self) -> None:
        super().invited()
        if not self._request.startedWriting:
            self._request.keep_alive = self._keep_alive

    # What the channel asks.

    def read(self) -> None:
        """Read what is there, if that is wanted."""
        if self._over:
            self._read_away()
        else:
            self._hand_over()
        self._set_deadline()

    def answered(self, request: OutgoingResponse) -> None:
        """The response is out before the body has come."""
        self.discard()
        if self._channel.guest is self and (self._room < 0 or not request.keep_alive):
            self._channel.linger()

    def expire(self) -> None:
        """The deadline has passed."""
        if self.is_flowing:
            self._reject(Rejected(408, "The request did not arrive in time."))
        elif self._is_read_away:
            self._give_up()
        else:
            self._channel.abort()

    def blocked(self) -> None:
        """The client must read before more of the response can be sent."""
        self._set_deadline()

    progressed = drained = blocked

    def drain(self) -> None:
        """The site is stopping; what is in flight is finished, but nothing read away for the sake of a next request."""
        if self._channel.request is None:
            self._give_up()

    def ended(self) -> None:
        """The client has closed its side: never asked, as the connection is given up then."""

    def hang_up(self) -> None:
        """Close after what has been sent."""
        self._channel.linger()

    def lost(self) -> None:
        """The connection is gone, and the request knows."""

    # Reading.

    def _started(self) -> None:
        self._since = self._heard = self._channel.site.seconds()
        if self.is_awaited and self._channel.buffer:
            self.invited()
        else:
            super()._started()

    def _paused(self) -> None:
        self._paused_at = self._channel.site.seconds()
        self._set_deadline()

    def _resumed(self) -> None:
        self._heard = self._channel.site.seconds()
        self._since += self._heard - self._paused_at

    def _more(self) -> bool:
        channel, parser = self._channel, self._parser
        if channel.guest is not self or not channel.buffer:
            return False
        self._heard = channel.site.seconds()
        try:
            channel.buffer = parser.read_body(channel.buffer)
        except Rejected as rejected:
            self._reject(rejected)
            return False
        piece = parser.take_piece()
        if piece:
            self.put(piece)
        if parser.complete:
            self.end(allowed_trailers(parser.trailers))
            channel.body_ended()
        return True

    def _discarded(self) -> None:
        self._since = self._heard = self._channel.site.seconds()
        left = self._parser.remaining
        if self.is_awaited or (left is not None and left > self._room):
            self._give_up()

    def _read_away(self) -> None:
        channel, parser = self._channel, self._parser
        while channel.buffer and self._room >= 0:
            self._heard = channel.site.seconds()
            size = len(channel.buffer)
            try:
                channel.buffer = parser.read_body(channel.buffer)
            except Rejected:
                self._give_up()
                return
            parser.take_piece()
            self._room -= size - len(channel.buffer)
            if parser.complete:
                channel.body_ended()
                return
        if self._room < 0:
            self._give_up()

    def _give_up(self) -> None:
        """There is too much to read away: the connection ends with the response."""
        self._room = -1
        self._request.keep_alive = False
        if self._channel.guest is self:
            if self._channel.request is None:
                self._channel.linger()
            else:
                self._set_deadline()

    def _reject(self, rejected: Rejected) -> None:
        """Answer with an error in place of who was to; cut, if that has begun."""
        request = self._request
        if request.startedWriting:
            self._channel.abort()
            self.fail(rejected)
        else:
            self._channel.refuse(rejected)
            self.fail(rejected)
            request.connectionLost(aborted())

    def _set_deadline(self) -> None:
        channel = self._channel
        if channel.guest is not self:
            return
        if self.is_flowing or self._is_read_away:
            limits = channel.site.limits
            channel.deadline = body_deadline(limits, self._heard, self._since, self._parser.body_size)
        elif channel.outlet.backlogged:
            channel.deadline = channel.write_deadline()
        else:
            channel.deadline = _NEVER
