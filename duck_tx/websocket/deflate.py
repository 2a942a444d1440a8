"""Per-message deflate (RFC 7692): what is agreed on, and the two halves of the coding.

zlib's objects, which take some 10 to 150 KiB each, are made when the first message needs them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from duck_tx.websocket.frames import Code, Fault
from duck_tx.websocket.limits import WebSocketLimits

if TYPE_CHECKING:
    from duck_tx.websocket.fields import Extension

__all__ = ["NAME", "Agreement", "Deflater", "Inflater", "agree"]

NAME = b"permessage-deflate"

_TAIL = b"\x00\x00\xff\xff"
"""What each message ends with that its sender leaves out (7.2.1)."""

_BITS = re.compile(rb"[89]|1[0-5]")
_MOST_BITS = 15
_LEAST_BITS = 9
"""zlib makes no smaller window."""

_MEMORY = 5
"""zlib's ``memLevel``: 16 KiB for a compressor beside its window, an eighth of the default's; messages become a few
percent longer."""

_SWITCHES = frozenset({b"server_no_context_takeover", b"client_no_context_takeover"})
_SIZES = frozenset({b"server_max_window_bits", b"client_max_window_bits"})


class Agreement(NamedTuple):
    """How messages are compressed in either direction: the window (base-2 logarithm of its bytes), and whether it is
    kept from one message to the next.

    ``answer`` is what the client is told in ``Sec-WebSocket-Extensions``.
    """

    server_bits: int
    server_takeover: bool
    client_bits: int
    client_takeover: bool
    answer: bytes


def agree(offers: Iterable[Extension], limits: WebSocketLimits) -> Agreement | None:
    """Take the first of a client's offers that can be taken (7.1); ``None`` if there is none."""
    if limits.compression:
        for offer in offers:
            if offer.name == NAME:
                agreement = _agree(offer.parameters, limits)
                if agreement is not None:
                    return agreement
    return None


def _agree(parameters: Sequence[tuple[bytes, bytes | None]], limits: WebSocketLimits) -> Agreement | None:
    """Take an offer, or decline it for a parameter that is unknown, wrong, repeated, or cannot be fulfilled."""
    given: dict[bytes, bytes | None] = {}
    for name, value in parameters:
        is_right = value is None if name in _SWITCHES else name in _SIZES and _is_size(name, value)
        if name in given or not is_right:
            return None
        given[name] = value
    answer = [NAME]
    takes_over = limits.compression_takeover
    server_takeover = takes_over and b"server_no_context_takeover" not in given
    client_takeover = takes_over and b"client_no_context_takeover" not in given
    if not server_takeover:
        answer.append(b"server_no_context_takeover")
    if not client_takeover:
        answer.append(b"client_no_context_takeover")
    server_bits, client_bits = limits.compression_window, _MOST_BITS
    if b"server_max_window_bits" in given:
        server_bits = min(server_bits, int(given[b"server_max_window_bits"] or _MOST_BITS))
        if server_bits < _LEAST_BITS:
            return None
        answer.append(b"server_max_window_bits=%d" % server_bits)
    if b"client_max_window_bits" in given:
        # Only a client that offers it can keep to less than the most.
        client_bits = min(limits.compression_window, int(given[b"client_max_window_bits"] or _MOST_BITS))
        answer.append(b"client_max_window_bits=%d" % client_bits)
    return Agreement(server_bits, server_takeover, client_bits, client_takeover, b"; ".join(answer))


def _is_size(name: bytes, value: bytes | None) -> bool:
    if value is None:
        return name == b"client_max_window_bits"
    return _BITS.fullmatch(value) is not None


class Inflater:
    """Takes the compression off what the client sends.

    :param bits: the client's window.
    :param takeover: it is kept from one message to the next.
    """

    __slots__ = ("_bits", "_takeover", "_zlib")

    def __init__(self, bits: int, takeover: bool) -> None:
        self._bits = max(bits, _LEAST_BITS)
        self._takeover = takeover
        self._zlib: Any = None

    def inflate(self, data: bytes, room: int, last: bool) -> bytes:
        """A further piece of a message; ``last``: it is the last one.

        No more than ``room`` bytes are ever made of it, and one to see that it is too much.

        :raises Fault: 1009 if it is more, 1007 if it is not compressed as it should be.
        """
        decompressor = self._zlib
        if decompressor is None:
            decompressor = self._zlib = zlib.decompressobj(-self._bits)
        try:
            piece: bytes = decompressor.decompress(data + _TAIL if last else data, room + 1)
        except zlib.error:
            raise Fault(Code.INVALID_DATA, "a message is not compressed as it should be") from None
        if len(piece) > room:
            raise Fault(Code.TOO_BIG, "a message is too long")
        if decompressor.eof:
            self._check_end(decompressor.unused_data)
        if last and (not self._takeover or decompressor.eof):
            self._zlib = None
        return piece

    def _check_end(self, rest: bytes) -> None:
        """After a final block (7.2.3.4) there may be what makes the end look as that of other messages, and no more.

        zlib forgets its window there. A client that goes on to refer to it is refused with its next message; none is
        known that ends a message so.
        """
        if not (b"\0" + _TAIL).startswith(rest) and rest != _TAIL:
            raise Fault(Code.INVALID_DATA, "a message is not compressed as it should be")


class Deflater:
    """Compresses what is sent.

    :param bits: the window.
    :param takeover: it is kept from one message to the next.
    """

    __slots__ = ("_bits", "_takeover", "_zlib")

    def __init__(self, bits: int, takeover: bool) -> None:
        self._bits = bits
        self._takeover = takeover
        self._zlib: Any = None

    def deflate(self, message: bytes) -> bytes:
        """A whole message, compressed."""
        compressor = self._zlib
        if compressor is None:
            compressor = zlib.compressobj(wbits=-self._bits, memLevel=_MEMORY)
            if self._takeover:
                self._zlib = compressor
        coded: bytes = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return coded[: -len(_TAIL)]
