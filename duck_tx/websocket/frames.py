"""Frames and their parts (RFC 6455 5), as plain values."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "ABNORMAL",
    "MAX_CONTROL",
    "NO_CODE",
    "Closing",
    "Code",
    "Fault",
    "Opcode",
    "close_payload",
    "closing",
    "frame",
    "is_code",
]

MAX_CONTROL = 125
"""Most bytes in a control frame (5.5)."""

_LONGEST_REASON = MAX_CONTROL - 2
_WITHOUT_WIRE = frozenset({1004, 1005, 1006, 1015})


class Opcode:
    """What a frame holds (11.8); plain numbers, as each frame asks."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Code:
    """Why a WebSocket is closed, as far as this server says so by itself (7.4.1 and its registry)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_DATA = 1007
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013


NO_CODE = 1005
"""Stands for a close without a code; never on the wire."""

ABNORMAL = 1006
"""Stands for the end of a connection without a close; never on the wire."""


class Fault(Exception):
    """What the client did ends its WebSocket.

    :ivar code: the one to close with.
    :ivar reason: what it did, in ASCII.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Closing(NamedTuple):
    """What a Close frame says; ``code`` is :data:`NO_CODE` where it says nothing."""

    code: int
    reason: str


_SHORT = {
    first: tuple(bytes((first, size)) for size in range(MAX_CONTROL + 1))
    for first in (0x81, 0x82, 0x88, 0x89, 0x8A, 0xC1, 0xC2)
}
"""Whole heads of short frames, by their first byte and the size of the payload."""


def frame(first: int, payload: bytes) -> bytes:
    """A whole frame without a mask, as servers send them (5.1 and 5.2).

    :param first: its first byte: a whole message or control frame, perhaps compressed.
    """
    size = len(payload)
    if size <= MAX_CONTROL:
        return _SHORT[first][size] + payload
    if size < 65_536:
        return b"%c\x7e%b%b" % (first, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (first, size.to_bytes(8, "big"), payload)


def is_code(code: int) -> bool:
    """Whether a Close frame may carry this code (7.4): registered ones, those of libraries and of applications."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in _WITHOUT_WIRE)


def close_payload(code: int, reason: str = "") -> bytes:
    """What a Close frame holds (5.5.1); a reason that is too long is shortened.

    :raises ValueError: for a code that may not be sent; :data:`NO_CODE` gives a payload without one.
    """
    if code == NO_CODE:
        return b""
    if not is_code(code):
        raise ValueError(
            f"{code} is no code to close a WebSocket with: 1000 to 1014 without 1004 to 1006, 3000 to 4999"
        )
    text = reason.encode("utf-8", "replace")
    if len(text) > _LONGEST_REASON:
        text = text[:_LONGEST_REASON].decode("utf-8", "ignore").encode()
    return code.to_bytes(2, "big") + text


def closing(payload: bytes) -> Closing:
    """Read what a Close frame holds.

    :raises Fault: 1002 for half a code or one that must not be sent, 1007 for a reason that is not UTF-8.
    """
    if not payload:
        return Closing(NO_CODE, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not is_code(code):
        raise Fault(Code.PROTOCOL_ERROR, "the code of the close is not valid")
    try:
        return Closing(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise Fault(Code.INVALID_DATA, "the reason of the close is not UTF-8") from None
