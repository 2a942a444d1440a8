"""What a WebSocket that echoes must do with what a client sends: one row for each rule of RFC 6455 and 7692, or for
each case of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.unit.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    KEY,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Frame,
    binary,
    close,
    head,
    last,
    more,
    ping,
    pong,
    sent,
    text,
)

MAX_MESSAGE = 262_144
"""Bytes of the longest message that the echo takes."""

DEFLATE = b"permessage-deflate"


@dataclass(frozen=True)
class Row:
    """``sent`` is answered with ``frames``, and then with a Close frame with ``code``, or, where that is ``None``, a
    close of the client's is answered with the same.

    :ivar section: of RFC 6455, where the rule is; of RFC 7692 behind a ``d``.
    :ivar offer: of extensions.
    """

    section: str
    name: str
    sent: Sequence[bytes]
    frames: Sequence[Frame] = ()
    code: int | None = None
    offer: bytes = b""


def echoed(payload: bytes | str) -> Frame:
    """A message comes back: text for ``str``."""
    if isinstance(payload, str):
        return Frame(FIN | TEXT, payload.encode())
    return Frame(FIN | BINARY, payload)


def answered(payload: bytes = b"") -> Frame:
    """A ping is answered."""
    return Frame(FIN | PONG, payload)


def _lengths() -> Iterator[Row]:
    for size in (0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 1000, 65_535, 65_536, 131_071, MAX_MESSAGE):
        payload = bytes(range(256)) * (size // 256 + 1)
        words = ("duck" * (size // 4 + 1))[:size]
        yield Row("5.2", f"a message of {size} bytes", [binary(payload[:size])], [echoed(payload[:size])])
        yield Row("5.2", f"a text of {size} bytes", [text(words)], [echoed(words)])
    yield Row("5.2", "a length in two bytes that needs none", [b"\x82\xfe\x00\x7d" + KEY], code=1002)
    yield Row("5.2", "a length in eight bytes that needs two", [b"\x82\xff" + (65_535).to_bytes(8, "big")], code=1002)
    yield Row("5.2", "a length with its highest bit set", [b"\x82\xff" + (2**63).to_bytes(8, "big")], code=1002)
    yield Row("5.2", "the longest length there is", [b"\x82\xff" + (2**63 - 1).to_bytes(8, "big")], code=1009)
    yield Row("10.4", "a message one byte too long", [head(0x82, MAX_MESSAGE + 1)], code=1009)
    parts = [more(b"duck" * 1000, BINARY), *[more(b"duck" * 1000)] * (MAX_MESSAGE // 4000 + 1)]
    yield Row("10.4", "fragments that are too long together", parts, code=1009)


def _masks() -> Iterator[Row]:
    yield Row("5.3", "a mask of zeros", [sent(FIN | TEXT, b"duck", bytes(4))], [echoed("duck")])
    yield Row("5.3", "a mask of ones", [sent(FIN | TEXT, b"duck", b"\xff" * 4)], [echoed("duck")])
    for kind, first in (("text", FIN | TEXT), ("ping", FIN | PING), ("close", FIN | CLOSE)):
        yield Row("5.1", f"a {kind} without a mask", [bytes((first, 0))], code=1002)
    yield Row("5.1", "a continuation without a mask", [more(b"du", TEXT), b"\x80\x02ck"], code=1002)


def _bits() -> Iterator[Row]:
    for bits in (RSV1, RSV2, RSV3, RSV1 | RSV2, RSV2 | RSV3, RSV1 | RSV2 | RSV3):
        for kind, opcode in (("text", TEXT), ("message", BINARY), ("ping", PING), ("close", CLOSE)):
            yield Row("5.2", f"a {kind} with reserved bits {bits >> 4:03b}", [sent(FIN | bits | opcode)], code=1002)
    after = [text("duck"), sent(FIN | RSV3 | TEXT, b"duck"), text("duck")]
    yield Row("5.2", "a reserved bit after a message", after, [echoed("duck")], 1002)
    for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF):
        yield Row("5.2", f"opcode {opcode:x}", [sent(FIN | opcode)], code=1002)
        yield Row("5.2", f"opcode {opcode:x} within a message", [more(b"du", TEXT), sent(FIN | opcode)], code=1002)


def _fragments() -> Iterator[Row]:
    yield Row("5.4", "a text in two parts", [more(b"du", TEXT), last(b"ck")], [echoed("duck")])
    yield Row("5.4", "a message in two parts", [more(b"du", BINARY), last(b"ck")], [echoed(b"duck")])
    yield Row("5.4", "parts of nothing", [more(b"", TEXT), more(b""), last(b"")], [echoed("")])
    yield Row("5.4", "one part of three with something", [more(b"", TEXT), more(b"duck"), last(b"")], [echoed("duck")])
    many = [more(b"d", BINARY), *[more(b"d")] * 998, last(b"d")]
    yield Row("5.4", "a message in a thousand parts", many, [echoed(b"d" * 1000)])
    between = [more(b"du", TEXT), ping(b"1"), more(b"c"), pong(b"2"), ping(b"3"), last(b"k"), text("ling")]
    frames = [answered(b"1"), answered(b"3"), echoed("duck"), echoed("ling")]
    yield Row("5.4", "control frames between the parts", between, frames)
    yield Row("5.4", "a continuation of nothing", [more(b"duck"), text("duck")], code=1002)
    yield Row("5.4", "a last continuation of nothing", [last(b"duck"), text("duck")], code=1002)
    ended = [more(b"du", TEXT), last(b"ck"), last(b"!")]
    yield Row("5.4", "a continuation of what has ended", ended, [echoed("duck")], 1002)
    for kind, first in (("text", TEXT), ("message", BINARY)):
        begun = [more(b"du", TEXT), sent(FIN | first, b"ck")]
        yield Row("5.4", f"a {kind} between the parts of another", begun, code=1002)
        yield Row("5.4", f"parts of a {kind} between those of another", [begun[0], sent(first, b"ck")], code=1002)
    yield Row("5.4", "a close between the parts", [more(b"du", TEXT), close(1000), last(b"ck")], code=1000)


def _control() -> Iterator[Row]:
    for size in (0, 1, 124, 125):
        payload = bytes(range(size))
        yield Row("5.5.2", f"a ping with {size} bytes", [ping(payload)], [answered(payload)])
    several = [ping(b"%d" % number) for number in range(10)]
    yield Row("5.5.2", "ten pings", several, [answered(b"%d" % number) for number in range(10)])
    yield Row("5.5.3", "a pong that nobody asked for", [pong(b"duck"), ping(b"!")], [answered(b"!")])
    for kind, opcode in (("ping", PING), ("pong", PONG), ("close", CLOSE)):
        yield Row("5.5", f"a {kind} of 126 bytes", [sent(FIN | opcode, b"d" * 126)], code=1002)
        yield Row("5.5", f"a {kind} of 70,000 bytes", [head(FIN | opcode, 70_000)], code=1002)
        yield Row("5.5", f"a {kind} in parts", [sent(opcode, b"du"), sent(FIN | CONTINUATION, b"ck")], code=1002)


def _closes() -> Iterator[Row]:
    yield Row("5.5.1", "a close that says nothing", [close(None)], code=0)
    yield Row("5.5.1", "a close with half a code", [sent(FIN | CLOSE, b"\x03")], code=1002)
    yield Row("5.5.1", "a close with a reason", [close(1000, "the duck is gone ⛲")], code=1000)
    yield Row("5.5.1", "a close with the longest reason", [close(1000, "d" * 123)], code=1000)
    yield Row("5.5.1", "a close with a reason that is not UTF-8", [close(1000, b"\xce\xba\xe1\xbd")], code=1007)
    yield Row("5.5.1", "a close behind a message", [text("duck"), close(1000)], [echoed("duck")], 1000)
    yield Row("5.5.1", "a message behind a close", [close(1000), text("duck"), ping()], code=1000)
    yield Row("5.5.1", "two closes", [close(1000), close(1001)], code=1000)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield Row("7.4", f"code {code}", [close(code)], code=code)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65_535):
        yield Row("7.4", f"code {code} which nobody may send", [close(code)], code=1002)


_RIGHT = {
    "two bytes": "\u0080\u07ff",
    "three bytes": "\u0800\ud7ff\ue000\uffff",
    "four bytes": "\U00010000\U0010ffff",
    "no characters": "\ufdd0\ufffe\U0001fffe",
    "a byte order mark": "\ufeffduck",
    "the null character": "du\x00ck",
    "a sentence": "κόσμε: 鴨と 🦆",
}
_WRONG = {
    "a continuation byte alone": b"\x80",
    "continuation bytes alone": b"\xbf\xbf",
    "a byte that is never there": b"duck \xfe",
    "an overlong slash": b"\xc0\xaf",
    "an overlong three": b"\xe0\x80\xaf",
    "an overlong four": b"\xf0\x80\x80\xaf",
    "half a surrogate pair": b"duck \xed\xa0\x80",
    "a surrogate pair": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond the last character": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "a character without its end": b"duck \xf0\x9f\xa6",
    "a character broken by another": b"\xe2\x82d",
}


def _utf8() -> Iterator[Row]:
    for name, words in _RIGHT.items():
        coded = words.encode()
        yield Row("8.1", f"UTF-8: {name}", [text(words)], [echoed(words)])
        for at in range(1, len(coded)):
            parts = [more(coded[:at], TEXT), last(coded[at:])]
            yield Row("8.1", f"UTF-8: {name}, cut after {at}", parts, [echoed(words)])
    for name, coded in _WRONG.items():
        yield Row("8.1", f"not UTF-8: {name}", [text(coded)], code=1007)
        parts = [more(coded[:1], TEXT), *[more(coded[at : at + 1]) for at in range(1, len(coded))], last(b"")]
        yield Row("8.1", f"not UTF-8: {name}, byte by byte", parts, code=1007)
        yield Row("5.6", f"not UTF-8 but no text: {name}", [binary(coded)], [echoed(coded)])
    early = {"a wrong byte": b"duck \xff", "a surrogate": b"\xed\xa0\x80", "beyond the last": b"\xf4\x90"}
    for name, coded in early.items():
        yield Row("8.1", f"not UTF-8 before the end: {name}", [more(coded, TEXT)], code=1007)
        begun = head(FIN | TEXT, 1000) + bytes(4) + coded
        yield Row("8.1", f"not UTF-8 before the end of a frame: {name}", [begun], code=1007)


def deflated(payload: bytes, bits: int = 15) -> bytes:
    """A message as it is compressed."""
    compressor = zlib.compressobj(wbits=-bits)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _deflate() -> Iterator[Row]:
    def row(name: str, sent: Sequence[bytes], *frames: Frame, code: int | None = None, section: str = "d7.2.2") -> Row:
        return Row(section, name, sent, frames, code, DEFLATE)

    coded = deflated(b"duck")
    yield row("a compressed text", [text(coded, FIN | RSV1)], echoed("duck"))
    yield row("a compressed message", [binary(coded, FIN | RSV1)], echoed(b"duck"))
    yield row("a text that is not compressed", [text("duck")], echoed("duck"))
    yield row("the example of the RFC", [text(b"\xf2\x48\xcd\xc9\xc9\x07\x00", FIN | RSV1)], echoed("Hello"))
    shared = [text(b"\xf2\x48\xcd\xc9\xc9\x07\x00", FIN | RSV1), text(b"\xf2\x00\x11\x00\x00", FIN | RSV1)]
    yield row("a text that refers to the one before", shared, echoed("Hello"), echoed("Hello"), section="d7.2.3.2")
    stored = text(b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", FIN | RSV1)
    yield row("a block that is not compressed", [stored], echoed("Hello"), section="d7.2.3.3")
    final = text(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", FIN | RSV1)
    yield row("a final block", [final, final], echoed("Hello"), echoed("Hello"), section="d7.2.3.4")
    blocks = text(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", FIN | RSV1)
    yield row("two blocks", [blocks], echoed("Hello"), section="d7.2.3.5")
    yield row("nothing, compressed", [text(b"\x00", FIN | RSV1)], echoed(""))
    parts = [text(coded[:2], RSV1), ping(), *[more(coded[at : at + 1]) for at in range(2, len(coded))], last(b"")]
    yield row("a compressed text in parts", parts, answered(), echoed("duck"))
    yield row(
        "a continuation that is compressed", [more(b"du", TEXT), sent(FIN | RSV1 | CONTINUATION, b"ck")], code=1002
    )
    yield row("a ping that is compressed", [sent(FIN | RSV1 | PING)], code=1002, section="d6")
    yield row("another reserved bit", [sent(FIN | RSV2 | TEXT)], code=1002, section="d6")
    yield row("what is not compressed, though it says so", [text(b"duck", FIN | RSV1)], code=1007)
    yield row("a compressed text that is not UTF-8", [text(deflated(b"\xed\xa0\x80"), FIN | RSV1)], code=1007)
    whole = deflated(bytes(MAX_MESSAGE))
    yield row("as much as there may be", [binary(whole, FIN | RSV1)], echoed(bytes(MAX_MESSAGE)))
    bomb = deflated(bytes(256 * MAX_MESSAGE))
    yield row("a thousand times as much", [binary(bomb, FIN | RSV1)], code=1009)
    nothing = b"\x00\x00\x00\xff\xff" * 1000
    empty = [binary(nothing, RSV1), *[more(nothing)] * (MAX_MESSAGE // 4000)]
    yield row("blocks of nothing without end", empty, code=1009)
    behind = deflated(b"duck") + b"\x03\x00" + b"duck"
    yield row("something behind a final block", [text(behind, FIN | RSV1)], code=1007)


ROWS: Sequence[Row] = (
    *_lengths(),
    *_masks(),
    *_bits(),
    *_fragments(),
    *_control(),
    *_closes(),
    *_utf8(),
    *_deflate(),
)
