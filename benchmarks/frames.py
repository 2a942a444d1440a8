"""The little of RFC 6455 that a client needs who always says the same: pure, bytes in and out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from benchmarks.client import HOST

_KEY = base64.b64encode(b"one for everyone")
_MASK = b"\x1f\x2e\x3d\x4c"
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())

#: Opcodes, with the bit that says that the message ends here.
TEXT, PING, PONG = 0x81, 0x89, 0x8A


class FrameError(Exception):
    """What came is not what a server says here."""


def hello(port: int, path: str) -> bytes:
    """A request to switch to WebSocket, without any extension."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Origin: http://{HOST}:{port}\r\nSec-WebSocket-Key: {_KEY.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def accepted(head: bytes) -> bool:
    """Whether this answer to :func:`hello` switches, and without an extension.

    :raises FrameError: if it does not.
    """
    status, *lines = head.lower().split(b"\r\n")
    fields = dict(line.split(b":", 1) for line in lines if b":" in line)
    if not status.startswith(b"http/1.1 101 ") or b"sec-websocket-extensions" in fields:
        raise FrameError(f"asked for a WebSocket, it said {head[:120]!r}")
    return fields.get(b"sec-websocket-accept", b"").strip() == _ACCEPT.lower()


def frame(payload: bytes, *, opcode: int = TEXT, is_masked: bool = True) -> bytes:
    """One frame of at most 125 bytes, as a client sends it or, not masked, as a server does.

    :raises ValueError: if there are more.
    """
    if len(payload) > 125:
        raise ValueError("a short frame holds at most 125 bytes")
    if not is_masked:
        return bytes((opcode, len(payload))) + payload
    masked = bytes(each ^ _MASK[place % 4] for place, each in enumerate(payload))
    return bytes((opcode, 0x80 | len(payload))) + _MASK + masked


def frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The whole short frames of a server at the beginning of ``data``: opcode, payload, and where the next begins.

    :raises FrameError: if one of them is long or masked.
    """
    place = 0
    while len(data) >= place + 2:
        opcode, length = data[place], data[place + 1]
        if length > 125:
            raise FrameError(f"a frame of another kind than was asked for: {data[place : place + 20]!r}")
        if len(data) < place + 2 + length:
            return
        payload = data[place + 2 : place + 2 + length]
        place += 2 + length
        yield opcode, payload, place
