"""The answering half of a request: how a response gets onto the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from duck_tx.http.filepart import FilePart
from duck_tx.http.headers import NO_BODY, Fields
from duck_tx.http.incoming import IncomingRequest
from duck_tx.http.response import (
    Block,
    ResponseError,
    error_text,
    http_date,
    interim_line,
    serialise,
    status_line,
    trailer_lines,
)
from duck_tx.http.sending import PartsProducer

if TYPE_CHECKING:
    from duck_tx.http.channel import HTTPChannel

__all__ = ["OutgoingResponse", "header_lines"]

_log = Logger()
_JOINED = 65_536
"""Bytes of body that are copied behind the head; for more, a system call of their own costs less."""


class OutgoingResponse(IncomingRequest):
    """The answering half of :class:`duck_tx.http.request.Request`."""

    channel: HTTPChannel
    keep_alive = False
    _declared: int | None = None
    _bodyless = False
    _overlong = False
    _unsent_head = b""
    _failed = False

    def processingFailed(self, reason: Failure) -> Failure:
        """Log what a resource raised and answer 500, or cut the connection if the answer had begun."""
        _log.failure("{asked} failed", failure=reason, asked=self.asked)
        self.fail(500, "The server could not make this page. Its log says why.")
        return reason

    def fail(
        self, code: int, sentence: str, headers: Sequence[tuple[bytes, bytes]] = (), *, upgrade: bytes = b""
    ) -> None:
        """Answer with a plain error page; cut the connection if a response has begun (there is no other way to tell
        the client that it is not whole).  What the resource still writes is left out.

        :param upgrade: the protocol to ask for, which 426 has to name (RFC 9110 15.5.22); HTTP/1.1 alone has a field
            for it.
        """
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
        block = serialise(fields)._replace(length=len(page))
        if upgrade and self.clientproto == b"HTTP/1.1":
            block = block._replace(lines=block.lines + b"Upgrade: %b\r\nConnection: Upgrade\r\n" % upgrade)
        self.send(status_line(code), code, block, page)

    def send_interim(self, code: int, fields: Fields) -> None:
        """Send an interim response, such as 103 Early Hints; not to HTTP/1.0, and not once the response has begun.

        100 goes to a client that still waits for it, and only there.

        :raises ResponseError: for 101 (see :meth:`Request.tunnel`), a code that is not interim, or fields that cannot
            be sent.
        """
        block = serialise(fields)
        line = interim_line(code)
        if self.startedWriting or self._disconnected or self._failed or self._version == b"1.0":
            return
        if code == 100:
            if self.arriving is None or not self.arriving.is_awaited:
                return
            self.arriving.invited()
        self._put_interim(line, code, block)

    def _put_interim(self, line: bytes, code: int, block: Block) -> None:
        self.channel.send(line + block.lines + b"\r\n")

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
            self.begin(status_line(self.code, self.code_message), self.code, serialise(header_lines(headers)))
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
                    "{asked}: the body is longer than its Content-Length of {length}; the rest is left out",
                    asked=self.asked, length=declared,
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
        self._put(rest, self._last_chunk() if self.chunked else b"")
        if self._declared is not None and self.sentLength < self._declared and not self._bodyless:
            _log.warn(
                "{asked}: the body has {sent} bytes of the {length} it declared; connection closed",
                asked=self.asked, sent=self.sentLength, length=self._declared,
            )  # fmt: skip
            self.keep_alive = False
        self._done()

    def _last_chunk(self) -> bytes:
        return b"0\r\n%b\r\n" % self._trailer_lines()

    def _trailer_lines(self) -> bytes:
        """The trailers, if there are any that can be sent."""
        trailers = self.__dict__.get("trailers")
        if not trailers:
            return b""
        try:
            return trailer_lines(trailers)
        except ResponseError as error:
            _log.error("{asked}: no trailers are sent: {error}", asked=self.asked, error=error)
            return b""

    def cut(self) -> None:
        """End the response here, so that the client cannot take it for whole.

        What was written still goes out where the framing shows that something is missing.
        """
        if self._disconnected or self.finished:
            return
        self._failed = True
        is_short = self._declared is not None and self.sentLength < self._declared
        if self.startedWriting and (self.chunked or is_short):
            self._put(b"", b"")
            self.keep_alive = False
            self._done()
        else:
            self.channel.abort()

    def _done(self) -> None:
        """Everything is on its way."""
        raise NotImplementedError

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


def header_lines(headers: Headers) -> Fields:
    """The fields that a resource has set."""
    return [(name, value) for name, values in headers.getAllRawHeaders() for value in values]
