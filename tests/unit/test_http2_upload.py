"""The body of a request while it arrives."""

from __future__ import annotations

import os
import resource

from twisted.logger import capturedLogs

from duck_tx.http.head import Rejected
from duck_tx.http.limits import Limits
from duck_tx.http2.fields import Malformed
from duck_tx.http2.upload import Upload
from tests.case import UnitTestCase

LIMITS = Limits(max_body=1000, body_timeout=20.0, body_min_rate=100)


def upload(declared: int | None = None, memory: int = 1000) -> Upload:
    return Upload(LIMITS, declared, memory, 65_535, started=100.0)


class UploadTests(UnitTestCase):
    def test_the_body_is_read_from_its_beginning(self) -> None:
        body = upload()
        for piece in (b"qu", b"", b"ack"):
            body.take(piece, 101.0)
        with body.whole() as file:
            self.assertEqual(file.read(), b"quack")

    def test_no_body_at_all_is_an_empty_one(self) -> None:
        with upload(0).whole() as file:
            self.assertEqual(file.read(), b"")

    def test_a_long_body_is_a_file(self) -> None:
        body = upload(memory=4)
        body.take(b"quack", 101.0)
        with body.whole() as file:
            self.assertTrue(os.fstat(file.fileno()))
            self.assertEqual(file.read(), b"quack")

    def test_another_length_than_was_declared_is_malformed(self) -> None:
        body = upload(4)
        self.assertRaises(Malformed, body.take, b"quack", 101.0)
        body.take(b"qua", 101.0)
        self.assertRaises(Malformed, body.whole)
        body.close()

    def test_a_body_may_not_be_larger_than_allowed(self) -> None:
        body = upload()
        body.take(bytes(1000), 101.0)
        fault = self.assertRaises(Rejected, body.take, b"a", 101.0)
        self.assertEqual((fault.status, fault.reason), (413, "The request body is too large."))

    def test_a_body_that_cannot_be_kept_is_told_and_logged(self) -> None:
        # No file of this process may grow further, as on a full disk; the log of the tests is shorter.
        room = 32 * 1024 * 1024
        before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, (before, hard))
        body = Upload(Limits(max_body=0), None, 10, 65_535, started=100.0)

        def fill() -> None:
            for _ in range(33):
                body.take(bytes(1024 * 1024), 101.0)
            body.whole()

        with capturedLogs() as logged:
            fault = self.assertRaises(Rejected, fill)
        self.assertEqual(fault.status, 507)
        self.assertEqual(len(logged), 1)
        body.close()

    def test_silence_and_slowness_have_an_end(self) -> None:
        body = upload()
        self.assertEqual(body.deadline(), 120.0)
        body.take(b"a" * 500, 103.0)
        self.assertEqual(body.deadline(), 123.0)
        body.take(b"a" * 100, 118.0)
        self.assertEqual(body.deadline(), 100.0 + 20.0 + 6.0)

    def test_a_part_of_a_frame_counts(self) -> None:
        body = upload()
        body.hear(900, 110.0)
        self.assertEqual(body.deadline(), 129.0)
        body.take(b"a" * 900, 110.0)
        self.assertEqual(body.deadline(), 129.0)

    def test_time_in_which_nothing_was_read_does_not_count(self) -> None:
        body = upload()
        body.take(b"a", 110.0)
        body.excuse(15.0)
        self.assertEqual(body.deadline(), 115.0 + 20.0 + 0.01)
