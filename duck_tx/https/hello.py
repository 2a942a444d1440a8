"""The first message of a TLS client, read before anything is decided: whom it wants to reach, and in which protocol."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

__all__ = ["LONGEST", "Hello", "NotTLS", "read_hello"]

LONGEST = 16_384 + 5
"""Bytes to look at: those of the longest record (RFC 8446 5.1). A hello beyond it is left to OpenSSL."""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_ALPN = 16
_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_VERSION_AND_RANDOM = 34
_LONGEST_METHOD = 24
_EXTENSION = Struct("!HH")


class NotTLS(ValueError):
    """What came is not TLS at all.

    :ivar is_http: it looks like plain HTTP.
    """

    def __init__(self, is_http: bool) -> None:
        super().__init__("plain HTTP" if is_http else "no TLS")
        self.is_http = is_http


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client asks for.

    :ivar name: the host it wants (RFC 6066 3), lower-case; ``None`` if it does not say.
    :ivar protocols: what it speaks within TLS (RFC 7301 3.1).
    """

    name: str | None = None
    protocols: tuple[bytes, ...] = ()


def read_hello(data: bytes) -> Hello | int:
    """Read a ClientHello (RFC 8446 4.1.2).

    A malformed one is read as one that asks for nothing: OpenSSL judges it afterwards, and answers with the right
    alert.

    :param data: what has come so far, at least one byte.
    :returns: the hello, or how many bytes there must be before it is worth to look again.
    :raises NotTLS: if this is something else.
    """
    if data[0] != _HANDSHAKE:
        if len(data) < _LONGEST_METHOD and data.isalpha() and data.isupper():
            return len(data) + 1
        raise NotTLS(_is_http(data))
    if len(data) > 1 and data[1] != 3:
        raise NotTLS(False)
    message = b""
    at = 0
    # One record usually holds all of it; some clients spread it over several.
    while (missing := _MESSAGE_HEADER + int.from_bytes(message[1:4], "big") - len(message)) > 0:
        start = at + _RECORD_HEADER
        if len(data) < start:
            return start + missing if start + missing <= LONGEST else Hello()
        end = start + int.from_bytes(data[at + 3 : start], "big")
        if data[at] != _HANDSHAKE or end == start or end > LONGEST:
            return Hello()
        if len(data) < end:
            return end
        message += data[start:end]
        at = end
    return _read_message(message)


def _read_message(message: bytes) -> Hello:
    if message[0] != _CLIENT_HELLO:
        return Hello()
    try:
        at = _MESSAGE_HEADER + _VERSION_AND_RANDOM
        at += 1 + message[at]  # session
        at += 2 + int.from_bytes(message[at : at + 2], "big")  # cipher suites
        at += 1 + message[at]  # compression methods
    except IndexError:
        return Hello()
    return _read_extensions(message[at + 2 : at + 2 + int.from_bytes(message[at : at + 2], "big")])


def _read_extensions(block: bytes) -> Hello:
    name = None
    protocols: tuple[bytes, ...] = ()
    at = 0
    last = len(block) - 4
    while at <= last:
        kind, length = _EXTENSION.unpack_from(block, at)
        end = at + 4 + length
        if kind == _SERVER_NAME:
            name = _read_name(block[at + 4 : end])
        elif kind == _ALPN:
            protocols = _read_protocols(block[at + 6 : end])
        at = end
    return Hello(name, protocols)


def _read_name(content: bytes) -> str | None:
    """The first name; the list has a length of two bytes, a name a type (0: host) and a length of two bytes."""
    if len(content) < 5 or content[2] != 0:
        return None
    name = content[5 : 5 + int.from_bytes(content[3:5], "big")]
    return name.decode("ascii", "replace").lower() or None


def _read_protocols(content: bytes) -> tuple[bytes, ...]:
    found = []
    at = 0
    while at < len(content):
        end = at + 1 + content[at]
        found.append(content[at + 1 : end])
        at = end
    return tuple(found)


def _is_http(data: bytes) -> bool:
    """Whether this begins as a request line does: a method in capitals, then a space."""
    method, space, _ = data[:_LONGEST_METHOD].partition(b" ")
    return bool(space) and method.isalpha() and method.isupper()
