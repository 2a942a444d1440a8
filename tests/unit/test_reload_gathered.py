"""Many changes make one call."""

from __future__ import annotations

from twisted.internet.task import Clock

from duck_tx.reload.gathered import Gathered
from tests.case import UnitTestCase


class GatheredTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.calls: list[set[str]] = []
        self.gathered = Gathered(self.clock, lambda things: self.calls.append(set(things)), quiet=1, at_most=3)

    def test_what_comes_in_quick_succession_is_told_once_when_it_is_quiet(self) -> None:
        self.gathered.add("a")
        self.clock.advance(0.5)
        self.gathered.add("b")
        self.gathered.add("b")
        self.clock.advance(0.9)
        self.assertEqual(self.calls, [])
        self.clock.advance(0.1)
        self.assertEqual(self.calls, [{"a", "b"}])

    def test_what_never_ends_is_told_all_the_same(self) -> None:
        for _ in range(10):
            self.gathered.add("a")
            self.clock.advance(0.5)
        self.assertEqual(self.calls, [{"a"}])

    def test_what_comes_later_is_another_call(self) -> None:
        for name in "ab":
            self.gathered.add(name)
            self.clock.advance(1)
        self.assertEqual(self.calls, [{"a"}, {"b"}])

    def test_what_is_forgotten_is_not_told(self) -> None:
        self.gathered.add("a")
        self.gathered.forget()
        self.gathered.forget()
        self.assertEqual(self.clock.getDelayedCalls(), [])
