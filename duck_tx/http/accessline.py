"""One line for a request that has been answered: Apache's combined format, or a JSON object.

Pure, and on the way of every request: a line in which nothing needs an escape is one formatting operation.
Whatever the fields hold, the result is printable ASCII and one ``\\n`` at its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from duck_tx.http.forwarded import Origin

__all__ = ["FIELD_LIMIT", "LINES", "Answered", "combined_line", "json_line"]

FIELD_LIMIT = 2048
"""Bytes of a field that are logged; a longer one is cut there and ends in ``...``."""

_PLAIN = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))
# By code; a list, because a mapping with gaps is several times slower in str.translate.
_ESCAPES = [chr(code) if code in _PLAIN else f"\\x{code:02x}" for code in range(256)]
_ESCAPES_UNQUOTED = ["\\x20" if text == " " else text for text in _ESCAPES]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Answered(Protocol):
    """What of a request goes into its line."""

    @property
    def origin(self) -> Origin: ...
    @property
    def method(self) -> bytes: ...
    @property
    def uri(self) -> bytes: ...
    @property
    def clientproto(self) -> bytes: ...
    @property
    def code(self) -> int: ...
    @property
    def sentLength(self) -> int: ...
    @property
    def started(self) -> float: ...
    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]: ...


def combined_line(request: Answered, began: float, took: float) -> bytes:
    """A line in Apache's combined format, with the request id and the milliseconds it took at the end.

    Quotes, backslashes and bytes that are not printable ASCII stand as ``\\xHH``.  The time is UTC.

    :param began: when the request came, seconds since the epoch.
    :param took: seconds until it was answered.
    """
    origin = request.origin
    address = origin.address.encode() or b"-"
    request_id = origin.request_id.encode() or b"-"
    method, target, protocol = request.method, request.uri, request.clientproto
    referer, agent = _referer_and_agent(request.raw_headers)
    referer, agent = referer or b"-", agent or b"-"
    text = b"".join((address, request_id, method, target, protocol, referer, agent))
    if len(text) > FIELD_LIMIT or text.translate(None, _PLAIN):
        address, request_id = (_escaped(each, _ESCAPES_UNQUOTED) for each in (address, request_id))
        method, target, protocol = _escaped(method), _escaped(target), _escaped(protocol)
        referer, agent = _escaped(referer), _escaped(agent)
    return b'%b - - [%b] "%b %b %b" %d %b "%b" "%b" %b %.3f\n' % (
        address,
        _clf_time(int(began)),
        method,
        target,
        protocol,
        request.code,
        b"%d" % request.sentLength if request.sentLength else b"-",
        referer,
        agent,
        request_id,
        took * 1000.0,
    )


def json_line(request: Answered, began: float, took: float) -> bytes:
    """A JSON object with the fields time, client, method, target, protocol, status, bytes, duration_ms,
    referer, user_agent, host, request_id and scheme.

    The time is RFC 3339 in UTC with milliseconds.  Bytes that are not UTF-8 stand as U+FFFD.  Referer and
    user_agent are ``null`` where the client sent none; client is ``""`` for one on a Unix socket.

    :param began: when the request came, seconds since the epoch.
    :param took: seconds until it was answered.
    """
    origin = request.origin
    address = origin.address.encode()
    request_id = origin.request_id.encode()
    scheme, host = origin.scheme.encode(), origin.host
    method, target, protocol = request.method, request.uri, request.clientproto
    referer, agent = _referer_and_agent(request.raw_headers)
    text = b"".join((address, request_id, scheme, host, method, target, protocol, referer or b"", agent or b""))
    if len(text) > FIELD_LIMIT or text.translate(None, _PLAIN):
        address, request_id, scheme, host = map(_json_text, (address, request_id, scheme, host))
        method, target, protocol = map(_json_text, (method, target, protocol))
        referer = None if referer is None else _json_text(referer)
        agent = None if agent is None else _json_text(agent)
    second, millisecond = divmod(int(began * 1000.0), 1000)
    return (
        b'{"time":"%b.%03dZ","client":"%b","method":"%b","target":"%b","protocol":"%b","status":%d,"bytes":%d,'
        b'"duration_ms":%.3f,"referer":%b,"user_agent":%b,"host":"%b","request_id":"%b","scheme":"%b"}\n'
    ) % (
        _iso_time(second),
        millisecond,
        address,
        method,
        target,
        protocol,
        request.code,
        request.sentLength,
        took * 1000.0,
        b"null" if referer is None else b'"' + referer + b'"',
        b"null" if agent is None else b'"' + agent + b'"',
        host,
        request_id,
        scheme,
    )


LINES: dict[str, Callable[[Answered, float, float], bytes]] = {"combined": combined_line, "json": json_line}
"""The formats by the names that the settings know."""


def _referer_and_agent(headers: Sequence[tuple[bytes, bytes]]) -> tuple[bytes | None, bytes | None]:
    referer = agent = None
    for name, value in headers:
        # The length first: it is much cheaper than to make a lower-case copy of every name.
        length = len(name)
        if length == 10:
            if agent is None and name.lower() == b"user-agent":
                agent = value
        elif length == 7 and referer is None and name.lower() == b"referer":
            referer = value
    return referer, agent


def _escaped(value: bytes, escapes: list[str] = _ESCAPES) -> bytes:
    text = value[:FIELD_LIMIT].decode("latin-1").translate(escapes).encode("ascii")
    return text if len(value) <= FIELD_LIMIT else text + b"..."


def _json_text(value: bytes) -> bytes:
    """``value`` as it stands between the quotes of a JSON string; in ASCII, so that no U+2028 ends a line."""
    quoted = json.dumps(value[:FIELD_LIMIT].decode("utf-8", "replace"))
    text = quoted[1:-1].replace("\x7f", "\\u007f").encode("ascii")
    return text if len(value) <= FIELD_LIMIT else text + b"..."


# Requests end in another order than they came, so a few seconds are kept.


@lru_cache(maxsize=64)
def _clf_time(second: int) -> bytes:
    year, month, day, hour, minute, sec = time.gmtime(second)[:6]
    # Not strftime: its month is in the language of the system.
    return f"{day:02}/{_MONTHS[month - 1]}/{year:04}:{hour:02}:{minute:02}:{sec:02} +0000".encode("ascii")


@lru_cache(maxsize=64)
def _iso_time(second: int) -> bytes:
    year, month, day, hour, minute, sec = time.gmtime(second)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{sec:02}".encode("ascii")
