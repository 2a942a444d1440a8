"""One request message after another, read by llhttp and judged where llhttp is lenient or silent."""

from __future__ import annotations

import re
from typing import BinaryIO

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from twisted.logger import Logger

from duck_tx.http.body import Body, Passage
from duck_tx.http.head import Framing, Rejected, RequestLine, examine_fields
from duck_tx.http.headers import Fields
from duck_tx.http.limits import Limits

__all__ = ["MessageParser"]

_log = Logger()
_END = b"\r\n\r\n"
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t;][^\n]*)?\r\n")
_OVERHEAD = 16
"""Bytes of chunk framing allowed for each byte of content."""


class MessageParser:
    """Reads the heads and bodies of one connection's requests.

    :ivar complete: the message has ended.
    :ivar keep_alive: the message lets the connection live on.
    """

    __slots__ = (
        "_body", "_fed", "_headers", "_in_trailers", "_inside", "_limits", "_line", "_llhttp", "_remaining",
        "_replaying", "complete", "keep_alive",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._llhttp = HttpRequestParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: Body | Passage | None = None
        self._remaining: int | None = None
        self._fed = 0
        self._inside = 0
        self._line = b""
        self._in_trailers = False
        self._replaying = False
        self.complete = False
        self.keep_alive = True

    def read_head(self, head: bytes, line: RequestLine) -> tuple[Framing, list[tuple[bytes, bytes]]]:
        """Read a whole head; its fields come back in order, with the authority of an absolute target as Host.

        :raises Rejected: with the status that the fault calls for.
        """
        headers: list[tuple[bytes, bytes]] = []
        self._headers = headers
        self.complete = False
        upgrade = False
        try:
            self._llhttp.feed_data(head)
        except HttpParserUpgrade:
            upgrade = True
        except HttpParserError as error:
            raise Rejected(*_verdict(error, line)) from None
        if len(headers) > self._limits.max_headers:
            raise Rejected(431, "There are too many header fields.")
        if b" \r\n" in head or b"\t\r\n" in head:
            headers = [(name, value.rstrip(b" \t")) for name, value in headers]
        framing = examine_fields(line.version, headers)
        if line.authority is not None:
            headers = [(name, value) for name, value in headers if name.lower() != b"host"]
            headers.append((b"Host", line.authority))
            framing = framing._replace(host=line.authority)
        if upgrade:
            self._replay(framing)
        if not self.complete:
            self._begin_body(framing)
        return framing, headers

    def _replay(self, framing: Framing) -> None:
        """llhttp takes a request to upgrade for one without a body; let it read the body all the same, as this
        server goes on in HTTP/1.1 (RFC 9110 7.8)."""
        self.complete = not framing.has_body
        if framing.has_body:
            length = framing.length
            coding = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
            self._llhttp = HttpRequestParser(self)
            self._replaying = True
            self._headers = []
            self._llhttp.feed_data(b"POST / HTTP/1.1\r\nHost: x\r\n" + coding + _END)
            self._replaying = False

    def _begin_body(self, framing: Framing) -> None:
        limits = self._limits
        if framing.length is not None and limits.max_body and framing.length > limits.max_body:
            raise Rejected(413, "The request body is too large.")
        self._remaining = framing.length
        self._headers = []
        self._fed = 0
        self._inside = 0
        self._line = b""
        self._in_trailers = False
        self._body = Body(limits.body_memory)

    @property
    def body_size(self) -> int:
        """Bytes of body so far."""
        return 0 if self._body is None else self._body.size

    @property
    def remaining(self) -> int | None:
        """Bytes of the body that have not come; ``None`` if that is not known."""
        return self._remaining

    def read_body(self, data: bytes) -> bytes:
        """Read on in the body; what is left belongs to the next message.

        :raises Rejected: 400 or 413.
        """
        if self._remaining is None:
            return self._read_chunked(data)
        piece, rest = data[: self._remaining], data[self._remaining :]
        self._remaining -= len(piece)
        self._feed(piece)
        return rest

    def _read_chunked(self, data: bytes) -> bytes:
        """Feed llhttp up to the end of the message, for it reads on into the next request and does not say where that
        began."""
        end = self._end_of_chunks(data)
        self._feed(data if end is None else data[:end])
        if end is None:
            return b""
        if not self.complete:
            raise Rejected(400, "The request body is malformed.")
        return data[end:]

    def _end_of_chunks(self, data: bytes) -> int | None:
        """Where in ``data`` the message ends, or the first fault in its framing that llhttp should see; ``None`` if it
        goes on beyond ``data``."""
        at, size = self._inside, len(data)
        while at < size:
            stop = data.find(b"\n", at) + 1
            if not stop:
                self._line += data[at:]
                at = size
                break
            line = self._line + data[at:stop] if self._line else data[at:stop]
            self._line = b""
            at = stop
            if self._in_trailers:
                if line == b"\r\n":
                    return at
                continue
            chunk = _CHUNK.fullmatch(line)
            if chunk is None:
                return at
            length = int(chunk[1], 16)
            if length:
                at += length + 2
            else:
                self._in_trailers = True
        self._inside = at - size
        return None

    def _feed(self, data: bytes) -> None:
        assert self._body is not None
        self._fed += len(data)
        try:
            self._llhttp.feed_data(data)
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, OSError):
                raise _not_kept(cause) from None
            if isinstance(cause, Rejected):
                raise cause from None
            raise Rejected(400, f"The request body is malformed: {error}.") from None
        allowed = _OVERHEAD * self._body.size + self._limits.max_header_block
        if self._remaining is None and self._fed > allowed:
            raise Rejected(400, "The chunks are too small or their extensions too long.")

    def take_body(self) -> BinaryIO:
        """Hand over the body that has arrived, as a file at its beginning.

        :raises Rejected: 507, if it could not be kept.
        """
        body = self._body
        assert isinstance(body, Body)
        try:
            return body.open()
        except OSError as error:
            raise _not_kept(error) from None
        finally:
            self._body = None

    def stream_body(self) -> bytes:
        """From now on keep nothing of the body for :meth:`take_body`: what has come so far, and :meth:`take_piece`
        gives what comes.

        :raises Rejected: 507, if it could not be kept.
        """
        body = self._body
        assert body is not None
        with self.take_body() as file:
            data = file.read()
        self._body = Passage(body.size)
        return data

    def take_piece(self) -> bytes:
        """What has come of a streamed body since the last time."""
        assert isinstance(self._body, Passage)
        return self._body.take()

    @property
    def trailers(self) -> Fields:
        """The fields behind the body, once it is complete."""
        return self._headers

    def close(self) -> None:
        """Let go of a body that nobody will read."""
        if self._body is not None:
            self._body.close()
            self._body = None

    # What llhttp calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if not self._replaying:
            self.keep_alive = self._llhttp.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        assert self._body is not None
        limit = self._limits.max_body
        if limit and self._body.size + len(data) > limit:
            raise Rejected(413, "The request body is too large.")
        self._body.write(data)

    def on_message_complete(self) -> None:
        if self._body is not None and len(self._headers) > self._limits.max_headers:
            raise Rejected(431, "There are too many trailer fields.")
        self.complete = True


def _verdict(error: HttpParserError, line: RequestLine) -> tuple[int, str]:
    text = str(error)
    if "invalid `transfer-encoding`" in text.lower() and line.version == b"1.1":
        return 501, "The only transfer coding known here is chunked."
    return 400, f"The request is malformed: {text}."


def _not_kept(error: OSError) -> Rejected:
    _log.error("the body of a request could not be kept: {error}", error=error)
    return Rejected(507, "The request body could not be kept.")
