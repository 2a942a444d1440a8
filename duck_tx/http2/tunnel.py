"""Tunnels on streams: another protocol on one stream of many, by extended CONNECT (RFC 8441)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from duck_tx.http.response import Block
from duck_tx.http.tunnel import Tunnel, TunnelEnd
from duck_tx.http2.arrival import Arrival
from duck_tx.http2.encode import encoded_fields, encoded_status
from duck_tx.http2.errors import ErrorCode
from duck_tx.http2.request import Http2Request

if TYPE_CHECKING:
    from duck_tx.http.head import RequestLine
    from duck_tx.http2.stream import Stream

__all__ = ["ConnectRequest", "StreamTunnel"]

_log = Logger()
_NEVER = float("inf")


@implementer(IPushProducer)
class StreamTunnel(Tunnel):
    """One on a stream.  What is written waits for the windows that the client gives, and END_STREAM is a half close.

    :param arrival: what has come and comes on it.
    """

    __slots__ = ("_arrival", "_calling", "_flowing", "_is_closed", "_stream", "_written")

    def __init__(self, stream: Stream, request: ConnectRequest, arrival: Arrival, end: TunnelEnd) -> None:
        super().__init__(request, end)
        self._stream = stream
        self._arrival = arrival
        self._written = 0
        self._calling = self._is_closed = False
        self._flowing = True

    def open(self) -> None:
        """Begin to hand on what comes, when whoever asked for the tunnel has it."""
        self._arrival.tunnel = self
        clock = self._stream.site.clock
        if self._arrival.is_over:
            clock.callLater(0, self._lose, 0)
            return
        self._stream.outlet.registerProducer(self, True)
        clock.callLater(0, self._begin)

    def _begin(self) -> None:
        if self._flowing:
            self._arrival.resume()
        if self._stream.site.draining:
            self.go_away()

    # For its end.

    @property
    def backlogged(self) -> bool:
        return not self._arrival.is_over and self._stream.outlet.backlogged

    @property
    def taken(self) -> int:
        return self._written - self._stream.waiting

    def write(self, data: bytes) -> None:
        if not self._arrival.is_over and not self._is_closed and data:
            self._written += len(data)
            self._stream.write(data)

    def pause(self) -> None:
        self._flowing = False
        self._arrival.pause()

    def resume(self) -> None:
        self._flowing = True
        if self._arrival.tunnel is self:
            self._arrival.resume()

    def close(self) -> None:
        if not self._arrival.is_over and not self._is_closed:
            self._is_closed = True
            self._calling = True
            self._stream.half_close()
            self._calling = False

    def hang_up(self) -> None:
        # The reset goes behind what has been sent; what waits for a window would wait for ever.
        self.abort()

    def abort(self) -> None:
        if not self._arrival.is_over:
            self._calling = True
            self._stream.cut(ErrorCode.CANCEL)
            self._calling = False

    # For what has come.

    def received(self, data: bytes) -> None:
        """The client has sent this."""
        self._tell(self.end.received, data)

    def ended(self) -> None:
        """The client will say no more."""
        self._tell(self.end.ended)
        stream = self._stream
        if stream.ending and not stream.waiting and not self._arrival.is_over:
            stream.end()

    def expire(self) -> None:
        """The deadline has passed."""
        self._deadline = _NEVER
        self._tell(self.end.expired)

    def lose(self) -> None:
        """The stream is over."""
        if self._calling:
            self._stream.site.clock.callLater(0, self._lose, self._written)
        else:
            self._lose(self._written)

    def _deadline_set(self) -> None:
        self._stream.wake_at(self._deadline)

    def _tell(self, call: Callable[..., None], *arguments: bytes) -> None:
        try:
            call(*arguments)
        except Exception:
            _log.failure("{asked}: a tunnel failed", asked=self.request.asked)
            self.abort()

    # For the outlet of its stream.

    def pauseProducing(self) -> None:
        """Enough is waiting for the client."""
        self._tell(self.end.blocked)

    def resumeProducing(self) -> None:
        """The client has read most of it."""
        self._tell(self.end.unblocked)

    def stopProducing(self) -> None:
        """The stream is over; that is told elsewhere."""


class ConnectRequest(Http2Request):
    """An extended CONNECT.  It is granted by :meth:`tunnel`; any other answer is none that a client could take for it.

    :param arrival: what comes on the stream.
    :param protocol: what is to be spoken, in lower case.
    """

    def __init__(
        self,
        channel: Stream,
        line: RequestLine,
        headers: list[tuple[bytes, bytes]],
        host: bytes,
        started: float,
        protocol: bytes,
        arrival: Arrival,
    ) -> None:
        super().__init__(channel, line, headers, host, started)
        self.upgrade = protocol
        self._arrival = arrival

    def _head(self, line: bytes, block: Block, length: int | None) -> bytes:
        if 200 <= self.code < 300:
            # A resource that knows nothing of protocols; its page would pass for the beginning of one.
            self.code = 501
        return super()._head(line, block, length)

    def _open_tunnel(self, block: Block, end: TunnelEnd) -> Tunnel:
        self.code = 200
        own = self.site.own_fields(block.has_date, block.has_server, block.has_hsts)
        stream = self.channel
        stream.begin(encoded_status(200) + encoded_fields(own) + encoded_fields(block.lines))
        stream.request = None
        tunnel = StreamTunnel(stream, self, self._arrival, end)
        tunnel.open()
        return tunnel
