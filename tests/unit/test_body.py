"""The body of a request while it arrives."""

from __future__ import annotations

import os
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.body import Body, Passage
from tests.case import UnitTestCase


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


class BodyTests(UnitTestCase):
    @given(st.lists(st.binary(max_size=20)), st.integers(0, 60))
    def test_what_was_written_is_read_from_memory_or_disk(self, pieces: list[bytes], memory: int) -> None:
        before = open_files()
        body = Body(memory)
        for piece in pieces:
            body.write(piece)
        self.assertEqual(body.size, sum(map(len, pieces)))
        self.assertEqual(open_files() > before, body.size > memory)
        with body.open() as file:
            self.assertEqual(file.read(), b"".join(pieces))
        self.assertEqual(open_files(), before)

    def test_a_body_in_one_piece_is_not_copied(self) -> None:
        data = b"x" * 1000
        body = Body(1000)
        body.write(data)
        file = body.open()
        assert isinstance(file, BytesIO)
        self.assertIs(file.getvalue(), data)

    def test_a_body_that_nobody_reads_leaves_nothing(self) -> None:
        before = open_files()
        for memory in (0, 100):
            body = Body(memory)
            body.write(b"abc")
            body.close()
            body.close()
        Body(0).close()
        self.assertEqual(open_files(), before)

    def test_a_body_that_is_taken_belongs_to_the_taker(self) -> None:
        body = Body(0)
        body.write(b"abc")
        file = body.open()
        body.close()
        self.assertEqual(file.read(), b"abc")
        file.close()

    def test_many_small_pieces_take_little_memory(self) -> None:
        import tracemalloc

        tracemalloc.start()
        try:
            body = Body(1_000_000)
            for number in range(250_000):
                body.write(b"%04x" % (number % 65_536))
            self.assertLess(tracemalloc.get_traced_memory()[0], 3_000_000)
        finally:
            tracemalloc.stop()
        self.assertEqual(body.size, 1_000_000)


class PassageTests(UnitTestCase):
    def test_pieces_are_taken_together_and_counted(self) -> None:
        passage = Passage(3)
        self.assertEqual(passage.take(), b"")
        passage.write(b"a")
        self.assertEqual(passage.take(), b"a")
        passage.write(b"b")
        passage.write(b"c")
        self.assertEqual((passage.take(), passage.take(), passage.size), (b"bc", b"", 6))
        passage.write(b"d")
        passage.close()
        self.assertEqual(passage.take(), b"")
