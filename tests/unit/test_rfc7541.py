"""RFC 7541: field blocks that cannot be decoded, and the table that both sides have to keep in step."""

from __future__ import annotations

import tracemalloc

from tests.unit.http2_case import Http2Case, rows
from tests.unit.http2_frames import (
    LARGEST,
    Code,
    Field,
    Setting,
    asked,
    block,
    continuation,
    data,
    headers,
    integer,
    post,
    request,
    reset,
    string,
    window_update,
)
from tests.unit.http2_outcome import COMPRESSION_ERROR, Row, answered, ended, row, was_reset

GET = block(*asked())
INDEXED = b"\x82\x87\x01" + string(b"duck.example") + b"\x04" + string(b"/hello")
"""``GET`` with what the static table has."""

NEWEST = b"\xbe"
"""The field that the dynamic table took in last (6.1, index 62)."""

MORE = 0x40
"""A literal that the dynamic table takes in (6.2.1)."""


def kept(name: bytes, value: bytes) -> bytes:
    """A literal that the dynamic table takes in."""
    return b"\x40" + string(name) + string(value)


def resize(size: int) -> bytes:
    """The instruction for another size of the dynamic table (6.3)."""
    return integer(size, 5, 0x20)


def wrong(section: str, name: str, fragment: bytes, *before: bytes) -> Row:
    """A block for a new stream that cannot be decoded."""
    return row(section, name, [*before, headers(3, fragment)], COMPRESSION_ERROR)


def right(section: str, name: str, fragment: bytes, *before: bytes) -> Row:
    return row(section, name, [*before, headers(3, fragment)], answered(3, 200))


def huffman(octets: bytes) -> bytes:
    """A literal field whose value is these bytes, said to be of Huffman's code."""
    return b"\0" + string(b"x") + integer(len(octets), 7, 0x80) + octets


INDICES = [
    wrong("6.1", "the index 0", GET + b"\x80"),
    wrong("6.1", "nothing but the index 0", b"\x80"),
    wrong("2.3.3", "an index of an empty dynamic table", GET + NEWEST),
    wrong("2.3.3", "an index far beyond the tables", GET + integer(2**20, 7, 0x80)),
    wrong("2.3.3", "an index beyond what was taken in", GET + integer(63, 7, 0x80), headers(1, GET + kept(b"x", b"y"))),
    wrong("2.3.3", "a name's index beyond the tables, to be taken in", GET + integer(62, 6, 0x40) + string(b"a")),
    wrong("2.3.3", "a name's index beyond the tables, not to be taken in", GET + integer(62, 4) + string(b"a")),
    wrong("2.3.3", "a name's index beyond the tables, never to be taken in", GET + integer(62, 4, 16) + string(b"a")),
    right("6.1", "indices of the static table", INDEXED),
    right("6.1", "the last index of the static table", INDEXED + b"\xbd"),
    right("6.2.3", "a literal never to be taken in", GET + b"\x10" + string(b"x") + string(b"y")),
    wrong("6.2.3", "an index of what was never to be taken in", GET + NEWEST, headers(1, GET + b"\x10\1x\1y")),
    wrong("6.2.2", "an index of what was not to be taken in", GET + NEWEST, headers(1, GET)),
]

INTEGERS = [
    wrong("5.1", "an index that is cut off", GET + b"\xff"),
    wrong("5.1", "an index that is cut off later", GET + b"\xff\x80\x80"),
    wrong("5.1", "an index beyond 64 bits", GET + b"\xff" + b"\xff" * 10 + b"\x01"),
    wrong("5.1", "an index of a thousand bytes", GET + b"\xff" + b"\xff" * 1000 + b"\0"),
    wrong("5.1", "a length of a thousand bytes that come to little", GET + b"\0\x7f" + b"\x80" * 1000 + b"\0"),
    wrong("5.1", "a length beyond 32 bits", GET + b"\0" + integer(2**40, 7) + b"x"),
    wrong("5.1", "a length that is cut off", GET + b"\0\x7f"),
    wrong("5.1", "a size that is cut off", b"\x3f"),
    wrong("5.1", "a size beyond 64 bits", b"\x3f" + b"\xff" * 10 + b"\x01" + GET),
    right("5.1", "a length in two bytes", GET + b"\0" + string(b"x") + string(b"a" * 200)),
    right("5.1", "a length with a byte of nothing but its flag", GET + b"\0" + string(b"x") + string(b"a" * 383)),
    right("5.1", "a length in three bytes", GET + b"\0" + string(b"x") + string(b"a" * 2000)),
]

