"""Frames on the wire (RFC 9113 4 and 6): their layout, and what is wrong with one by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from duck_tx.http2.errors import ConnectionFault, ErrorCode

__all__ = [
    "HEADER", "MAX_FRAME", "MAX_WINDOW", "PREFACE", "Flag", "FrameType", "Setting", "checked_setting", "frame",
    "goaway", "header_block", "headers", "number", "rst_stream", "settings", "settings_in", "unpadded", "window_update",
]  # fmt: skip

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (3.4)."""

MAX_FRAME = 16_384
"""Bytes of payload, the least that every peer takes, and the most that is sent or taken here."""

MAX_WINDOW = 2**31 - 1

HEADER = Struct(">LBL")
"""The nine bytes before each payload (4.1): its length and the type in one number, flags, stream."""

_PRIORITY = 5
_NUMBER = Struct(">L")
_TWO_NUMBERS = Struct(">LL")
_SETTING = Struct(">HL")


class FrameType:
    """Frame types; plain numbers, as each frame is asked."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


class Flag:
    """Frame flags; what each means depends on the type."""

    END_STREAM = 0x01
    ACK = 0x01
    END_HEADERS = 0x04
    PADDED = 0x08
    PRIORITY = 0x20


class Setting:
    """Settings (6.5.2; 0x8 is RFC 8441 3, 0x9 is RFC 9218 2.1)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8
    NO_RFC7540_PRIORITIES = 0x9


_SWITCHES = (Setting.ENABLE_PUSH, Setting.ENABLE_CONNECT_PROTOCOL, Setting.NO_RFC7540_PRIORITIES)

# To be sent.


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame of any type."""
    return HEADER.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def headers(stream_id: int, block: bytes, *, end_stream: bool) -> bytes:
    """A header block in one HEADERS frame and, if it is long, CONTINUATION frames."""
    flags = Flag.END_STREAM if end_stream else 0
    if len(block) <= MAX_FRAME:
        return HEADER.pack(len(block) << 8 | FrameType.HEADERS, flags | Flag.END_HEADERS, stream_id) + block
    frames = [frame(FrameType.HEADERS, flags, stream_id, block[:MAX_FRAME])]
    for start in range(MAX_FRAME, len(block), MAX_FRAME):
        last = Flag.END_HEADERS if start + MAX_FRAME >= len(block) else 0
        frames.append(frame(FrameType.CONTINUATION, last, stream_id, block[start : start + MAX_FRAME]))
    return b"".join(frames)


def settings(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(FrameType.SETTINGS, 0, 0, b"".join(_SETTING.pack(*each) for each in values.items()))


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(FrameType.RST_STREAM, 0, stream_id, _NUMBER.pack(code))


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(FrameType.WINDOW_UPDATE, 0, stream_id, _NUMBER.pack(increment))


def goaway(last_stream_id: int, code: ErrorCode, reason: str = "") -> bytes:
    """A GOAWAY frame; ``reason`` becomes its debug data."""
    payload = _TWO_NUMBERS.pack(last_stream_id, code) + reason.encode("ascii", "backslashreplace")
    return frame(FrameType.GOAWAY, 0, 0, payload)


# As received.


def unpadded(payload: bytes) -> bytes:
    """What a padded frame holds (6.1).

    :raises ConnectionFault: PROTOCOL_ERROR if the padding is longer than the frame, FRAME_SIZE_ERROR if there is no
        room for its length.
    """
    if not payload:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without the length of its padding")
    padding = payload[0]
    if padding >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - padding]


def header_block(flags: int, payload: bytes) -> bytes:
    """The part of a header block that a HEADERS frame holds (6.2); its priority is of no interest here.

    :raises ConnectionFault: PROTOCOL_ERROR or FRAME_SIZE_ERROR.
    """
    padded = len(payload)
    if flags & Flag.PADDED:
        payload = unpadded(payload)
    if flags & Flag.PRIORITY:
        if len(payload) < _PRIORITY:
            # There would have been room, had it not been filled with padding.
            code = ErrorCode.PROTOCOL_ERROR if padded > _PRIORITY else ErrorCode.FRAME_SIZE_ERROR
            raise ConnectionFault(code, "HEADERS without room for its priority")
        payload = payload[_PRIORITY:]
    return payload


def number(payload: bytes) -> int:
    """The one 32-bit number that a RST_STREAM or WINDOW_UPDATE frame holds (6.4, 6.9).

    :raises ConnectionFault: FRAME_SIZE_ERROR.
    """
    if len(payload) != 4:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame that holds one number is four bytes long")
    found: int = _NUMBER.unpack(payload)[0]
    return found


def settings_in(payload: bytes) -> Iterable[tuple[int, int]]:
    """The settings of a frame in their order (6.5).

    :raises ConnectionFault: FRAME_SIZE_ERROR.
    """
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS with a part of a setting")
    found: Iterable[tuple[int, int]] = _SETTING.iter_unpack(payload)
    return found


def checked_setting(identifier: int, value: int) -> None:
    """Judge the value of a setting by itself (6.5.2).

    :raises ConnectionFault: PROTOCOL_ERROR or FLOW_CONTROL_ERROR.
    """
    if identifier == Setting.INITIAL_WINDOW_SIZE:
        if value > MAX_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is too large")
    elif identifier == Setting.MAX_FRAME_SIZE:
        if not MAX_FRAME <= value < 2**24:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of bounds")
    elif identifier in _SWITCHES and value > 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a setting is neither 0 nor 1")
