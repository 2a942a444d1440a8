"""What becomes of what follows the head of a request: kept until it is whole, or handed on while it comes."""

from __future__ import annotations

from typing import Protocol

from duck_tx.http.head import Rejected
from duck_tx.http2.admission import Admission
from duck_tx.http2.arrival import Arrival
from duck_tx.http2.fields import Head
from duck_tx.http2.holding import Holding, StreamWindow
from duck_tx.http2.limits import Http2Limits
from duck_tx.http2.request import Http2Request
from duck_tx.http2.sender import Sender
from duck_tx.http2.stream import Connection, Stream
from duck_tx.http2.streamed import StreamedBody
from duck_tx.http2.tally import Tally
from duck_tx.http2.tunnel import ConnectRequest
from duck_tx.http2.upload import Upload

__all__ = ["Reception"]

_LEAST_MEMORY = 16_384


class Owner(Connection, Protocol):
    """The channel, as far as this knows it."""

    sender: Sender
    streams: dict[int, Stream]
    admission: Admission
    holding: Holding


class Reception:
    """Decides, with the resource that will answer."""

    def __init__(self, channel: Owner, limits: Http2Limits) -> None:
        self._channel = channel
        self._site = channel.site
        self._http = channel.site.limits
        self._limits = limits

    def await_body(self, stream: Stream, request: Http2Request, head: Head, now: float) -> None:
        """A request has begun whose body is to come."""
        if self._site.streams(request):
            tally = Tally(self._http, head.length, now)
            body = StreamedBody(stream, request, tally, self._window(stream), now)
            body.is_awaited = head.expects_continue
            request.arriving = stream.arrival = body
            self._channel.admission.admit(stream)
            return
        # Each may fill as much as the whole connection in HTTP/1.1, but not all of them.
        uploads = sum(other.upload is not None for other in self._channel.streams.values())
        memory = max(self._http.body_memory // (1 + uploads), min(_LEAST_MEMORY, self._http.body_memory))
        stream.upload = Upload(self._http, head.length, memory, self._limits.stream_window, now)
        self._channel.wake_at(stream.deadline())
        if head.expects_continue:
            stream.ask_to_continue()

    def connect(self, stream: Stream, head: Head, now: float) -> None:
        """An extended CONNECT has come; what follows waits until a resource has granted it (RFC 8441 4)."""
        arrival = Arrival(self._window(stream))
        request = ConnectRequest(stream, head.line, head.headers, head.host, now, head.protocol, arrival)
        stream.request = request
        stream.arrival = arrival
        if not self._site.streams(request):
            stream.reject(Rejected(501, "No other protocol is spoken here."))
            return
        if not stream.open:
            arrival.close([])
        self._channel.admission.admit(stream)

    def _window(self, stream: Stream) -> StreamWindow:
        return StreamWindow(stream, self._channel.sender, self._limits.stream_window, self._channel.holding)
