"""Frames of the server's, and what Close frames say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.websocket.frames import NO_CODE, Closing, Code, Fault, close_payload, closing, frame, is_code
from tests.case import UnitTestCase
from tests.unit.websocket_frames import Frame, ServerFrames, head


class FrameTests(UnitTestCase):
    def test_a_head_is_as_short_as_can_be(self) -> None:
        for size in (0, 125, 126, 65_535, 65_536):
            payload = b"d" * size
            for first in (0x81, 0xC2):
                self.assertEqual(frame(first, payload), head(first, size, mask=0) + payload, size)

    def test_control_frames_are_frames_too(self) -> None:
        frames = ServerFrames()
        frames.feed(frame(0x89, b"duck") + frame(0x8A, b"") + frame(0x88, b""))
        self.assertEqual(frames.frames, [Frame(0x89, b"duck"), Frame(0x8A, b""), Frame(0x88, b"")])


class CloseTests(UnitTestCase):
    def test_a_code_and_a_reason_are_read_back(self) -> None:
        self.assertEqual(close_payload(1000, "duck"), b"\x03\xe8duck")
        self.assertEqual(closing(close_payload(4999, "⛲")), Closing(4999, "⛲"))

    def test_no_code_is_no_payload(self) -> None:
        self.assertEqual(close_payload(NO_CODE, "a reason needs a code"), b"")
        self.assertEqual(closing(b""), Closing(NO_CODE, ""))

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
    def test_a_reason_is_cut_to_whole_characters_that_fit(self, reason: str) -> None:
        payload = close_payload(1000, reason)
        self.assertLessEqual(len(payload), 125)
        kept = closing(payload).reason
        self.assertTrue(reason.startswith(kept))
        self.assertTrue(kept == reason or len(payload) > 121)

    def test_a_reason_with_half_a_surrogate_pair_can_be_sent(self) -> None:
        self.assertEqual(closing(close_payload(1000, "\ud800!")).reason, "?!")

    def test_codes_that_nobody_may_send_are_neither_sent_nor_read(self) -> None:
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535):
            self.assertFalse(is_code(code))
            if code != NO_CODE:
                with self.assertRaisesRegex(ValueError, str(code)):
                    close_payload(code)
            with self.assertRaises(Fault) as caught:
                closing(code.to_bytes(2, "big"))
            self.assertEqual(caught.exception.code, Code.PROTOCOL_ERROR)

    def test_half_a_code_is_a_protocol_error(self) -> None:
        with self.assertRaises(Fault) as caught:
            closing(b"\x03")
        self.assertEqual(caught.exception.code, Code.PROTOCOL_ERROR)

    def test_a_reason_that_is_not_utf8_is_invalid_data(self) -> None:
        with self.assertRaises(Fault) as caught:
            closing(b"\x03\xe8\xff")
        self.assertEqual(caught.exception.code, Code.INVALID_DATA)