STRINGS = [
    wrong("5.2", "a literal without a name", GET + b"\0"),
    wrong("5.2", "a name that is cut off", GET + b"\0\x05du"),
    wrong("5.2", "a literal without a value", GET + b"\0" + string(b"x")),
    wrong("5.2", "a value that is cut off", GET + b"\0" + string(b"x") + b"\x05duck"),
    wrong("5.2", "a value that should fill the memory", GET + b"\0" + string(b"x") + integer(2**30, 7) + b"duck"),
    wrong("5.2", "a value that is cut off in a name of the table", GET + b"\x04\x7f"),
    wrong("5.2", "a coded value that is cut off", GET + b"\0" + string(b"x") + b"\x85\x1f"),
    wrong("5.2", "the end of Huffman's code", GET + huffman(b"\xff\xff\xff\xff")),
    wrong("5.2", "the end of Huffman's code after a letter", GET + huffman(b"\x1f\xff\xff\xff\xff")),
    wrong("5.2", "padding of 8 bits", GET + huffman(b"\xff")),
    wrong("5.2", "padding of 11 bits", GET + huffman(b"\x1f\xff")),
    wrong("5.2", "padding of zeros", GET + huffman(b"\x18")),
    wrong("5.2", "padding that is not all ones", GET + huffman(b"\x1e")),
    wrong("5.2", "padding of 11 bits in a name", GET + b"\0\x82\x1f\xff" + string(b"y")),
    right("5.2", "padding of 3 bits", GET + huffman(b"\x1f")),
    right("5.2", "padding of 7 bits", GET + huffman(b"\x18\xc6\x31\xff")),
    right("5.2", "Huffman's code of nothing", GET + huffman(b"")),
]

_FILLED = headers(1, GET + kept(b"x-duck", b"a" * 4000))

SIZES = [
    wrong("6.3", "a size far above the limit", resize(2**24) + GET),
    wrong("6.3", "a size after a field", GET + resize(0)),
    wrong("6.3", "a size between fields", INDEXED[:2] + resize(4096) + INDEXED[2:]),
    wrong("6.3", "a size in the middle of what is taken in", kept(b"x", b"y") + resize(0) + GET),
    right("6.3", "a size of nothing", resize(0) + GET),
    right("6.3", "the greatest size", resize(4096) + GET),
    right("4.2", "a size of nothing and back", resize(0) + resize(4096) + GET),
    wrong("4.3", "an index of what a size of nothing has removed", resize(0) + GET + NEWEST, _FILLED),
    wrong("4.3", "an index of what a change of size has removed", resize(0) + resize(4096) + GET + NEWEST, _FILLED),
    wrong("4.3", "an index of what a smaller size has removed", resize(4000) + GET + NEWEST, _FILLED),
    right("4.3", "an index of what just fits a smaller size", resize(4038) + GET + NEWEST, _FILLED),
    wrong("4.3", "an index of what a smaller size has no room for", resize(4037) + GET + NEWEST, _FILLED),
    right("4.3", "an index of what a smaller size has left", resize(4060) + GET + NEWEST, _FILLED),
]

TABLE = [
    right("2.3.2", "a field that was taken in", GET + NEWEST, headers(1, GET + kept(b"x-duck", b"1"))),
    right("2.3.2", "a field that was taken in by the same block", GET + kept(b"x-duck", b"1") + NEWEST),
    right("2.3.2", "the same field twice in the table", GET + NEWEST + b"\xbf",
          headers(1, GET + kept(b"x-duck", b"1") * 2)),
    right("6.2.1", "a name that was taken in", GET + b"\x7e" + string(b"2"), headers(1, GET + kept(b"x-duck", b"1"))),
    wrong("4.4", "an index of what had to go", GET + integer(63, 7, 0x80), _FILLED,
          headers(5, GET + kept(b"x", b"a" * 200))),
    right("4.4", "a name whose own entry has to go", GET + b"\x7e" + string(b"b" * 2000), _FILLED),
    right("4.4", "a field that is larger than the table", GET + kept(b"x-duck", b"a" * 5000)),
    wrong("4.4", "an index after a field that is larger than the table", GET + NEWEST, _FILLED,
          headers(5, GET + kept(b"x", b"a" * 5000))),
    wrong("4.1", "an index of a field that is as large as the table and one more", GET + NEWEST,
          headers(1, GET + kept(b"x", b"a" * (4096 - 32)))),
    right("4.1", "an index of a field that is just as large as the table", GET + NEWEST,
          headers(1, GET + kept(b"x", b"a" * (4096 - 33)))),
]  # fmt: skip

