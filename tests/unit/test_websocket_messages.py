"""Messages out of frames, however they are cut, and how much of them is held."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.websocket.deflate import Inflater
from duck_tx.websocket.frames import Code, Fault, Opcode
from duck_tx.websocket.messages import Control, MessageReader
from tests.case import UnitTestCase
from tests.unit.websocket_frames import (
    BINARY,
    FIN,
    RSV1,
    TEXT,
    binary,
    close,
    head,
    last,
    more,
    ping,
    sent,
    text,
)
from tests.unit.websocket_rows import deflated

Event = str | bytes | Control

_KEYS = st.binary(min_size=4, max_size=4)


@st.composite
def _messages(draw: st.DrawFn) -> tuple[list[bytes], list[Event]]:
    """A message in frames, with control frames between them, and what is to come of it."""
    body: str | bytes = draw(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
    coded = body.encode() if isinstance(body, str) else body
    bits = TEXT if isinstance(body, str) else BINARY
    if draw(st.booleans()):
        coded, bits = deflated(coded), bits | RSV1
    cuts = sorted(draw(st.lists(st.integers(0, len(coded)), max_size=3)))
    parts = [coded[start:end] for start, end in zip([0, *cuts], [*cuts, len(coded)], strict=True)]
    frames, events = [], list[Event]()
    for number, part in enumerate(parts):
        first = (0 if number else bits) | (FIN if number == len(parts) - 1 else 0)
        frames.append(sent(first, part, draw(_KEYS)))
        if number < len(parts) - 1 and draw(st.booleans()):
            frames.append(ping(b"%d" % number))
            events.append(Control(Opcode.PING, b"%d" % number))
    return frames, [*events, body]


class MessageReaderTests(UnitTestCase):
    def reader(self, max_message: int = 100_000, *, inflates: bool = False) -> MessageReader:
        return MessageReader(max_message, Inflater(15, False) if inflates else None)

    def read(self, reader: MessageReader, pieces: Iterable[bytes]) -> list[Event]:
        events = []
        for piece in pieces:
            reader.feed(piece)
            while (event := reader.read()) is not None:
                events.append(event)
        return events

    @given(st.lists(_messages(), max_size=4), st.lists(st.integers(1, 40), min_size=1, max_size=10))
    def test_the_same_comes_out_however_the_bytes_are_cut(
        self, messages: list[tuple[list[bytes], list[Event]]], sizes: list[int]
    ) -> None:
        stream = b"".join(b"".join(frames) for frames, _ in messages)
        expected = [event for _, events in messages for event in events]
        pieces: list[bytes] = []
        at = 0
        while at < len(stream):
            size = sizes[len(pieces) % len(sizes)]
            pieces.append(stream[at : at + size])
            at += size
        self.assertEqual(self.read(self.reader(inflates=True), pieces), expected)
        self.assertEqual(self.read(self.reader(inflates=True), [stream]), expected)

    @given(st.binary(max_size=200))
    def test_whatever_comes_is_read_or_a_fault(self, data: bytes) -> None:
        for inflates in (False, True):
            try:
                self.read(self.reader(inflates=inflates), [data])
            except Fault as fault:
                self.assertIn(fault.code, (Code.PROTOCOL_ERROR, Code.INVALID_DATA, Code.TOO_BIG))

    def test_messages_wait_undecoded_until_they_are_asked_for(self) -> None:
        reader = self.reader()
        reader.feed(text("duck") + text(b"\xff"))
        self.assertEqual(reader.read(), "duck")
        reader.feed(binary(b"ling"))
        with self.assertRaises(Fault):
            reader.read()

    def test_what_is_not_whole_yet_is_nothing(self) -> None:
        reader = self.reader()
        for piece in (b"", text("duck")[:1], text("duck")[1:6], b""):
            reader.feed(piece)
            self.assertIsNone(reader.read())
        reader.feed(text("duck")[6:])
        self.assertEqual(reader.read(), "duck")
        self.assertIsNone(reader.read())

    def test_a_close_is_handed_on_as_it_is(self) -> None:
        self.assertEqual(self.read(self.reader(), [close(1001, "x")]), [Control(Opcode.CLOSE, b"\x03\xe9x")])

    def test_a_message_that_is_too_long_is_refused_at_its_head(self) -> None:
        for data in (head(FIN | BINARY, 1001), binary(b"d" * 500, BINARY) + head(FIN, 501)):
            reader = self.reader(1000)
            with self.assertRaises(Fault) as caught:
                self.read(reader, [data])
            self.assertEqual(caught.exception.code, Code.TOO_BIG)
        self.assertEqual(self.read(self.reader(1000), [binary(b"d" * 1000)]), [b"d" * 1000])

    def test_even_a_short_message_may_be_too_long(self) -> None:
        with self.assertRaises(Fault) as caught:
            self.read(self.reader(3), [text("duck")])
        self.assertEqual(caught.exception.code, Code.TOO_BIG)

    def test_what_cannot_be_compressed_may_be_longer_than_the_message(self) -> None:
        message = bytes((number * number * 7919 >> 5) & 255 for number in range(1000))
        coded = b"".join(
            b"\x00" + len(part).to_bytes(2, "little") + (65_535 - len(part)).to_bytes(2, "little") + part
            for part in (message[:500], message[500:])
        )
        frames = [binary(coded + b"\x00", FIN | RSV1)]
        self.assertEqual(self.read(self.reader(1000, inflates=True), frames), [message])

    def test_a_message_in_the_smallest_pieces_takes_no_more_than_it_holds(self) -> None:
        size = 50_000
        reader = self.reader()
        self.read(reader, [more(b"d", BINARY), *[more(b"d")] * (size - 1)])
        partial = reader._partial
        assert partial is not None
        self.assertLess(sys.getsizeof(partial.body), size * 1.3)
        self.assertEqual(self.read(reader, [last(b"")]), [b"d" * size])

    def test_an_idle_reader_holds_nothing(self) -> None:
        reader = self.reader()
        self.read(reader, [text("duck" * 1000), more(b"du", TEXT), last(b"ck")])
        self.assertEqual((reader._data, reader._partial), (b"", None))

    def test_a_reader_that_is_dropped_reads_no_more(self) -> None:
        reader = self.reader()
        reader.feed(text("duck"))
        reader.drop()
        self.assertIsNone(reader.read())
