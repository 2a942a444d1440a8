"""The errors of HTTP/2."""

from __future__ import annotations

from duck_tx.http2.errors import ConnectionFault, ErrorCode, StreamFault
from tests.case import UnitTestCase


class ErrorTests(UnitTestCase):
    def test_the_codes_are_those_of_the_registry(self) -> None:
        self.assertEqual([code.value for code in ErrorCode], list(range(14)))
        self.assertEqual(ErrorCode.ENHANCE_YOUR_CALM, 0xB)

    def test_a_fault_of_the_connection_has_a_code_and_a_reason(self) -> None:
        fault = ConnectionFault(ErrorCode.PROTOCOL_ERROR, "no")
        self.assertEqual((fault.code, fault.reason), (ErrorCode.PROTOCOL_ERROR, "no"))
        self.assertIn("no", str(fault))

    def test_a_fault_of_a_stream_has_a_code_and_a_stream(self) -> None:
        fault = StreamFault(7, ErrorCode.CANCEL)
        self.assertEqual((fault.stream_id, fault.code), (7, ErrorCode.CANCEL))
