"""The last lines of something: how many are kept, and which are handed out."""

from __future__ import annotations

from sys import getsizeof

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.process.ring import LONGEST, Ring
from tests.case import UnitTestCase


def _filled(count: int, **bounds: int) -> Ring:
    ring = Ring(**bounds)
    for number in range(1, count + 1):
        ring.add(str(number))
    return ring


class RingTests(UnitTestCase):
    def test_an_empty_one_has_nothing(self) -> None:
        ring = Ring()
        self.assertEqual(ring.newest(10), ([], 0, 0))
        self.assertEqual(ring.after(0), ([], 0, 0))

    def test_the_newest_are_the_last_ones_in_their_order(self) -> None:
        ring = _filled(5)
        self.assertEqual(ring.newest(2), (["4", "5"], 5, 0))
        self.assertEqual(ring.newest(99), (["1", "2", "3", "4", "5"], 5, 0))
        self.assertEqual(ring.newest(0), ([], 5, 0))

    def test_what_came_after_a_line_goes_on_where_it_ended(self) -> None:
        ring = _filled(5)
        self.assertEqual(ring.after(3), (["4", "5"], 5, 0))
        self.assertEqual(ring.after(5), ([], 5, 0))

    def test_what_is_not_kept_any_more_is_counted(self) -> None:
        ring = _filled(10, lines=3)
        self.assertEqual(ring.after(8), (["9", "10"], 10, 0))
        self.assertEqual(ring.after(7), (["8", "9", "10"], 10, 0))
        self.assertEqual(ring.after(4), (["8", "9", "10"], 10, 3))

    def test_a_number_that_there_never_was_is_that_of_another_log(self) -> None:
        ring = _filled(3)
        for number in (4, -1):
            self.assertEqual(ring.after(number), (["1", "2", "3"], 3, 0))

    def test_long_lines_take_the_room_of_many(self) -> None:
        ring = Ring(size=3 * getsizeof("x" * 1000))
        for _ in range(5):
            ring.add("x" * 1000)
        self.assertEqual(len(ring.newest(99).texts), 3)
        ring.add("\U0001f986" * 1000)
        self.assertEqual(len(ring.newest(99).texts), 1)

    def test_a_line_without_end_is_cut(self) -> None:
        ring = Ring(size=10)
        ring.add("x" * (LONGEST + 1))
        self.assertEqual(ring.newest(1).texts, ["x" * LONGEST + " [...]"])

    @given(st.lists(st.text(max_size=300)), st.integers(1, 5), st.integers(1, 2000))
    def test_its_bounds_hold_whatever_comes(self, lines: list[str], most: int, size: int) -> None:
        ring = Ring(most, size)
        for line in lines:
            ring.add(line)
            kept = ring.newest(99).texts
            self.assertLessEqual(len(kept), most)
            self.assertTrue(len(kept) == 1 or sum(map(getsizeof, kept)) <= size)
            self.assertEqual(kept[-1], line)

    @given(st.lists(st.tuples(st.integers(0, 7), st.booleans())))
    def test_who_asks_again_and_again_gets_each_line_once_or_knows_how_many_are_missing(
        self, steps: list[tuple[int, bool]]
    ) -> None:
        ring, seen, missed, last = Ring(lines=4), [], 0, 0
        for count, asks in steps:
            for _ in range(count):
                ring.add(str(ring.last + 1))
            if asks:
                found = ring.after(last)
                seen += found.texts
                missed, last = missed + found.missed, found.last
                self.assertEqual(len(seen) + missed, ring.last)
        self.assertEqual(seen, sorted(set(seen), key=int))
