"""Bytes cut into frames, and the time that a part of one may take."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock

from duck_tx.http.limits import Limits
from duck_tx.http2.errors import ConnectionFault, ErrorCode, StreamFault
from duck_tx.http2.inlet import Inlet
from tests.case import UnitTestCase
from tests.unit.http2_frames import PREFACE, data, frame, headers, ping, settings

NEVER = float("inf")


class Taken:
    """Notes the frames."""

    block_open = False

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, int, bytes]] = []
        self.long: list[tuple[int, int, int]] = []
        self.resets: list[int] = []
        self.begun = 0
        self.heard: list[tuple[int, int]] = []

    def greeted(self) -> None:
        self.begun += 1

    def take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self.frames.append((kind, flags, stream_id, payload))
        if stream_id == 99:
            raise StreamFault(99, ErrorCode.CANCEL)

    def too_long(self, kind: int, stream_id: int, length: int) -> None:
        self.long.append((kind, stream_id, length))

    def reset(self, fault: StreamFault) -> None:
        self.resets.append(fault.stream_id)

    def hear(self, stream_id: int, size: int) -> bool:
        self.heard.append((stream_id, size))
        return stream_id == 1


class Tap:
    backlogged = False


class InletTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.taken = cast(Any, Taken())
        self.outlet = cast(Any, Tap())
        limits = Limits(first_byte_timeout=10.0, header_timeout=20.0)
        self.inlet = Inlet(self.taken, self.outlet, limits, self.clock.seconds)

    def come(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.inlet.add(piece)
            self.inlet.read()

    def begin(self) -> None:
        self.come(PREFACE + settings())
        self.taken.frames.clear()

    def fault(self, piece: bytes) -> ErrorCode:
        self.inlet.add(piece)
        return self.assertRaises(ConnectionFault, self.inlet.read).code

    def test_frames_are_whole_however_they_come(self) -> None:
        sent = PREFACE + settings() + ping(b"abcdefgh") + data(3, b"quack")
        self.come(*(sent[at : at + 1] for at in range(len(sent))))
        self.assertEqual(self.taken.frames, [(4, 0, 0, b""), (6, 0, 0, b"abcdefgh"), (0, 0, 3, b"quack")])
        self.assertEqual((self.taken.begun, self.inlet.rest), (1, b""))

    def test_the_reserved_bit_of_a_stream_is_not_seen(self) -> None:
        self.begin()
        self.come(frame(0, 0, 2**31 + 3))
        self.assertEqual(self.taken.frames, [(0, 0, 3, b"")])

    def test_what_is_no_preface_is_an_error_at_the_first_wrong_byte(self) -> None:
        self.come(PREFACE[:10])
        self.assertEqual(self.fault(b"x"), ErrorCode.PROTOCOL_ERROR)

    def test_the_first_frame_has_to_be_settings(self) -> None:
        for first in (ping(), settings(ack=True)):
            self.setUp()
            self.assertEqual(self.fault(PREFACE + first), ErrorCode.PROTOCOL_ERROR)

    def test_a_stream_that_fails_does_not_stop_the_others(self) -> None:
        self.begin()
        self.come(data(99) + data(3))
        self.assertEqual([each[2] for each in self.taken.frames], [99, 3])
        self.assertEqual(self.taken.resets, [99])

    def test_a_frame_that_is_too_long_is_skipped(self) -> None:
        self.begin()
        long = data(3, bytes(40_000))
        self.come(long[:100], long[100:30_000], long[30_000:] + ping())
        self.assertEqual(self.taken.long, [(0, 3, 40_000)])
        self.assertEqual([each[0] for each in self.taken.frames], [6])
        self.come(long + ping())
        self.assertEqual(len(self.taken.frames), 2)

    def test_nothing_is_taken_while_the_client_does_not_read(self) -> None:
        self.begin()
        self.outlet.backlogged = True
        self.come(ping() + ping())
        self.assertEqual((self.taken.frames, len(self.inlet.rest)), ([], 34))
        self.outlet.backlogged = False
        self.inlet.read()
        self.assertEqual((len(self.taken.frames), self.inlet.rest), (2, b""))

    def test_nothing_is_taken_once_it_is_closed(self) -> None:
        self.begin()
        self.inlet.close()
        self.come(ping())
        self.assertEqual(self.taken.frames, [])

    def test_a_client_has_to_begin_in_time(self) -> None:
        self.assertEqual(self.inlet.deadline, 10.0)
        self.clock.advance(4)
        self.come(PREFACE)
        self.assertEqual(self.inlet.deadline, 10.0)
        self.come(settings())
        self.assertEqual(self.inlet.deadline, NEVER)

    def test_a_frame_has_to_be_whole_in_time(self) -> None:
        self.begin()
        self.come(ping()[:9])
        self.assertEqual(self.inlet.deadline, 20.0)
        self.clock.advance(5)
        self.come(ping()[9:12])
        self.assertEqual(self.inlet.deadline, 20.0)
        self.come(ping()[12:] + ping()[:3])
        self.assertEqual(self.inlet.deadline, 25.0)
        self.come(ping()[3:])
        self.assertEqual(self.inlet.deadline, NEVER)

    def test_a_piece_of_a_body_has_the_time_of_the_body(self) -> None:
        self.begin()
        self.come(data(1, b"quack")[:11])
        self.assertEqual((self.inlet.deadline, self.taken.heard), (NEVER, [(1, 2)]))
        self.setUp()
        self.begin()
        self.come(data(3, b"quack")[:11])
        self.assertEqual(self.inlet.deadline, 20.0)

    def test_a_header_block_has_one_time_for_all_its_frames(self) -> None:
        self.begin()
        self.taken.block_open = True
        self.come(headers(1, b"", whole=False))
        self.clock.advance(5)
        self.come(headers(1, b"", whole=False))
        self.assertEqual(self.inlet.deadline, 20.0)
        self.inlet.excuse(3.0)
        self.assertEqual(self.inlet.deadline, 23.0)
        self.taken.block_open = False
        self.come(headers(1, b""))
        self.assertEqual(self.inlet.deadline, NEVER)
