"""Messages out of frames (RFC 6455 5.4 to 5.6), checked as they come."""

from __future__ import annotations

import codecs
from typing import Any, NamedTuple

from duck_tx.websocket.deflate import Inflater
from duck_tx.websocket.frames import MAX_CONTROL, Code, Fault, Opcode
from duck_tx.websocket.masking import mask, turned

__all__ = ["Control", "MessageReader"]

_DECODER = codecs.getincrementaldecoder("utf-8")
_FIN = 0x80
_RSV1 = 0x40
_OTHER_RSV = 0x30
_MASKED = 0x80


class Control(NamedTuple):
    """A control frame."""

    opcode: int
    payload: bytes


class _Partial:
    """A message that has begun.

    :ivar body: what is there of it, without compression.
    :ivar coded: bytes that have come, with compression.
    :ivar in_frame: a frame of it has begun, of which ``left`` bytes are still to come.
    """

    __slots__ = ("body", "coded", "decoder", "final", "in_frame", "is_compressed", "is_text", "key", "left")

    def __init__(self, is_text: bool, is_compressed: bool) -> None:
        self.is_text = is_text
        self.is_compressed = is_compressed
        # A bytearray: a list of pieces as small as a client can make them would take forty times what they hold.
        self.body = bytearray()
        self.decoder: Any = None
        self.coded = 0
        self.in_frame = self.final = False
        self.left = 0
        self.key = b""


