"""HTTP/2 frames and field blocks as bytes, right or wrong: nothing here refuses to build what must not be sent.

Field blocks are made of literals without indexing (RFC 7541 6.2.2), so that they need no state; where a test is about
compression it makes its own.
"""

from __future__ import annotations

import struct
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGEST = 2**14
"""Bytes of a frame's payload that every peer takes (RFC 9113 4.2)."""

WINDOW = 2**16 - 1
"""Bytes of a flow-control window that nobody has changed (RFC 9113 6.9.2)."""

TOP = 2**31 - 1
"""The greatest window, and the greatest stream identifier."""

FRESH = TOP - 2
"""A stream that no row uses, with which the connection proves that it works."""

Field = tuple[bytes, bytes]


class Kind(IntEnum):
    """Frame types (RFC 9113 6), and one that nobody has defined."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    UNKNOWN = 0xBA


class Flag:
    """Flags of frames; some share a bit."""

    END_STREAM = 0x1
    ACK = 0x1
    END_HEADERS = 0x4
    PADDED = 0x8
    PRIORITY = 0x20


class Code(IntEnum):
    """Error codes (RFC 9113 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """Settings (RFC 9113 6.5.2, RFC 8441 3), and one that nobody has defined."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8
    UNKNOWN = 0xBABA


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", *, length: int | None = None) -> bytes:
    """A frame (RFC 9113 4.1); ``length`` for one that lies about its payload, a ``stream`` above :data:`TOP` for one
    with the reserved bit set."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def _padded(payload: bytes, pad: int | None, padding: bytes | None) -> tuple[int, bytes]:
    if pad is None:
        return 0, payload
    return Flag.PADDED, bytes([pad]) + payload + (bytes(pad) if padding is None else padding)


def data(
    stream: int,
    content: bytes = b"",
    *,
    end: bool = False,
    pad: int | None = None,
    padding: bytes | None = None,
    flags: int = 0,
) -> bytes:
    """DATA; ``padding`` for one that is not the ``pad`` zeros that it should be."""
    padded, payload = _padded(content, pad, padding)
    return frame(Kind.DATA, flags | padded | Flag.END_STREAM * end, stream, payload)


def headers(
    stream: int,
    fragment: bytes,
    *,
    end: bool = True,
    whole: bool = True,
    pad: int | None = None,
    padding: bytes | None = None,
    priority: bytes = b"",
    flags: int = 0,
) -> bytes:
    """HEADERS with a fragment of a field block; ``priority`` is what :func:`dependency` makes."""
    padded, payload = _padded(priority + fragment, pad, padding)
    flags |= padded | Flag.END_STREAM * end | Flag.END_HEADERS * whole | Flag.PRIORITY * bool(priority)
    return frame(Kind.HEADERS, flags, stream, payload)


def continuation(stream: int, fragment: bytes = b"", *, whole: bool = True) -> bytes:
    return frame(Kind.CONTINUATION, Flag.END_HEADERS * whole, stream, fragment)


def dependency(on: int = 0, weight: int = 15) -> bytes:
    """The five bytes of a deprecated priority."""
    return struct.pack(">IB", on, weight)


def priority(stream: int, on: int = 0) -> bytes:
    return frame(Kind.PRIORITY, 0, stream, dependency(on))


def reset(stream: int, code: int = Code.CANCEL) -> bytes:
    return frame(Kind.RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(*values: tuple[int, int], ack: bool = False) -> bytes:
    return frame(Kind.SETTINGS, Flag.ACK * ack, 0, b"".join(struct.pack(">HI", *value) for value in values))


def push_promise(stream: int, promised: int, fragment: bytes) -> bytes:
    return frame(Kind.PUSH_PROMISE, Flag.END_HEADERS, stream, struct.pack(">I", promised) + fragment)


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
    return frame(Kind.PING, Flag.ACK * ack, 0, payload)


def goaway(last: int = 0, code: int = Code.NO_ERROR, debug: bytes = b"") -> bytes:
    return frame(Kind.GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def window_update(stream: int, increment: int) -> bytes:
    return frame(Kind.WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


# Field blocks.


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """An integer with a prefix of ``bits`` bits, the rest of its first byte being ``first`` (RFC 7541 5.1)."""
    full = 2**bits - 1
    if value < full:
        return bytes([first | value])
    value -= full
    octets = bytearray([first | full])
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def string(value: bytes) -> bytes:
    """A string as it is (RFC 7541 5.2)."""
    return integer(len(value), 7) + value


def literal(name: bytes, value: bytes) -> bytes:
    """A field that no table takes in."""
    return b"\0" + string(name) + string(value)


def block(*fields: Field) -> bytes:
    return b"".join(literal(*field) for field in fields)


def asked(
    path: bytes = b"/hello",
    *more: Field,
    method: bytes = b"GET",
    scheme: bytes = b"https",
    authority: bytes = b"duck.example",
) -> list[Field]:
    """The fields of a good request."""
    return [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path), *more]


def request(stream: int, path: bytes = b"/hello", *more: Field, method: bytes = b"GET", end: bool = True) -> bytes:
    """A good request in one frame; with ``end`` it has no body."""
    return headers(stream, block(*asked(path, *more, method=method)), end=end)


def post(stream: int, path: bytes = b"/e", *more: Field) -> bytes:
    """A good request whose body is yet to come."""
    return request(stream, path, *more, method=b"POST", end=False)


def connect(
    stream: int, path: bytes = b"/live/", *more: Field, protocol: bytes = b"websocket", end: bool = False
) -> bytes:
    """A good extended CONNECT (RFC 8441 4)."""
    return headers(stream, block(*asked(path, (b":protocol", protocol), *more, method=b"CONNECT")), end=end)
