"""Any bytes in any pieces: the same outcome, never an exception, and always an end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import (
    test_rfc7541,
    test_rfc8441,
    test_rfc9113_connection,
    test_rfc9113_frames,
    test_rfc9113_requests,
    test_rfc9113_streams,
)
from tests.unit.http2_case import Http2Case
from tests.unit.http2_client import Client
from tests.unit.http2_frames import (
    PREFACE,
    Kind,
    asked,
    block,
    continuation,
    data,
    frame,
    headers,
    ping,
    post,
    priority,
    request,
    reset,
    window_update,
)
from tests.unit.http2_frames import settings as settings_frame
from tests.unit.http2_outcome import Row
from tests.unit.logged import logged_lines

_BEGIN = PREFACE + settings_frame()
_TABLES = (
    test_rfc7541,
    test_rfc8441,
    test_rfc9113_connection,
    test_rfc9113_frames,
    test_rfc9113_requests,
    test_rfc9113_streams,
)
ROWS = [
    row
    for module in _TABLES
    for table in vars(module).values()
    if isinstance(table, list)
    for row in table
    if isinstance(row, Row)
]
_BYTE_BY_BYTE = 2000
"""Bytes up to which a row is sent in pieces of one byte."""

_FIELDS = block(*asked(b"/e", (b"x-duck", b"quack" * 40)))
EXCHANGE = [
    request(1),
    post(3) + data(3, b"du") + window_update(0, 5) + data(3, b"ck", end=True),
    headers(5, _FIELDS[:33], whole=False, pad=20) + continuation(5, _FIELDS[33:40], whole=False),
    continuation(5, _FIELDS[40:]),
    ping(b"12345678"),
    frame(Kind.UNKNOWN, 0xFF, 7, b"unknown"),
    priority(9),
    post(7) + data(7, b"body", pad=100) + headers(7, block((b"x-sum", b"1"))),
    settings_frame((0xBABA, 1)),
    request(9, method=b"HEAD") + request(11, b"/wait") + reset(11),
    post(13, b"/e", (b"expect", b"100-continue")) + data(13, b"there", end=True),
    headers(15, block(*asked(), (b"X", b"1"))),
    request(17, b"/nothing"),
]


def _cut(sent: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(sent[start : start + size])
        start += size
    return [piece for piece in (*pieces, sent[start:]) if piece]


_SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=40)


class SplitTests(Http2Case):
    def result_of(self, pieces: list[bytes]) -> object:
        """What comes of the good exchange, but not when."""
        client = self.client()
        client.send(*pieces)
        client.acknowledge()
        self.assertTrue(client.answers())
        client.lose()
        streams = {
            stream: (
                [field for field in response.fields if field[0] != b"date"],
                bytes(response.body),
                response.complete,
                response.resets,
            )
            for stream, response in client.responses.items()
        }
        self.waiting.requests.clear()
        return streams, client.pongs, client.goaways, client.acknowledged

    def test_byte_by_byte_a_good_exchange_has_the_same_outcome(self) -> None:
        sent = _BEGIN + b"".join(EXCHANGE)
        whole = self.result_of([sent])
        self.assertEqual(self.result_of([_BEGIN, *EXCHANGE]), whole)
        self.assertEqual(self.result_of([bytes([octet]) for octet in sent]), whole)

    @settings(max_examples=100)
    @given(_SIZES)
    def test_in_any_pieces_a_good_exchange_has_the_same_outcome(self, sizes: list[int]) -> None:
        sent = _BEGIN + b"".join(EXCHANGE)
        self.assertEqual(self.result_of(_cut(sent, sizes)), self.result_of([sent]))

    def check(self, row: Row, pieces: list[bytes]) -> None:
        client = self.client()
        if not row.instead:
            client.start()
        self.site.asked.clear()
        client.send(*pieces)
        client.wait(0.9)
        self.has_outcome(client, *row.outcomes, about=f"{row.section} {row.name}, in {len(pieces)} pieces")
        self.waiting.requests.clear()
        self.leaves_nothing(client)

    def test_byte_by_byte_every_row_has_the_same_outcome(self) -> None:
        for row in ROWS:
            sent = b"".join(row.sent)
            if len(sent) <= _BYTE_BY_BYTE:
                self.check(row, [bytes([octet]) for octet in sent])

    def test_all_at_once_every_row_has_the_same_outcome(self) -> None:
        for row in ROWS:
            self.check(row, [b"".join(row.sent)])

    @settings(max_examples=300)
    @given(st.sampled_from(ROWS), _SIZES)
    def test_in_any_pieces_every_row_has_the_same_outcome(self, row: Row, sizes: list[int]) -> None:
        self.check(row, _cut(b"".join(row.sent), sizes))


_FRAGMENTS = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([block(*asked()), block(*asked(b"/wait")), block(*asked(method=b"POST")), b"\x82\x87", b"\xbe"]),
)
_FRAMES = st.one_of(
    st.builds(
        frame,
        st.one_of(st.integers(0, 9), st.sampled_from([0, 1, 1, 9, 16, 255])),
        st.one_of(st.sampled_from([0, 1, 4, 5]), st.integers(0, 255)),
        st.sampled_from([0, 1, 1, 3, 3, 5, 7, 2, 2**31 - 1]),
        _FRAGMENTS,
    ),
    st.sampled_from(EXCHANGE),
)


class AnyBytesTests(Http2Case):
    def ends(self, client: Client) -> None:
        """It goes on as it should, or is over; and in the end it is over."""
        client.settle()
        if not client.wire.closed:
            client.answers()
            self.assertTrue(client.wire.closed or client.pongs, "it neither answers nor closes")
        self.waiting.requests.clear()
        self.leaves_nothing(client)

    @settings(max_examples=400)
    @given(st.lists(_FRAMES, max_size=20))
    def test_frames_of_any_kind_are_answered_ignored_or_the_end(self, frames: list[bytes]) -> None:
        with logged_lines() as lines:
            client = self.client()
            client.start()
            client.send(*frames)
            self.ends(client)
        self.assertLessEqual(len(lines), 1)

    @settings(max_examples=200)
    @given(st.lists(_FRAMES, max_size=20), _SIZES)
    def test_the_pieces_of_such_frames_do_not_matter(self, frames: list[bytes], sizes: list[int]) -> None:
        sent = b"".join(frames)
        seen = []
        for pieces in ([sent], _cut(sent, sizes)):
            client = self.client()
            client.start()
            client.send(*pieces)
            seen.append((client.goaways, client.resets, client.wire.closed, sorted(client.pongs)))
            self.waiting.requests.clear()
            self.leaves_nothing(client)
        self.assertEqual(seen[0], seen[1])

    @settings(max_examples=150)
    @given(st.binary(max_size=200), st.booleans())
    def test_noise_ends_in_time(self, sent: bytes, begun: bool) -> None:
        with logged_lines() as lines:
            client = self.client()
            if begun:
                client.start()
            client.send(sent)
            client.wait(100)
            self.assertTrue(client.wire.closed)
            self.leaves_nothing(client)
        self.assertLessEqual(len(lines), 1)