class MessageReader:
    """Reads what a client sends: bytes go in as they come, messages come out one by one.

    Nothing is decoded before it is asked for, so whoever does not ask holds no more than has come in.  For the rest of
    a message that is too long, or of a text that is not UTF-8, it does not wait.

    :param max_message: bytes of the longest message, without compression.
    :param inflater: for compressed ones, where these were agreed on.
    """

    __slots__ = ("_at", "_data", "_inflater", "_max", "_partial")

    def __init__(self, max_message: int, inflater: Inflater | None = None) -> None:
        self._max = max_message
        self._inflater = inflater
        self._data = b""
        self._at = 0
        self._partial: _Partial | None = None

    def feed(self, data: bytes) -> None:
        """The client has sent this."""
        if self._data:
            data = self._data[self._at :] + data
            self._at = 0
        self._data = data

    def read(self) -> str | bytes | Control | None:
        """The next message (a text as ``str``) or control frame; ``None`` if it has not all come.

        :raises Fault: for what ends the connection; nothing can be read then.
        """
        data = self._data
        if not data:
            return None
        # Nearly all are like this: whole, short, not compressed, and not between the parts of another.
        at = self._at
        first = data[at]
        if (first == 0x81 or first == 0x82) and self._partial is None and len(data) > at + 5:
            start = at + 6
            size = data[at + 1] - _MASKED
            end = start + size
            if 0 <= size <= MAX_CONTROL and end <= len(data) and size <= self._max:
                payload = mask(data[start:end], data[at + 2 : start])
                if end == len(data):
                    self._data, self._at = b"", 0
                else:
                    self._at = end
                return _text(payload) if first == 0x81 else payload
        return self._read_any()

    def drop(self) -> None:
        """Nothing more will be read: let go of what is here."""
        self._data, self._at = b"", 0
        self._partial = self._inflater = None

    def _taken(self, end: int) -> None:
        """All before ``end`` is read."""
        if end == len(self._data):
            self._data, self._at = b"", 0
        else:
            self._at = end

    def _read_any(self) -> str | bytes | Control | None:
        """The same for frames of all kinds."""
        while self._data:
            if self._partial is None or not self._partial.in_frame:
                control = self._read_head()
                if control is not None:
                    return control
            partial = self._partial
            if partial is None or not partial.in_frame:
                return None
            piece = self._take_piece(partial)
            ends = partial.final and not partial.left
            if partial.is_compressed:
                assert self._inflater is not None
                piece = self._inflater.inflate(piece, self._max - len(partial.body), ends)
            partial.in_frame = partial.left > 0
            if ends:
                self._partial = None
            if ends and not partial.body and partial.decoder is None:
                return _text(piece) if partial.is_text else piece
            partial.body += piece
            if partial.is_text:
                self._check(partial, piece, ends)
            if ends:
                return partial.body.decode() if partial.is_text else bytes(partial.body)
        return None

    def _read_head(self) -> Control | None:
        """Read the head of a frame, and all of a control frame, if it is there; begin a message, or go on with it."""
        data, at = self._data, self._at
        have = len(data) - at
        first = data[at]
        opcode = first & 0x0F
        self._check_first(first, opcode)
        if have < 2:
            return None
        if data[at + 1] < _MASKED:
            raise Fault(Code.PROTOCOL_ERROR, "a frame is not masked")
        size = data[at + 1] - _MASKED
        start = at + 2
        if opcode >= Opcode.CLOSE:
            if size > MAX_CONTROL:
                raise Fault(Code.PROTOCOL_ERROR, "a control frame is too long")
            end = start + 4 + size
            if end > len(data):
                return None
            self._taken(end)
            return Control(opcode, mask(data[start + 4 : end], data[start : start + 4]))
        if size > MAX_CONTROL:
            more = 2 if size == 126 else 8
            start += more
            if start > len(data):
                return None
            size = int.from_bytes(data[start - more : start], "big")
            if size >> 63 or size < (126 if more == 2 else 65_536):
                raise Fault(Code.PROTOCOL_ERROR, "the length of a frame is not as it should be")
        self._check_size(first, size)
        if start + 4 > len(data):
            return None
        partial = self._partial
        if partial is None:
            partial = self._partial = _Partial(opcode == Opcode.TEXT, first & _RSV1 != 0)
        partial.final = first >= _FIN
        partial.key = data[start : start + 4]
        partial.left = size
        partial.coded += size
        partial.in_frame = True
        self._at = start + 4
        return None

    def _check_first(self, first: int, opcode: int) -> None:
        """Judge the first byte of a frame."""
        complaint = ""
        if first & _OTHER_RSV:
            complaint = "a reserved bit is set"
        elif first & _RSV1 and (self._inflater is None or opcode not in (Opcode.TEXT, Opcode.BINARY)):
            complaint = "a frame says that it is compressed"
        elif opcode >= Opcode.CLOSE:
            if opcode > Opcode.PONG:
                complaint = "the opcode of a frame is unknown"
            elif first < _FIN:
                complaint = "a control frame is fragmented"
        elif opcode > Opcode.BINARY:
            complaint = "the opcode of a frame is unknown"
        elif opcode == Opcode.CONTINUATION:
            if self._partial is None:
                complaint = "a message goes on that has not begun"
        elif self._partial is not None:
            complaint = "a message begins before another has ended"
        if complaint:
            raise Fault(Code.PROTOCOL_ERROR, complaint)

    def _check_size(self, first: int, size: int) -> None:
        """Refuse a frame with which its message is too long, before it comes."""
        partial = self._partial
        most = self._max
        is_compressed = first & _RSV1 if partial is None else partial.is_compressed
        if is_compressed:
            # What cannot be compressed becomes a little longer; much longer is only what is to make work.
            most += (most >> 3) + 64
        if size + (0 if partial is None else partial.coded) > most:
            raise Fault(Code.TOO_BIG, "a message is too long")

    def _take_piece(self, partial: _Partial) -> bytes:
        """As much of a frame's payload as is there, unmasked."""
        data, at = self._data, self._at
        end = min(at + partial.left, len(data))
        piece = mask(data[at:end], partial.key)
        partial.left -= end - at
        partial.key = turned(partial.key, end - at)
        self._taken(end)
        return piece

    def _check(self, partial: _Partial, piece: bytes, ends: bool) -> None:
        """See whether a text is UTF-8 as far as it has come."""
        if partial.decoder is None:
            partial.decoder = _DECODER()
        try:
            partial.decoder.decode(piece, ends)
        except UnicodeDecodeError:
            raise Fault(Code.INVALID_DATA, "a text is not UTF-8") from None


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Fault(Code.INVALID_DATA, "a text is not UTF-8") from None
