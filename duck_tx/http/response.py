"""Response heads as bytes, checked so that nothing an application returns can split a response."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple

from twisted.web.http import RESPONSES

from duck_tx.http.headers import FIELD_NAMES, Role, allowed_trailers, is_token

__all__ = [
    "REASONS", "Block", "ResponseError", "error_page", "error_text", "http_date", "interim_line", "serialise",
    "status_line", "trailer_lines",
]  # fmt: skip

REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus} | RESPONSES
"""Reason phrases by status code: Twisted's, and for the codes that it does not know Python's."""

_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_KEPT_AT_MOST = 1024
_KEPT_LENGTH = 256
_LENGTH_DIGITS = 18
_fields: dict[tuple[bytes | str, bytes | str], tuple[bytes, int]] = {}
_lines: dict[tuple[int, bytes], bytes] = {}


class ResponseError(ValueError):
    """What an application wants to send is no HTTP response; the message says which part of it."""


class Block(NamedTuple):
    """Header fields ready for the wire, without those that the server sets itself.

    ``length`` is the application's Content-Length in bytes, or ``None``.
    """

    lines: bytes
    length: int | None
    has_date: bool
    has_server: bool
    has_hsts: bool = False


def status_line(code: int, reason: bytes | None = None) -> bytes:
    """``HTTP/1.1 200 OK`` with its line end (RFC 9112 4).

    :raises ResponseError: for a code outside 200 to 599 or a reason with control characters.
    """
    if reason is None:
        reason = REASONS.get(code, b"")
    line = _lines.get((code, reason))
    if line is None:
        if not 200 <= code <= 599:
            raise ResponseError(f"status code {code} is not a final HTTP status")
        if _REASON.fullmatch(reason) is None:
            raise ResponseError(f"reason phrase {reason!r} has control characters in it")
        line = b"HTTP/1.1 %d %b\r\n" % (code, reason)
        if len(_lines) < _KEPT_AT_MOST and len(reason) <= _KEPT_LENGTH:
            _lines[code, reason] = line
    return line


def interim_line(code: int) -> bytes:
    """The same of an interim response (RFC 9110 15.2), other than 101, which is none in HTTP/2 and no application's.

    :raises ResponseError: for any other code.
    """
    if not 100 <= code <= 199 or code == 101:
        raise ResponseError(f"status code {code} is not an interim HTTP status that can be sent")
    return b"HTTP/1.1 %d %b\r\n" % (code, REASONS.get(code, b"Interim"))


def trailer_lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields that stand behind a body, without those that are not allowed there.

    :raises ResponseError: as :func:`serialise`.
    """
    return serialise(allowed_trailers(fields)).lines


def serialise(headers: Iterable[tuple[bytes, bytes]] | Iterable[tuple[str, str]]) -> Block:
    """Join header fields, leaving out the hop-by-hop ones, which are the server's own (RFC 9110 7.6.1).

    Text is taken for ISO 8859-1, as native strings in WSGI are.

    :raises ResponseError: for a name that is no token, a value with CR, LF or NUL or beyond ISO 8859-1, or a
        Content-Length that is no number.
    """
    lines = []
    length: int | None = None
    has_date = has_server = has_hsts = False
    for field in headers:
        try:
            line, role = _fields[field]
        except (KeyError, TypeError):
            line, role = _field(*field)
        if role:
            if role == Role.CONTENT_LENGTH:
                length = _length(line, length)
                continue
            if role == Role.TRANSFER_ENCODING or role == Role.CONNECTION or role == Role.UPGRADE:
                continue
            has_date = has_date or role == Role.DATE
            has_server = has_server or role == Role.SERVER
            has_hsts = has_hsts or role == Role.TRANSPORT_SECURITY
        lines.append(line)
    return Block(b"".join(lines), length, has_date, has_server, has_hsts)


def _field(name: bytes | str, value: bytes | str) -> tuple[bytes, int]:
    """A field as its line and what it means; of Content-Length, the value only.

    Applications send the same few fields with every response, so they are kept.
    """
    try:
        raw_name = name.encode("latin-1") if isinstance(name, str) else name
        raw_value = value.encode("latin-1") if isinstance(value, str) else value
        raw_value = raw_value.strip(b" \t")
        line = b"%b: %b\r\n" % (raw_name, raw_value)
    except UnicodeEncodeError:
        raise ResponseError(f"header field {name!r}: {value!r} has characters beyond ISO 8859-1") from None
    except (TypeError, AttributeError):
        raise ResponseError(f"header field {name!r}: {value!r} is not text") from None
    if not is_token(raw_name):
        raise ResponseError(f"header name {name!r} is not a token")
    if line.count(b"\n") != 1 or line.count(b"\r") != 1 or b"\0" in line:
        raise ResponseError(f"header field {line[:-2]!r} has CR, LF or NUL in it")
    role = FIELD_NAMES[raw_name].role
    found = (raw_value if role == Role.CONTENT_LENGTH else line, role)
    if len(line) <= _KEPT_LENGTH:
        if len(_fields) >= _KEPT_AT_MOST:
            # Fields with ever new values fill it; those that recur are soon back.
            _fields.clear()
        _fields[name, value] = found
    return found


def _length(value: bytes, earlier: int | None) -> int:
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        raise ResponseError(f"Content-Length {value!r} is not a number")
    length = int(value)
    if earlier is not None and earlier != length:
        raise ResponseError(f"two Content-Length fields, {earlier} and {length}")
    return length


def http_date(seconds: float) -> bytes:
    """An HTTP date (RFC 9110 5.6.7) of seconds since the epoch."""
    return formatdate(seconds, usegmt=True).encode("ascii")


def error_text(code: int, sentence: str) -> bytes:
    """The plain-text body of an error that the server itself answers with."""
    reason = REASONS.get(code, b"Error")
    return b"%d %b\n\n%b\n" % (code, reason, sentence.encode("ascii", "backslashreplace"))


def error_page(code: int, sentence: str, own_fields: bytes) -> bytes:
    """A whole response with an error text, after which the connection closes."""
    text = error_text(code, sentence)
    fields = b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n" % len(text)
    return status_line(code) + own_fields + fields + b"\r\n" + text
