"""One stream: what its request takes for its channel."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.http.head import Rejected
from duck_tx.http.outlet import Outlet
from duck_tx.http.request import Request
from duck_tx.http.response import error_text
from duck_tx.http.site import Channel, Site
from duck_tx.http2.arrival import Arriving
from duck_tx.http2.encode import encoded_fields, encoded_length, encoded_status
from duck_tx.http2.errors import ErrorCode
from duck_tx.http2.flow import Patience
from duck_tx.http2.leftover import Leftover
from duck_tx.http2.upload import Upload

__all__ = ["Connection", "Stream", "StreamOutlet"]

_log = Logger()
_NEVER = float("inf")
_WAITING_AT_MOST = 65_536
"""Bytes of a response that wait for the client before its producer is paused."""

_NOTHING: deque[memoryview] = deque()
_PLAIN_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"


class Sending(Protocol):
    """The sender, as far as a stream knows it."""

    def respond(self, stream: Stream, block: bytes, body: bytes) -> None:
        """Send a whole response."""

    def begin(self, stream: Stream, block: bytes) -> None:
        """Send the head of one."""

    def put(self, stream: Stream, data: bytes) -> None:
        """Send a piece of content when its turn comes."""

    def end(self, stream: Stream) -> None:
        """Say that nothing more will come."""

    def forget(self, stream: Stream) -> None:
        """Send nothing more."""

    def pump(self) -> None:
        """Send what is waiting, as far as that is possible now."""

    def write(self, data: bytes) -> None:
        """Send whole frames."""


class Connection(Channel, Protocol):
    """The channel, as far as its streams know it."""

    site: Site
    transport: Any
    stream_window: int

    @property
    def sender(self) -> Sending: ...
    def getHost(self) -> IAddress: ...
    def wake_at(self, deadline: float) -> None:
        """Look at the deadlines no later than this."""

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Reset a stream."""

    def closed(self, stream: Stream) -> None:
        """A stream is over."""


