"""Frames as clients send them, right and wrong, and those of a server read back."""

from __future__ import annotations

import zlib
from typing import NamedTuple

KEY = b"\x37\xfa\x21\x3d"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10


class Frame(NamedTuple):
    """``first`` is the first byte of a frame, with its bits."""

    first: int
    payload: bytes


def sent(first: int, payload: bytes = b"", key: bytes = KEY) -> bytes:
    """A frame of a client's, with its first byte as it is to be."""
    return head(first, len(payload)) + key + xored(payload, key)


def head(first: int, size: int, mask: int = 0x80) -> bytes:
    """The head of a frame, without the masking key."""
    if size < 126:
        return bytes((first, mask | size))
    if size < 65_536:
        return bytes((first, mask | 126)) + size.to_bytes(2, "big")
    return bytes((first, mask | 127)) + size.to_bytes(8, "big")


def xored(payload: bytes, key: bytes) -> bytes:
    """Masking, as the RFC has it: byte by byte."""
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def text(words: str | bytes, bits: int = FIN) -> bytes:
    return sent(bits | TEXT, words.encode() if isinstance(words, str) else words)


def binary(payload: bytes, bits: int = FIN) -> bytes:
    return sent(bits | BINARY, payload)


def more(payload: bytes, bits: int = 0) -> bytes:
    """A continuation, which is not the last."""
    return sent(bits | CONTINUATION, payload)


def last(payload: bytes) -> bytes:
    """The last continuation."""
    return more(payload, FIN)


def ping(payload: bytes = b"") -> bytes:
    return sent(FIN | PING, payload)


def pong(payload: bytes = b"") -> bytes:
    return sent(FIN | PONG, payload)


def close(code: int | None = 1000, reason: str | bytes = b"") -> bytes:
    words = reason.encode() if isinstance(reason, str) else reason
    return sent(FIN | CLOSE, b"" if code is None else code.to_bytes(2, "big") + words)


class ServerFrames:
    """Reads what a server sends.

    :ivar frames: so far, those that were compressed without that.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._data = b""
        self._zlib = zlib.decompressobj(-15)

    def feed(self, data: bytes) -> None:
        self._data += data
        while True:
            data = self._data
            if len(data) < 2:
                return
            assert data[1] < 128, "a server masks nothing"
            size, start = data[1], 2
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(data[2:start], "big")
            if len(data) < start + size:
                return
            payload = data[start : start + size]
            if data[0] & RSV1:
                payload = self._zlib.decompress(payload + b"\x00\x00\xff\xff")
            self.frames.append(Frame(data[0], payload))
            self._data = data[start + size :]

    @property
    def close_code(self) -> int | None:
        """That of the Close frame; 0 if it has none, ``None`` if there was no such frame."""
        for each in self.frames:
            if each.first == FIN | CLOSE:
                return int.from_bytes(each.payload[:2], "big")
        return None

    @property
    def close_reason(self) -> str:
        """That of the Close frame."""
        return next((each.payload[2:].decode() for each in self.frames if each.first == FIN | CLOSE), "")
