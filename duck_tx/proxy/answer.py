"""The response of a server, read by llhttp and judged by RFC 9112 where llhttp is lenient or silent."""

from __future__ import annotations

import re
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from duck_tx.http.headers import FIELD_NAMES, NO_BODY, Role
from duck_tx.proxy.limits import UpstreamLimits

__all__ = ["AnswerHead", "AnswerReader", "BadAnswer"]

_USUAL_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade"})
_TIMEOUT = re.compile(rb"(?:^|[,; ])timeout *= *([0-9]{1,6})")
_OVERHEAD = 16
"""Bytes of chunk framing allowed for each byte of content."""


class BadAnswer(Exception):
    """What the server sent is no response to hand on; the message says why, in words for the log."""


class AnswerHead(NamedTuple):
    """The head of a response.

    ``version`` is ``1.0`` or ``1.1``.  ``length`` is that of the body that follows, ``None`` if only its end will tell.
    ``chunked``: it is marked in the body.  ``keep_alive``: the connection may be used again.  ``nominates``:
    ``Connection`` names fields that are not to be handed on.  ``kept_for``: seconds that the server says it keeps idle
    connections, if it says so.
    """

    code: int
    reason: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]]
    length: int | None
    chunked: bool
    keep_alive: bool
    nominates: bool
    kept_for: int | None


class AnswerReader:
    """Reads the heads of one response, and its body where that is in chunks.

    :ivar complete: the chunked body has ended.
    :ivar surplus: something came after that end.
    :ivar trailers: the fields behind it.
    """

    __slots__ = (
        "_chunks", "_content", "_fed", "_fields", "_is_read", "_limits", "_llhttp", "_reason", "_section", "complete",
        "keep_alive", "surplus", "trailers",
    )  # fmt: skip

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._llhttp = HttpResponseParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._reason = b""
        self._chunks: list[bytes] | None = None
        self._fed = self._content = self._section = 0
        self._is_read = False
        self.keep_alive = False
        self.complete = False
        self.surplus = False
        self.trailers: list[tuple[bytes, bytes]] = []

    def read_head(self, head: bytes, *, bodyless: bool) -> AnswerHead:
        """Read a whole head, up to its empty line.

        :param bodyless: the request was ``HEAD``.
        :raises BadAnswer: if it is none.
        """
        version = head[5:8]
        if not head.startswith(b"HTTP/1.") or version not in (b"1.1", b"1.0"):
            raise BadAnswer("what it sent is not HTTP/1.1")
        fields: list[tuple[bytes, bytes]] = []
        self._fields = fields
        self._reason = b""
        self._is_read = False
        llhttp = self._llhttp
        try:
            llhttp.feed_data(head)
        except HttpParserUpgrade:
            self.keep_alive = False
        except HttpParserError as error:
            # It stops behind a 101 that names no protocol, too.
            if llhttp.get_status_code() != 101 or not self._is_read:
                raise BadAnswer(f"the head of its response is malformed ({error})") from None
        if len(fields) > self._limits.max_fields:
            raise BadAnswer("its response has too many header fields")
        if b" \r\n" in head or b"\t\r\n" in head:
            fields = [(name, value.rstrip(b" \t")) for name, value in fields]
        return self._examined(llhttp.get_status_code(), version, fields, bodyless)

    def _examined(self, code: int, version: bytes, fields: list[tuple[bytes, bytes]], bodyless: bool) -> AnswerHead:
        length: int | None = None
        chunked = nominates = False
        kept_for: int | None = None
        for name, value in fields:
            role = FIELD_NAMES[name].role
            if not role:
                continue
            if role == Role.CONTENT_LENGTH:
                # That there is one at most, and digits in it, llhttp has seen to.
                length = int(value)
            elif role == Role.TRANSFER_ENCODING:
                if version != b"1.1":
                    raise BadAnswer("its response has Transfer-Encoding in HTTP/1.0")
                if chunked or value.lower() != b"chunked":
                    raise BadAnswer(f"its response has a transfer coding that is not known here ({value[:40]!r})")
                chunked = True
            elif role == Role.CONNECTION:
                lower = name.lower()
                if lower == b"connection":
                    nominates = nominates or value.lower() not in _USUAL_OPTIONS
                elif lower == b"keep-alive":
                    said = _TIMEOUT.search(value.lower())
                    kept_for = int(said[1]) if said else kept_for
        if code < 100:
            raise BadAnswer(f"its response has the status {code}")
        if code < 200 or code in NO_BODY or bodyless:
            if code < 200 and (length or chunked):
                raise BadAnswer(f"its interim response {code} announces a body")
            length, chunked = 0, False
        elif chunked:
            self._chunks = []
        keep_alive = self.keep_alive and (length is not None or chunked)
        return AnswerHead(code, self._reason, version, fields, length, chunked, keep_alive, nominates, kept_for)

    def read_chunks(self, data: bytes) -> bytes:
        """Read on in a chunked body: the content that was in ``data``.

        :raises BadAnswer: if the framing is malformed.
        """
        assert self._chunks is not None
        self._fields = self.trailers
        self._fed += len(data)
        try:
            self._llhttp.feed_data(data)
        except HttpParserUpgrade:
            # Only in a head, so this is one behind the end.
            self.surplus = True
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, BadAnswer):
                raise cause from None
            if not self.complete:
                raise BadAnswer(f"the chunks of its response are malformed ({error})") from None
            self.surplus = True
        content = self.take()
        self._content += len(content)
        if self._fed > _OVERHEAD * self._content + self._limits.max_head:
            raise BadAnswer("the chunks of its response are too small or their extensions too long")
        return content

    def take(self) -> bytes:
        """The content that was read and not taken yet: after :meth:`read_chunks`, that before the fault."""
        chunks, self._chunks = self._chunks or [], []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    # What llhttp calls.

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        if self._chunks is not None:
            self._section += len(name) + len(value) + 4
            if self._section > self._limits.max_head or len(self._fields) >= self._limits.max_fields:
                raise BadAnswer("the trailer section of its response is too large")
            value = value.rstrip(b" \t")
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_read = True
        if not self.complete:
            self.keep_alive = self._llhttp.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        if self._chunks is not None and not self.complete:
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        if self._chunks is not None:
            self.complete = True