class StreamOutlet(Outlet):
    """Paces the one producer that may feed a stream."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream, stream.transport, stream.site.clock)

    def pause(self) -> None:
        """Enough is waiting."""
        if not self.backlogged:
            self._block()

    def resume(self) -> None:
        """There is room for more."""
        if self.backlogged:
            self._unblock()


class Stream:
    """A request and its response.

    :ivar id: the stream identifier.
    :ivar window: bytes of content that the client takes at present (negative after it has taken some back).
    :ivar request: the one being answered, or whose body arrives.
    :ivar open: the client may still send.
    :ivar upload: the body while it arrives to be kept; ``None`` when it is whole, or nobody will read it.
    :ivar arrival: takes what is not kept: a body that is handed on, another protocol, or what nobody wants.
    :ivar waiting: bytes of the response that wait for the client.
    :ivar pieces: these bytes.
    :ivar taken: bytes of it that are on their way.
    :ivar ending: nothing will follow them, but the trailer section.
    :ivar trailers: that as a header block, if there is one.
    :ivar queued: the stream is among those that take turns in sending.
    :ivar patience: with a client that gives no window, once that has happened.
    """

    request: Request | None = None
    pieces: deque[memoryview] = _NOTHING
    open = True
    upload: Upload | None = None
    arrival: Arriving | None = None
    waiting = 0
    taken = 0
    ending = False
    trailers = b""
    queued = False
    patience: Patience | None = None
    _over = False
    _outlet: StreamOutlet | None = None

    def __init__(self, channel: Connection, stream_id: int, window: int) -> None:
        self._channel = channel
        self._sender = channel.sender
        self.site = channel.site
        self.id = stream_id
        self.window = window

    # What its request asks.

    @property
    def transport(self) -> Any:
        return self._channel.transport

    @property
    def outlet(self) -> StreamOutlet:
        outlet = self._outlet
        if outlet is None:
            outlet = self._outlet = StreamOutlet(self)
            # Nothing is asked of a producer that comes too late.
            outlet.backlogged = self._over
        return outlet

    def getPeer(self) -> IAddress:
        return self._channel.getPeer()

    def getHost(self) -> IAddress:
        return self._channel.getHost()

    def isSecure(self) -> bool:
        return self.site.secure

    # Answering.

    def respond(self, block: bytes, body: bytes) -> None:
        """Send a whole response."""
        if not self._over:
            self._sender.respond(self, block, body)

    def ask_to_continue(self) -> None:
        """Say that the body is wanted (RFC 9110 10.1.1)."""
        self._sender.begin(self, encoded_status(100))

    def begin(self, block: bytes) -> None:
        """Send the head of a response, final or interim."""
        if not self._over:
            self._sender.begin(self, block)

    def write(self, data: bytes) -> None:
        """Send a piece of its body."""
        if self._over:
            return
        self._sender.put(self, data)
        if self.waiting >= _WAITING_AT_MOST and self._outlet is not None:
            self._outlet.pause()

    def keep(self, data: bytes) -> None:
        """Keep a piece until the client takes it."""
        if self.pieces is _NOTHING:
            self.pieces = deque()
        self.pieces.append(memoryview(data))
        self.waiting += len(data)

    def request_done(self, request: Request) -> None:
        """The response is whole, or as much of it as there will be."""
        if request is not self.request:
            return
        self.request = None
        if self._over:
            return
        if self.arrival is not None:
            self._read_away()
        if self.ending:
            return
        if request.keep_alive:
            self._sender.end(self)
        else:
            self._sender.pump()
            self.cut(ErrorCode.INTERNAL_ERROR)

    def reject(self, rejected: Rejected) -> None:
        """Answer with an error, whatever the client still sends."""
        self.request = None
        self._drop_upload()
        self._read_away()
        text = error_text(rejected.status, rejected.reason)
        fields = encoded_fields(self.site.own_fields()) + encoded_fields(_PLAIN_TEXT)
        self.site.rejected(self._channel, rejected)
        self.respond(encoded_status(rejected.status) + fields + encoded_length(len(text)), text)

    def abort(self) -> None:
        """End it now, so that the client cannot take the response for whole."""
        if not self._over:
            request, self.request = self.request, None
            self._sender.pump()
            self.cut(ErrorCode.INTERNAL_ERROR)
            if request is not None:
                # Later, as it comes from within what the request does.
                self.site.clock.callLater(0, request.connectionLost, Failure(ConnectionAborted()))

    loseConnection = abort

    # What is handed on while it comes.

    def wake_at(self, deadline: float) -> None:
        """Look at the deadlines no later than this."""
        if not self._over:
            self._channel.wake_at(deadline)

    def ignore(self, arrival: Arriving) -> None:
        """Nobody takes it any more."""
        if self.arrival is arrival:
            self._read_away()

    def _read_away(self) -> Leftover:
        """Take what the client still sends, and nobody wants."""
        before = self.arrival
        if isinstance(before, Leftover):
            return before
        leftover = Leftover(self, self._sender, self._channel.stream_window)
        self.arrival = leftover
        if before is not None:
            before.give_up()
        return leftover

    def dismiss(self) -> None:
        """The client has its response, and has had its time to end the request."""
        self._channel.reset(self.id, ErrorCode.NO_ERROR)
        self.end()

    def refuse(self, rejected: Rejected) -> None:
        """The body of a request whose resource has it already is not what it may be: say so, or cut the response that
        has begun."""
        request, self.request = self.request, None
        arriving = request.arriving if request is not None else None
        assert request is not None and arriving is not None
        self.arrival = None
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.stop()
        if request.startedWriting:
            self.site.rejected(self._channel, rejected)
            self.cut(ErrorCode.CANCEL)
        else:
            self.reject(rejected)
        arriving.fail(rejected)
        request.connectionLost(Failure(ConnectionAborted()))

    def going_away(self) -> None:
        """The server stops."""
        if self.arrival is not None:
            self.arrival.going_away()

    def half_close(self) -> None:
        """Say, behind what is waiting, that nothing more will come on a tunnel."""
        if not self._over and not self.ending:
            self._sender.end(self)

    # Ending.

    def sent(self) -> None:
        """The end of the response is on its way."""
        if self.open or self.arrival is not None:
            self._said_all()
        else:
            self.close()

    def _said_all(self) -> None:
        """The client may not have."""
        arrival = self.arrival
        if arrival is not None and arrival.holds_open:
            return
        self.ending = True
        leftover = self._read_away()
        if self.open:
            leftover.wait(self.site.seconds() + self.site.limits.linger_timeout)
        else:
            self.end()

    def refill(self) -> None:
        """Little is left of what was waiting."""
        if not self.waiting and self.patience is not None and self.arrival is not None and self.arrival.is_tunnel:
            # It has taken all: what comes later is another matter, perhaps another day.
            self.patience = None
        if self._outlet is not None:
            self._outlet.resume()

    def cut(self, code: ErrorCode) -> None:
        """Reset it."""
        if not self._over:
            self._channel.reset(self.id, code)
            self.lose(Failure(ConnectionAborted()))

    def lose(self, reason: Failure) -> None:
        """The stream is gone, or the connection is."""
        if self._over:
            return
        self.end()
        request, self.request = self.request, None
        if request is not None:
            request.connectionLost(reason)

    def end(self) -> None:
        """As :meth:`close`; something may be taking what comes."""
        arrival, self.arrival = self.arrival, None
        if arrival is not None:
            self._over = True
            arrival.lose()
        self.close()

    def close(self) -> None:
        """All is sent, or nothing more will be: let go of everything."""
        self._over = True
        self._drop_upload()
        self._sender.forget(self)
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.stop()
        self._channel.closed(self)

    def _drop_upload(self) -> None:
        upload, self.upload = self.upload, None
        if upload is not None:
            upload.close()

    # What its outlet tells.

    def blocked(self) -> None:
        """The client must read before more can be sent; who waits for how long, the sender knows."""

    def progressed(self) -> None:
        """The client has read something."""

    def drained(self) -> None:
        """All is sent that was waiting."""

    def producer_failed(self, reason: Failure) -> None:
        """What feeds the response failed: the client must not wait for the rest."""
        request = self.request
        if request is None or request.finished:
            _log.failure("a producer failed when its response was over", failure=reason)
        else:
            request.processingFailed(reason)

    # Time.

    def deadline(self) -> float:
        """Clock seconds at which the client has been too slow."""
        if self.upload is not None:
            return self.upload.deadline()
        deadline = _NEVER if self.patience is None else self.patience.deadline
        return deadline if self.arrival is None else min(deadline, self.arrival.deadline())

    def excuse(self, seconds: float) -> None:
        """For so long the client could not send."""
        if self.upload is not None:
            self.upload.excuse(seconds)
        elif self.arrival is not None:
            self.arrival.excuse(seconds)

    def expire(self) -> None:
        """The client has been too slow, or a tunnel wants to be reminded."""
        if self.upload is not None:
            self.reject(Rejected(408, "The request did not arrive in time."))
        elif self.arrival is None or not self.arrival.remind(self.site.seconds()):
            self.cut(ErrorCode.CANCEL)
