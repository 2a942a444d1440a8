"""The request that resources see: Twisted's own, with a quicker way to its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import server

from duck_tx.http.headers import NO_BODY, Fields
from duck_tx.http.outgoing import OutgoingResponse, header_lines
from duck_tx.http.response import REASONS, Block, serialise, status_line
from duck_tx.http.streaming import BodyStream, ReplayedBody
from duck_tx.http.tunnel import Tunnel, TunnelEnd

__all__ = ["Request"]

_log = Logger()
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"


class Request(OutgoingResponse):
    """A request, and the way to answer it.  Its body is whole, unless its resource wants it while it arrives.

    Any Twisted ``IResource`` can use it as the request it knows.  Beyond that:

    :ivar raw_headers: header fields as received, order and case kept; Host is the authority of an absolute target.
    :ivar host_header: the valid Host (or authority), or ``None`` on HTTP/1.0 without one.
    :ivar body_size: bytes of the request body, if it was whole when the request was handed over.
    :ivar keep_alive: whether the connection may serve another request after this one.
    :ivar nominates: ``Connection`` may name fields that are not to be handed on.
    :ivar mount_path: the raw path below the prefix that the router matched, without the slash before it.
    :ivar started: clock seconds (``time.monotonic``) at which the head was complete.
    :ivar upgrade: the protocol that the client asks to switch to, in lower case; empty if it does not.
    :ivar trailers: fields to send behind the body, set before :meth:`finish`; where the framing has no place for them
        (HTTP/1.0, a response with a length), they are left out, and so are names not allowed there (RFC 9110 6.5.1).
    """

    nominates = False
    _lost: Callable[[], None] | None = None

    # Life.

    def process(self) -> None:
        """Find the resource and let it answer; called by the channel when the body is complete, or
        begins to arrive for a resource that streams."""
        if self.uri == b"*":
            self.setHeader(b"Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
            self.setHeader(b"Content-Length", b"0")
            self.finish()
            return
        try:
            resource = self.site.getResourceFor(self)
            encoding = getattr(resource, "getEncoder", None)
            if encoding is not None:
                self._encoder = encoding(self)
            self.render(resource)
        except Exception:
            self.processingFailed(Failure())

    def when_lost(self, call: Callable[[], None]) -> None:
        """Have ``call`` called when the client leaves before the response is out; one at a time, cheaper than
        ``notifyFinish``."""
        self._lost = call

    def connectionLost(self, reason: Failure) -> None:
        """The client left: let go of everything, tell those who asked to be told."""
        self._disconnected = True
        if self.startedWriting and not self.finished:
            # It broke off, as a stream of events does when nobody listens any more.
            self.site.done(self)
        if self.arriving is not None:
            self.arriving.fail(None)
        self._close_body()
        lost, self._lost = self._lost, None
        if lost is not None:
            try:
                lost()
            except Exception:
                _log.failure("{asked}: what was to end with the client failed", asked=self.asked)
        waiting = self.__dict__.pop("notifications", ())
        for deferred in waiting:
            deferred.errback(reason)

    def _done(self) -> None:
        self.finished = 1
        if self.producer is not None:
            self.unregisterProducer()
        self._close_body()
        self._lost = None
        self.site.done(self)
        self.channel.request_done(self)
        for deferred in self.__dict__.pop("notifications", ()):
            deferred.callback(None)

    def body_stream(self) -> BodyStream:
        """The body, to be taken piece by piece, whether it is whole or arrives."""
        stream = self.arriving
        if stream is None:
            stream = self.arriving = ReplayedBody(self, self._body, self.body_size, list(self.body_trailers))
        return stream

    # Speaking another protocol.

    def tunnel(self, fields: Fields, end: TunnelEnd) -> Tunnel:
        """Switch to the protocol of :attr:`upgrade`, which ``end`` speaks from now on (RFC 9110 7.8).

        ``end`` hears nothing before this has returned; what the client has sent ahead comes right after.  If the
        client has gone already, all that ``end`` hears is ``lost``.

        :param fields: for the head of the response, beside Connection and Upgrade.
        :raises RuntimeError: if the client has not asked for it, or a response has begun.
        :raises ResponseError: if the fields cannot be sent.
        """
        if not self.upgrade:
            raise RuntimeError("the client has not asked to switch to another protocol")
        if self.startedWriting:
            raise RuntimeError("the response has begun already")
        block = serialise(fields)
        self.code = 101
        self.startedWriting = self.finished = 1
        self._lost = None
        return self._open_tunnel(block, end)

    def _open_tunnel(self, block: Block, end: TunnelEnd) -> Tunnel:
        head = _SWITCHING + self.site.own_fields(block.has_date, block.has_server, block.has_hsts) + block.lines
        head += b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % self.upgrade
        return self.channel.tunnel(self, head, end)

    def tunnel_over(self, sent: int) -> None:
        """The tunnel is over; called by the wire.

        :param sent: bytes written into it.
        """
        self.sentLength = sent
        self.site.done(self)
        for deferred in self.__dict__.pop("notifications", ()):
            deferred.callback(None)

    # Twisted's interface where it would reach for what is not here.

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        self.code = code
        self.code_message = REASONS.get(code, b"Unknown Status") if message is None else message

    def render(self, resource: Any) -> None:
        """Let ``resource`` answer, the quick way for the common case: it returns the whole body."""
        try:
            body = resource.render(self)
        except server.UnsupportedMethod:
            super().render(resource)
            return
        if body is server.NOT_DONE_YET:
            return
        if not isinstance(body, bytes):
            raise TypeError(f"{resource!r} answered with {type(body).__name__}, not bytes")
        if (
            self._encoder is not None
            or self.startedWriting
            or self.method == b"HEAD"
            or "cookies" in self.__dict__
            or self.etag is not None
            or self.lastModified is not None
        ):
            super().render(_Rendered(body))
            return
        headers = self.__dict__.get("responseHeaders")
        if headers is None:
            fields = []
        else:
            headers.removeHeader(b"content-length")
            fields = header_lines(headers)
        if (headers is None or not headers.hasHeader(b"content-type")) and self.code not in NO_BODY and body:
            kind = self.defaultContentType
            if kind is not None:
                fields.append((b"Content-Type", kind))
        self.send(status_line(self.code, self.code_message), self.code, serialise(fields), body)


class _Rendered:
    """A resource's answer, given again to Twisted's own way of sending it."""

    isLeaf = True

    def __init__(self, body: bytes) -> None:
        self._body = body

    def render(self, request: Request) -> bytes:
        return self._body
