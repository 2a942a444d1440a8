"""The request that resources see: Twisted's own, with a quicker way to its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.http_headers import Headers

from duck_tx.http.filepart import FilePart
from duck_tx.http.headers import NO_BODY
from duck_tx.http.incoming import IncomingRequest
from duck_tx.http.response import REASONS, Block, error_text, http_date, serialise, status_line
from duck_tx.http.sending import PartsProducer

if TYPE_CHECKING:
    from duck_tx.http.channel import HTTPChannel

__all__ = ["Request"]

_log = Logger()
_JOINED = 65_536
"""Bytes of body that are copied behind the head; for more, a system call of their own costs less."""


class Request(IncomingRequest):
    """A request with its whole body, and the way to answer it.

    Any Twisted ``IResource`` can use it as the request it knows.  Beyond that:

    :ivar raw_headers: header fields as received, order and case kept; Host is the authority of an absolute target.
    :ivar host_header: the valid Host (or authority), or ``None`` on HTTP/1.0 without one.
    :ivar body_size: bytes of the request body.
    :ivar keep_alive: whether the connection may serve another request after this one.
    :ivar nominates: ``Connection`` may name fields that are not to be handed on.
    :ivar mount_path: the raw path below the prefix that the router matched, without the slash before it.
    :ivar started: clock seconds (``time.monotonic``) at which the head was complete.
    """

    channel: HTTPChannel
    keep_alive = False
    nominates = False
    _declared: int | None = None
    _bodyless = False
    _overlong = False
    _unsent_head = b""
    _failed = False
    _lost: Callable[[], None] | None = None

    # Life.

    def process(self) -> None:
        """Find the resource and let it answer; called by the channel when the body is complete."""
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
        self._close_body()
        lost, self._lost = self._lost, None
        if lost is not None:
            try:
                lost()
            except Exception:
                _log.failure("{method} {uri}: what was to end with the client failed", method=self.method, uri=self.uri)
        waiting = self.__dict__.pop("notifications", ())
        for deferred in waiting:
            deferred.errback(reason)

    def processingFailed(self, reason: Failure) -> Failure:
        """Log what a resource raised and answer 500, or cut the connection if the answer had begun."""
        _log.failure("{method} {uri} failed", failure=reason, method=self.method, uri=self.uri)
        self.fail(500, "The server could not make this page. Its log says why.")
        return reason

    def fail(self, code: int, sentence: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a plain error page; cut the connection if a response has begun (there is no other way to tell
        the client that it is not whole).  What the resource still writes is left out."""
        if self._disconnected or self.finished:
            return
        self._failed = True
        if self.startedWriting:
            self.channel.abort()
            return
        if self._inFakeHead:
            self._inFakeHead = False
            self.method = b"HEAD"
        self.__dict__.pop("responseHeaders", None)
        self._encoder = None
        self.cookies = []
        page = error_text(code, sentence)
        fields = [(b"Content-Type", b"text/plain; charset=utf-8"), *headers]
        self.send(status_line(code), code, serialise(fields)._replace(length=len(page)), page)

    # Answering at once.

    def send(self, line: bytes, code: int, block: Block, body: bytes) -> None:
        """Answer at once with a whole body.

        ``body`` may be longer or shorter than the length that the block declares: what is too much is left out, and
        where something is missing the connection is closed after it.
        """
        self.code = code
        length = block.length
        if self.method == b"HEAD" or code in NO_BODY:
            self._send_whole(self._head(line, block, length), b"")
            self._done()
            return
        size = len(body)
        if length is None:
            length = size
        elif size > length:
            body, size = body[:length], length
        elif size < length:
            self.keep_alive = False
        head = self._head(line, block, length)
        self.sentLength = size
        self._send_whole(head, body)
        self._done()

    def _send_whole(self, head: bytes, body: bytes) -> None:
        if not self.keep_alive:
            self.channel.outlet.close_next()
        if len(body) <= _JOINED:
            self.channel.send(head + body)
        else:
            self.channel.send(head)
            self.channel.send(body)

    def _head(self, line: bytes, block: Block, length: int | None) -> bytes:
        """The whole head, with the fields that are the server's to set."""
        if self.startedWriting:
            raise RuntimeError("the response has begun already")
        self.startedWriting = 1
        head = line
        head += self.site.own_fields(block.has_date, block.has_server, block.has_hsts)
        head += block.lines
        self._bodyless = self.method == b"HEAD" or self.code in NO_BODY
        if length is not None:
            if self.code != 204 and (length or self.code != 304):
                head += b"Content-Length: %d\r\n" % length
            self._declared = length
        elif not self._bodyless:
            if self._version == b"1.1":
                self.chunked = 1
                head += b"Transfer-Encoding: chunked\r\n"
            else:
                self.keep_alive = False
        if not self.keep_alive or self.site.draining:
            self.keep_alive = False
            return head + b"Connection: close\r\n\r\n"
        if self._version == b"1.0":
            return head + b"Connection: keep-alive\r\n\r\n"
        return head + b"\r\n"

    # Answering piece by piece.

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.producer is not None:
            raise ValueError(f"{producer} cannot produce: {self.producer} was never unregistered")
        if self._disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self.channel.outlet.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self.producer = None
        if not self._disconnected:
            self.channel.outlet.unregisterProducer()

    def begin(self, line: bytes, code: int, block: Block) -> None:
        """Begin a response whose body follows through :meth:`write` and :meth:`finish`; the head leaves with the
        first piece of it, which may be empty."""
        self.code = code
        self._unsent_head = self._head(line, block, block.length)

    def write(self, data: bytes) -> None:
        """Send a piece of the body; the head goes first, once."""
        if self._failed:
            return
        if self.finished:
            raise RuntimeError("Request.write called on a request after Request.finish was called.")
        if self._disconnected or self._inFakeHead:
            return
        if self._encoder is not None:
            data = self._encoder.encode(data)
        if self.startedWriting or self._begin_from_headers():
            self._put(data, b"")

    def _begin_from_headers(self) -> bool:
        """Begin with what the resource has set; false if that is no response, which is then answered with 500."""
        headers = self.responseHeaders
        if (
            self.defaultContentType is not None
            and self.code not in NO_BODY
            and not headers.hasHeader(b"content-type")
            and headers.getRawHeaders(b"content-length") != [b"0"]
        ):
            headers.setRawHeaders(b"content-type", [self.defaultContentType])
        if self.lastModified is not None and not headers.hasHeader(b"last-modified"):
            headers.setRawHeaders(b"last-modified", [http_date(self.lastModified)])
        if self.etag is not None:
            headers.setRawHeaders(b"etag", [self.etag])
        if "cookies" in self.__dict__:
            headers.setRawHeaders(b"set-cookie", self.cookies)
        try:
            self.begin(status_line(self.code, self.code_message), self.code, serialise(_lines(headers)))
        except Exception:
            # Raised, it would end in a callback of the resource's, and the client would wait for ever.
            self.processingFailed(Failure())
            return False
        return True

    def _put(self, data: bytes, end: bytes) -> None:
        """Send a piece of the body, after the head if that is still here, and before ``end``."""
        if self._bodyless:
            data = b""
        elif data:
            data = self._within_length(data)
            if self.chunked:
                data = b"%x\r\n%b\r\n%b" % (len(data), data, end)
                end = b""
        data += end
        if self._unsent_head:
            head, self._unsent_head = self._unsent_head, b""
            if len(data) <= _JOINED:
                data = head + data
            else:
                self.channel.send(head)
        if data:
            self.channel.send(data)

    def _within_length(self, data: bytes) -> bytes:
        """As much of a piece as the declared length has room for; counted."""
        declared = self._declared
        if declared is not None and self.sentLength + len(data) > declared:
            if not self._overlong:
                self._overlong = True
                _log.warn(
                    "{method} {uri}: the body is longer than its Content-Length of {length}; the rest is left out",
                    method=self.method, uri=self.uri, length=declared,
                )  # fmt: skip
            data = data[: declared - self.sentLength]
        self.sentLength += len(data)
        return data

    def finish(self) -> None:
        """Say that the response is whole."""
        if self._disconnected:
            raise RuntimeError(
                "Request.finish called on a request after its connection was lost; "
                "use Request.notifyFinish to keep track of this."
            )
        if self.finished or self._failed:
            return
        rest = b""
        if self._encoder is not None:
            rest, self._encoder = self._encoder.finish(), None
        if not self.startedWriting and not self._begin_from_headers():
            return
        self._put(rest, b"0\r\n\r\n" if self.chunked else b"")
        if self._declared is not None and self.sentLength < self._declared and not self._bodyless:
            _log.warn(
                "{method} {uri}: the body has {sent} bytes of the {length} it declared; connection closed",
                method=self.method, uri=self.uri, sent=self.sentLength, length=self._declared,
            )  # fmt: skip
            self.keep_alive = False
        self._done()

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

    # Answering with files.

    def send_parts(self, parts: Sequence[bytes | FilePart]) -> None:
        """Send the head and these parts in order, as fast as the client takes them, then finish; the files are
        closed in any case."""
        producer = PartsProducer(self, parts)
        if self._encoder is not None:
            self.responseHeaders.removeHeader(b"content-length")
        if not self._begin_from_headers():
            producer.stopProducing()
        else:
            self._send_with(producer)

    def send_file(self, line: bytes, code: int, block: Block, part: FilePart) -> None:
        """Answer with part of a file, which is closed in any case."""
        producer = PartsProducer(self, [part])
        self.begin(line, code, block)
        self._send_with(producer)

    def _send_with(self, producer: PartsProducer) -> None:
        if self._bodyless or self._disconnected:
            producer.stopProducing()
            if not self._disconnected:
                self.finish()
        else:
            producer.start()

    def send_head(self) -> None:
        """Send the head now, if it is still here."""
        self._put(b"", b"")

    def sends_unchanged(self, size: int) -> bool:
        """Whether the next ``size`` bytes of body go out just as they are."""
        declared = self._declared
        whole = declared is None or self.sentLength + size <= declared
        return whole and not self.chunked and self._encoder is None

    def count_sent(self, size: int) -> None:
        """Count body bytes that went out beside :meth:`write`."""
        self.sentLength += size

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
            fields = _lines(headers)
        if (headers is None or not headers.hasHeader(b"content-type")) and self.code not in NO_BODY and body:
            kind = self.defaultContentType
            if kind is not None:
                fields.append((b"Content-Type", kind))
        self.send(status_line(self.code, self.code_message), self.code, serialise(fields), body)


def _lines(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, values in headers.getAllRawHeaders() for value in values]


class _Rendered:
    """A resource's answer, given again to Twisted's own way of sending it."""

    isLeaf = True

    def __init__(self, body: bytes) -> None:
        self._body = body

    def render(self, request: Request) -> bytes:
        return self._body
