from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.gateway.spool import Spool
from tests.case import UnitTestCase


class SpoolTests(UnitTestCase):
    def spool(self, limit: int) -> Spool:
        spool = Spool(limit)
        self.addCleanup(spool.close)
        return spool

    @given(
        st.integers(1, 40),
        st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 60)), max_size=30),
    )
    def test_what_is_read_is_what_was_written_and_never_more_than_the_limit_waits(
        self, limit: int, steps: list[tuple[bytes, int]]
    ) -> None:
        spool = Spool(limit)
        taken, read = b"", b""
        for data, size in steps:
            count = spool.write(memoryview(data))
            taken += data[:count]
            self.assertLessEqual(spool.waiting, limit)
            self.assertEqual(spool.full, spool.waiting == limit)
            self.assertTrue(count or not data or spool.full)
            read += spool.read(size)
            self.assertEqual(spool.waiting, len(taken) - len(read))
            self.assertLessEqual(os.fstat(spool._file.fileno()).st_size, limit)
        while piece := spool.read(7):
            read += piece
        self.assertEqual(read, taken)
        spool.close()

    def test_an_empty_spool_gives_nothing(self) -> None:
        self.assertEqual(self.spool(10).read(5), b"")

    def test_a_full_spool_takes_nothing(self) -> None:
        spool = self.spool(3)
        self.assertEqual(spool.write(memoryview(b"abcdef")), 3)
        self.assertEqual(spool.write(memoryview(b"def")), 0)

    def test_a_spool_without_room_is_refused(self) -> None:
        self.assertRaises(ValueError, Spool, 0)

    def test_a_disk_that_lost_the_bytes_is_an_error(self) -> None:
        spool = self.spool(10)
        spool.write(memoryview(b"abc"))
        os.ftruncate(spool._file.fileno(), 0)
        self.assertRaises(OSError, spool.read, 3)

    def test_the_file_has_no_name_and_is_gone_when_closed(self) -> None:
        spool = Spool(10)
        descriptor = spool._file.fileno()
        self.assertEqual(os.fstat(descriptor).st_nlink, 0)
        spool.close()
        self.assertRaises(ValueError, spool._file.fileno)
