"""Something that happens once."""

from __future__ import annotations

from duck_tx.automations.moment import Moment
from tests.case import UnitTestCase


class MomentTests(UnitTestCase):
    def setUp(self) -> None:
        self.moment: Moment[int] = Moment()
        self.seen: list[tuple[str, int]] = []

    def tell(self, name: str) -> None:
        self.moment.tell(lambda value: self.seen.append((name, value)))

    def test_all_are_told_in_order_and_once(self) -> None:
        self.tell("a")
        self.tell("b")
        self.assertEqual((self.seen, self.moment.has_come), ([], False))
        self.moment.come(7)
        self.tell("c")
        self.assertEqual((self.seen, self.moment.has_come), ([("a", 7), ("b", 7), ("c", 7)], True))

    def test_one_that_fails_harms_no_other(self) -> None:
        self.moment.tell(lambda value: 1 // 0)
        self.tell("a")
        self.moment.come(7)
        self.assertEqual(self.seen, [("a", 7)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_there_is_a_deferred_for_those_who_wait(self) -> None:
        self.assertNoResult(self.moment.deferred)
        self.moment.come(7)
        self.assertEqual(self.successResultOf(self.moment.deferred), 7)

    def test_also_for_those_who_come_late(self) -> None:
        self.moment.come(7)
        self.assertEqual(self.successResultOf(self.moment.deferred), 7)
