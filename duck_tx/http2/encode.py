"""Response heads as header blocks (HPACK, RFC 7541).

Nothing is put into the client's table, so a field is the same bytes on every connection, and the fields of an
application's responses, which recur, are encoded once.
"""

from __future__ import annotations

from hpack.table import HeaderTable

__all__ = ["EMPTY_TABLE", "encoded_fields", "encoded_length", "encoded_status"]

EMPTY_TABLE = b"\x20"
"""Says at the beginning of a block that the table shall have no room (6.3)."""

_NAMES: dict[bytes, int] = {}
for _index, (_name, _value) in enumerate(HeaderTable.STATIC_TABLE, 1):
    _NAMES.setdefault(_name, _index)
_FIELDS = {pair: index for index, pair in enumerate(HeaderTable.STATIC_TABLE, 1)}
_NEVER_KEPT = frozenset({b"set-cookie", b"authorization", b"proxy-authorization"})
_KEPT_AT_MOST = 1024
_KEPT_LENGTH = 2048
_statuses: dict[int, bytes] = {}
_blocks: dict[bytes, bytes] = {}
_lines: dict[bytes, bytes] = {}


def encoded_status(code: int) -> bytes:
    """The pseudo-header field of a response (RFC 9113 8.3.2)."""
    field = _statuses.get(code)
    if field is None:
        field = _statuses[code] = _field(b":status", b"%d" % code)
    return field


def encoded_length(length: int) -> bytes:
    """Content-Length."""
    digits = b"%d" % length
    return b"\x0f\x0d%c%b" % (len(digits), digits)


def encoded_fields(lines: bytes) -> bytes:
    """Fields out of lines of HTTP/1.1 (``Name: value`` and CR LF), which are known to be well-formed."""
    block = _blocks.get(lines)
    if block is None:
        block = b"".join(map(_encoded_line, lines.split(b"\r\n")[:-1]))
        if len(lines) <= _KEPT_LENGTH:
            if len(_blocks) >= _KEPT_AT_MOST:
                # Blocks with ever new values fill it; those that recur are soon back.
                _blocks.clear()
            _blocks[lines] = block
    return block


def _encoded_line(line: bytes) -> bytes:
    field = _lines.get(line)
    if field is None:
        name, _, value = line.partition(b":")
        field = _field(name.lower(), value.strip(b" \t"))
        if len(line) <= _KEPT_LENGTH:
            if len(_lines) >= _KEPT_AT_MOST:
                _lines.clear()
            _lines[line] = field
    return field


def _field(name: bytes, value: bytes) -> bytes:
    """A field as an index (6.1), or as a literal that enters no table: not this one's (6.2.2), or where it may be
    secret, none on the way (6.2.3, 7.1.3)."""
    index = _FIELDS.get((name, value))
    if index is not None:
        return _integer(index, 0x80, 0x7F)
    kept = 0x10 if name in _NEVER_KEPT else 0x00
    index = _NAMES.get(name, 0)
    start = _integer(index, kept, 0x0F)
    return start + _text(value) if index else start + _text(name) + _text(value)


def _text(text: bytes) -> bytes:
    # Not in Huffman code: that is a quarter shorter, but takes long for values that are ever new.
    return _integer(len(text), 0, 0x7F) + text


def _integer(value: int, pattern: int, mask: int) -> bytes:
    """An integer (5.1) behind the bits of ``pattern``."""
    if value < mask:
        return bytes((pattern | value,))
    octets = [pattern | mask]
    value -= mask
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
