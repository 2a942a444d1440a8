"""A bounded rate."""

from __future__ import annotations

from twisted.internet.task import Clock

from duck_tx.process.pace import Pace
from tests.case import UnitTestCase


class PaceTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.seen: list[int] = []
        self.told: list[str] = []
        self.pace = Pace[int](
            self.clock,
            3,
            self.seen.append,
            pause=lambda: self.told.append("pause"),
            resume=lambda: self.told.append("resume"),
        )

    def test_what_the_rate_allows_is_handed_on_at_once(self) -> None:
        self.pace.put([1, 2])
        self.pace.put([3])
        self.assertEqual((self.seen, self.told), ([1, 2, 3], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_rest_comes_later_and_in_order(self) -> None:
        self.pace.put(range(8))
        self.assertEqual((self.seen, self.told), ([0, 1, 2], ["pause"]))
        self.pace.put([8])
        self.clock.advance(1)
        self.assertEqual(self.seen, [0, 1, 2, 3, 4, 5])
        self.assertEqual(self.told, ["pause"])
        self.clock.advance(1)
        self.assertEqual((self.seen, self.told), (list(range(9)), ["pause", "resume"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_second_has_its_own_measure(self) -> None:
        for second in range(4):
            self.pace.put([second] * 3)
            self.clock.advance(1)
        self.assertEqual((len(self.seen), self.told), (12, []))

    def test_the_end_hands_on_a_second_s_worth_and_counts_the_rest(self) -> None:
        self.pace.put(range(10))
        self.assertEqual(self.pace.end(), 4)
        self.assertEqual(self.seen, [0, 1, 2, 3, 4, 5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_end_with_nothing_left_forgets_nothing(self) -> None:
        self.pace.put([1])
        self.assertEqual(self.pace.end(), 0)
