"""Header blocks as received (HPACK, RFC 7541), decoded into fields that are judged once.

A client sends most fields once in full and then refers to them, so the table keeps what was found out about each.  The
static table and the Huffman code come from the ``hpack`` library; its own ``Decoder`` takes several times as long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from duck_tx.http2.errors import ConnectionFault, ErrorCode

__all__ = ["BlockDecoder", "Field"]

_TABLE_SIZE = 4096
"""SETTINGS_HEADER_TABLE_SIZE where nobody has said another (RFC 9113 6.5.2)."""

_OVERHEAD = 32
_STATIC = len(HeaderTable.STATIC_TABLE)
_INTEGER_BYTES = 4
_KEPT_AT_MOST = 4096
_KEPT_LENGTH = 128
_texts: dict[bytes, bytes] = {}


class Field(NamedTuple):
    """A field and what is known of it.

    :ivar pair: name and value.
    :ivar kind: what whoever judges fields makes of it.
    :ivar size: bytes, as HPACK counts them (RFC 7541 4.1).
    """

    pair: tuple[bytes, bytes]
    kind: int
    size: int


class BlockDecoder:
    """The decoding half of a connection's HPACK context.

    :param judge: what a field is, by name and value; asked once for each literal.
    """

    def __init__(self, judge: Callable[[bytes, bytes], int]) -> None:
        self._judge = judge
        self._static = _static_fields(judge)
        self._dynamic: deque[Field] = deque()
        self._size = 0
        self._limit = _TABLE_SIZE

    def decode(self, block: bytes, limit: int) -> tuple[list[Field], bool]:
        """The fields of a whole block, and whether they are all: those beyond ``limit`` bytes (as HPACK counts) are
        left out, but change the table as they should.

        :raises ConnectionFault: COMPRESSION_ERROR; nothing can be decoded after that.
        """
        fields: list[Field] = []
        static, dynamic = self._static, self._dynamic
        at, end = 0, len(block)
        total = 0
        try:
            while at < end:
                first = block[at]
                if first >= 0x80:
                    # The most frequent by far: one byte that stands for a field (6.1).
                    if first != 0xFF:
                        index = first & 0x7F
                        at += 1
                    else:
                        index, at = _integer(block, at, 0x7F)
                    if index <= _STATIC:
                        if not index:
                            raise _fault("index 0")
                        field = static[index]
                    else:
                        field = dynamic[index - _STATIC - 1]
                elif first & 0x60 == 0x20:
                    if total:
                        raise _fault("a table size update behind a field")
                    size, at = _integer(block, at, 0x1F)
                    self._resize(size)
                    continue
                else:
                    field, at = self._literal(block, at, first)
                total += field.size
                if total <= limit:
                    fields.append(field)
        except IndexError:
            # Bytes that are not there, or an index beyond the table.
            raise _fault("an index beyond the table, or a block that ends early") from None
        return fields, total <= limit

    def _literal(self, block: bytes, at: int, first: int) -> tuple[Field, int]:
        """A field that is spelled out, at least its value (6.2)."""
        indexed = first & 0x40
        index, at = _integer(block, at, 0x3F if indexed else 0x0F)
        if index > _STATIC:
            name = self._dynamic[index - _STATIC - 1].pair[0]
        elif index:
            name = self._static[index].pair[0]
        else:
            name, at = _text(block, at)
        value, at = _text(block, at)
        field = Field((name, value), self._judge(name, value), len(name) + len(value) + _OVERHEAD)
        if indexed:
            # In this order, also where the field is larger than the whole table (4.4).
            self._size += field.size
            self._dynamic.appendleft(field)
            if self._size > self._limit:
                self._evict()
        return field, at

    def _resize(self, size: int) -> None:
        if size > _TABLE_SIZE:
            raise _fault("a table larger than allowed")
        self._limit = size
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            self._size -= self._dynamic.pop().size


def _fault(reason: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, reason)


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """An integer (5.1), and where it ends; ``mask`` covers its prefix."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, 7 * _INTEGER_BYTES, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _fault("an integer that is too long")


def _text(block: bytes, at: int) -> tuple[bytes, int]:
    """A string literal (5.2), and where it ends."""
    coded = block[at] & 0x80
    length, at = _integer(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise _fault("a string that ends early")
    text = block[at:end]
    if coded:
        known = _texts.get(text)
        return (_decoded(text) if known is None else known), end
    return text, end


def _decoded(coded: bytes) -> bytes:
    """A string out of its Huffman code.  Clients send the same few, and to decode one takes long."""
    try:
        text = bytes(decode_huffman(coded))
    except HPACKDecodingError as error:
        raise _fault("a string in broken Huffman code") from error
    if len(coded) <= _KEPT_LENGTH:
        if len(_texts) >= _KEPT_AT_MOST:
            # Ever new strings fill it; those that recur are soon back.
            _texts.clear()
        _texts[coded] = text
    return text


def _static_fields(judge: Callable[[bytes, bytes], int]) -> list[Field]:
    """The static table (RFC 7541 A), counted from 1."""
    entries = ((b"", b""), *HeaderTable.STATIC_TABLE)
    return [Field(pair, judge(*pair), len(pair[0]) + len(pair[1]) + _OVERHEAD) for pair in entries]