# What stands between a stream and its fields must not keep them from the table (RFC 9113 4.3).
_TAKEN = kept(b"x-duck", b"1")
DISCARDED = [
    row("RFC 9113 4.3", "a field taken in by trailers",
        [post(1), headers(1, _TAKEN), headers(3, GET + NEWEST)], answered(3, 200)),
    row("RFC 9113 4.3", "a field taken in by a malformed request",
        [headers(1, GET + b"\0\1X\1y" + _TAKEN), headers(3, GET + NEWEST)], was_reset(1, Code.PROTOCOL_ERROR)),
    row("RFC 9113 4.3", "a field taken in by what comes for a stream that was reset",
        [post(1), window_update(1, 0), headers(1, _TAKEN), headers(3, GET + NEWEST)],
        was_reset(1, Code.PROTOCOL_ERROR)),
    row("RFC 9113 4.3", "a field taken in by what comes for a stream that is half-closed",
        [request(1, b"/wait"), headers(1, _TAKEN), headers(3, GET + NEWEST)], was_reset(1, Code.STREAM_CLOSED)),
    row("RFC 9113 4.3", "nonsense in trailers", [post(1), headers(1, b"\x80")], COMPRESSION_ERROR),
    row("RFC 9113 4.3", "nonsense for a stream that was reset",
        [post(1), window_update(1, 0), headers(1, b"\x80")], COMPRESSION_ERROR),
    row("RFC 9113 4.3", "nonsense for a stream that is half-closed",
        [request(1, b"/wait"), headers(1, b"\x80")], COMPRESSION_ERROR),
    row("RFC 9113 4.3", "a block that ends within a field", [headers(1, GET[:-3])], COMPRESSION_ERROR),
    row("RFC 9113 4.3", "a block that ends within a field after CONTINUATION",
        [headers(1, GET[:9], whole=False), continuation(1, GET[9:-3])], COMPRESSION_ERROR),
    row("RFC 9113 4.3", "nonsense in CONTINUATION",
        [headers(1, GET[:9], whole=False), continuation(1, GET[9:] + b"\x80")], COMPRESSION_ERROR),
]  # fmt: skip


@rows(INDICES + INTEGERS + STRINGS + SIZES + TABLE + DISCARDED)
class DecodingTests(Http2Case):
    """What the server makes of field blocks."""


