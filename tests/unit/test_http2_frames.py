"""Frames as bytes, both ways; ``hyperframe`` reads what is written."""

from __future__ import annotations

from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http2 import frames
from duck_tx.http2.errors import ConnectionFault, ErrorCode
from duck_tx.http2.frames import MAX_FRAME, MAX_WINDOW, Flag, FrameType, Setting
from tests.case import UnitTestCase

_STREAMS = st.integers(1, MAX_WINDOW)


def read(data: bytes) -> list[Frame]:
    """All frames in ``data``."""
    found = []
    while data:
        each, length = Frame.parse_frame_header(memoryview(data[:9]))
        each.parse_body(memoryview(data[9 : 9 + length]))
        found.append(each)
        data = data[9 + length :]
    return found


class WritingTests(UnitTestCase):
    @given(_STREAMS, st.binary(max_size=300), st.booleans())
    def test_a_frame_is_read_as_it_was_meant(self, stream: int, content: bytes, ends: bool) -> None:
        (data,) = read(frames.frame(FrameType.DATA, Flag.END_STREAM * ends, stream, content))
        assert isinstance(data, DataFrame)
        self.assertEqual((data.stream_id, data.data, "END_STREAM" in data.flags), (stream, content, ends))

    @given(_STREAMS, st.integers(0, 4 * MAX_FRAME), st.booleans())
    def test_a_header_block_is_cut_into_frames_that_every_peer_takes(self, stream: int, size: int, ends: bool) -> None:
        block = bytes(index % 251 for index in range(size))
        first, *more = read(frames.headers(stream, block, end_stream=ends))
        assert isinstance(first, HeadersFrame)
        self.assertEqual("END_STREAM" in first.flags, ends)
        parts = [first.data]
        for each in more:
            assert isinstance(each, ContinuationFrame)
            parts.append(each.data)
        self.assertEqual(b"".join(parts), block)
        self.assertTrue(all(len(part) <= MAX_FRAME for part in parts))
        self.assertEqual(["END_HEADERS" in each.flags for each in [first, *more]], [False] * len(more) + [True])
        self.assertEqual({each.stream_id for each in [first, *more]}, {stream})

    def test_settings_keep_their_values(self) -> None:
        (found,) = read(frames.settings({Setting.MAX_CONCURRENT_STREAMS: 128, Setting.INITIAL_WINDOW_SIZE: 2**31 - 1}))
        assert isinstance(found, SettingsFrame)
        self.assertEqual(found.settings, {3: 128, 4: 2**31 - 1})

    def test_a_reset_a_window_and_a_goodbye(self) -> None:
        data = frames.rst_stream(5, ErrorCode.CANCEL) + frames.window_update(0, 7)
        data += frames.goaway(9, ErrorCode.PROTOCOL_ERROR, "caf\xe9")
        reset, window, goodbye = read(data)
        assert isinstance(reset, RstStreamFrame) and isinstance(window, WindowUpdateFrame)
        assert isinstance(goodbye, GoAwayFrame)
        self.assertEqual((reset.stream_id, reset.error_code), (5, 8))
        self.assertEqual((window.stream_id, window.window_increment), (0, 7))
        self.assertEqual((goodbye.last_stream_id, goodbye.error_code), (9, 1))
        self.assertEqual(goodbye.additional_data, b"caf\\xe9")


class ReadingTests(UnitTestCase):
    def fault(self, call: object, *args: object) -> ErrorCode:
        assert callable(call)
        return self.assertRaises(ConnectionFault, call, *args).code

    @given(st.binary(max_size=100), st.integers(0, 255))
    def test_padding_is_taken_away(self, content: bytes, padding: int) -> None:
        self.assertEqual(frames.unpadded(bytes([padding]) + content + bytes(padding)), content)

    def test_padding_that_leaves_no_room_for_its_own_length_is_an_error(self) -> None:
        self.assertEqual(frames.unpadded(b"\x02ab"), b"")
        self.assertEqual(self.fault(frames.unpadded, b"\x03ab"), ErrorCode.PROTOCOL_ERROR)
        self.assertEqual(self.fault(frames.unpadded, b""), ErrorCode.FRAME_SIZE_ERROR)

    def test_a_header_block_stands_behind_its_priority_and_before_its_padding(self) -> None:
        both = Flag.PADDED | Flag.PRIORITY
        self.assertEqual(
            frames.header_block(both, b"\x02prioBLOCKpp"[:1] + b"\0\0\0\0\x10" + b"BLOCK" + b"pp"), b"BLOCK"
        )
        self.assertEqual(frames.header_block(Flag.PRIORITY, b"\0\0\0\0\x10"), b"")
        self.assertEqual(frames.header_block(0, b"BLOCK"), b"BLOCK")

    def test_a_priority_needs_its_five_bytes(self) -> None:
        self.assertEqual(self.fault(frames.header_block, Flag.PRIORITY, b"\0\0\0\0"), ErrorCode.FRAME_SIZE_ERROR)
        both = Flag.PADDED | Flag.PRIORITY
        self.assertEqual(self.fault(frames.header_block, both, b"\0\0\0\0\0"), ErrorCode.FRAME_SIZE_ERROR)
        # Without the padding it would have had them.
        self.assertEqual(self.fault(frames.header_block, both, b"\x01\0\0\0\0p"), ErrorCode.PROTOCOL_ERROR)

    def test_a_number_is_four_bytes_long(self) -> None:
        self.assertEqual(frames.number(b"\x80\0\0\1"), 2**31 + 1)
        for wrong in (b"", b"\0\0\0", b"\0\0\0\0\0"):
            self.assertEqual(self.fault(frames.number, wrong), ErrorCode.FRAME_SIZE_ERROR)

    def test_settings_come_in_their_order_with_all_repetitions(self) -> None:
        payload = b"\0\x04\0\0\0\1" + b"\0\x09\0\0\0\2" + b"\0\x04\0\0\0\3"
        self.assertEqual(list(frames.settings_in(payload)), [(4, 1), (9, 2), (4, 3)])
        self.assertEqual(self.fault(frames.settings_in, payload[:-1]), ErrorCode.FRAME_SIZE_ERROR)

    def test_values_of_settings_have_bounds(self) -> None:
        good = [
            (Setting.INITIAL_WINDOW_SIZE, 0),
            (Setting.INITIAL_WINDOW_SIZE, 2**31 - 1),
            (Setting.MAX_FRAME_SIZE, 2**14),
            (Setting.MAX_FRAME_SIZE, 2**24 - 1),
            (Setting.ENABLE_PUSH, 1),
            (Setting.NO_RFC7540_PRIORITIES, 0),
            (Setting.MAX_CONCURRENT_STREAMS, 2**32 - 1),
            (0xBABA, 2**32 - 1),
        ]
        for identifier, value in good:
            frames.checked_setting(identifier, value)
        bad = [
            (Setting.INITIAL_WINDOW_SIZE, 2**31, ErrorCode.FLOW_CONTROL_ERROR),
            (Setting.MAX_FRAME_SIZE, 2**14 - 1, ErrorCode.PROTOCOL_ERROR),
            (Setting.MAX_FRAME_SIZE, 2**24, ErrorCode.PROTOCOL_ERROR),
            (Setting.ENABLE_PUSH, 2, ErrorCode.PROTOCOL_ERROR),
            (Setting.NO_RFC7540_PRIORITIES, 2, ErrorCode.PROTOCOL_ERROR),
        ]
        for identifier, value, code in bad:
            self.assertEqual(self.fault(frames.checked_setting, identifier, value), code)