class AgreementTests(Http2Case):
    """What the two sides agree on about the size of the tables."""

    def test_4_2_no_more_than_the_announced_size_may_be_set(self) -> None:
        client = self.started()
        size = client.theirs.get(Setting.HEADER_TABLE_SIZE, 4096)
        client.send(headers(1, resize(size) + GET))
        self.assertEqual(client.response(1).status, 200)
        client.send(headers(3, resize(size + 1) + GET))
        self.ends_with(client, Code.COMPRESSION_ERROR)

    def test_a_field_in_the_table_is_seen_by_the_resource_as_it_was(self) -> None:
        client = self.started()
        for stream in (1, 3, 5):
            fields = asked(b"/e", (b"x-duck", b"quack"), (b"x-b", b"%d" % stream))
            client.send(headers(stream, client.encoder.encode(fields)))
            lines = bytes(client.response(stream).body).split(b"\n")
            self.assertIn(b"x-duck: quack", lines)
            self.assertIn(b"x-b: %d" % stream, lines)

    def test_many_fields_in_and_out_of_the_table_leave_it_in_step(self) -> None:
        client = self.started()
        client.generous = True
        for at in range(300):
            stream = 2 * at + 1
            mine: list[Field] = [(b"x-%d" % (at % 50), b"%d" % (at // 3) * 40), (b"x-same", b"a" * 100)]
            client.send(headers(stream, client.encoder.encode(asked(b"/e", *mine))))
            lines = bytes(client.response(stream).body).split(b"\n")
            for name, value in mine:
                self.assertIn(name + b": " + value, lines)
        self.proves_alive(client)

    def test_4_2_the_server_makes_its_table_as_small_as_the_client_says(self) -> None:
        client = self.started()
        client.send(request(1))
        for at, size in enumerate((0, 100, 4096, 0, 4096), 1):
            client.tell((Setting.HEADER_TABLE_SIZE, size))
            # The client's decoder refuses a block that does not begin with the smaller size.
            for stream in (10 * at + 1, 10 * at + 3, 10 * at + 5):
                client.send(request(stream))
                self.assertEqual(client.response(stream).status, 200)

    def test_4_2_several_changes_between_two_blocks_are_told_by_the_smallest_and_the_last(self) -> None:
        client = self.started()
        client.send(request(1), request(3))
        client.tell((Setting.HEADER_TABLE_SIZE, 0))
        client.tell((Setting.HEADER_TABLE_SIZE, 4096))
        # A table that was not emptied would give this client's indices that it does not have.
        client.decoder.header_table_size = 0
        client.decoder.header_table_size = 4096
        for stream in (5, 7, 9):
            client.send(request(stream))
            self.assertEqual(client.response(stream).status, 200)

    def test_4_2_a_client_that_offers_a_table_without_bound_gets_no_such_table(self) -> None:
        client = self.started((Setting.HEADER_TABLE_SIZE, 2**32 - 1))
        for stream in range(1, 100, 2):
            client.send(request(stream))
        self.assertLessEqual(client.decoder.header_table_size, 65_536)
        self.proves_alive(client)


_LARGE = "RFC 9113 10.5.1: 431 is an answer to more than a server wants; so is to give up on such a client."
_HELD = (ended(Code.ENHANCE_YOUR_CALM), was_reset(3, Code.ENHANCE_YOUR_CALM), answered(3, 431))

_FIELDS = b"\xbd" * LARGEST

BOMBS = [
    row("7.3", "an entry named again and again", [_FILLED, headers(3, GET + NEWEST * 16_000)], *_HELD, why=_LARGE),
    row("7.3", "an entry taken in and named again and again",
        headers(3, GET + kept(b"x", b"a" * 4000) + NEWEST * 12_000), *_HELD, why=_LARGE),
    row("7.3", "an entry named so often that it is just too much", [_FILLED, headers(3, GET + NEWEST * 20)],
        *_HELD, why=_LARGE),
    row("7.3", "more fields than a request may have", headers(3, GET + b"\xbd" * 10_000), *_HELD, why=_LARGE),
    row("7.3", "more fields than a request may have in CONTINUATION",
        headers(3, GET, whole=False) + continuation(3, _FIELDS, whole=False) + continuation(3, _FIELDS),
        *_HELD, why=_LARGE),
    row("7.3", "an entry named again and again in trailers",
        [_FILLED, post(3), headers(3, NEWEST * 16_000)], *_HELD, was_reset(3, Code.PROTOCOL_ERROR), why=_LARGE),
    row("7.3", "an entry named so often in trailers that it is just too much",
        [_FILLED, post(3), headers(3, NEWEST * 20)], *_HELD, was_reset(3, Code.PROTOCOL_ERROR), why=_LARGE),
]  # fmt: skip


@rows(BOMBS)
class BombTests(Http2Case):
    """A few bytes that come to many."""

    def test_7_3_a_bomb_takes_no_memory(self) -> None:
        client = self.started()
        client.send(_FILLED)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _peak = tracemalloc.get_traced_memory()
        client.send(headers(3, GET + NEWEST * 16_000))
        _now, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak - before, 4 * 1024 * 1024)

    def test_7_3_bombs_one_after_the_other_are_not_borne_for_ever(self) -> None:
        client = self.started()
        client.send(_FILLED)
        for stream in range(3, 4000, 2):
            client.send(headers(stream, GET + NEWEST * 1000))
            if client.wire.closed:
                break
        self.ends_with(client, Code.ENHANCE_YOUR_CALM)

    def test_a_body_may_follow_a_field_section_that_was_too_large(self) -> None:
        client = self.started()
        client.send(headers(3, GET + b"\xbd" * 10_000, end=False), data(3, b"duck", end=True), reset(3))
        if not client.wire.closed:
            self.proves_alive(client)
