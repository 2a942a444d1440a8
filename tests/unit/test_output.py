"""What a process writes, up to its end."""

from __future__ import annotations

from twisted.internet.task import Clock

from duck_tx.process.output import Output
from tests.case import UnitTestCase


class OutputTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[str] = []
        self.said: list[tuple[int, str]] = []
        self.output = Output(self.clock, lambda *said: self.said.append(said), streams=(1, 2), after_end=3.0, rate=2)
        self.output.begin(self)

    # What a process transport has.

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def loseConnection(self) -> None:
        self.told.append("lose")

    def test_lines_are_told_with_their_streams_the_last_ones_included(self) -> None:
        self.output.feed(1, b"one\nt")
        self.output.feed(2, b"three")
        self.output.feed(1, b"wo\n")
        self.output.exited()
        self.output.feed(1, b"four")
        self.clock.advance(1)
        self.output.end()
        self.assertEqual(self.said, [(1, "one"), (1, "two"), (1, "four"), (2, "three")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_writes_more_than_the_rate_allows_has_to_wait(self) -> None:
        self.output.feed(1, b"line\n" * 3)
        self.assertEqual((len(self.said), self.told), (2, ["pause"]))
        self.clock.advance(1)
        self.assertEqual((len(self.said), self.told), (3, ["pause", "resume"]))

    def test_one_that_has_ended_is_not_made_to_wait_and_what_is_too_much_is_counted(self) -> None:
        self.output.exited()
        self.assertEqual(self.told, ["resume"])
        self.output.feed(2, b"line\n" * 10)
        self.output.end()
        self.assertEqual((len(self.said), self.said[-1]), (5, (1, "(6 more lines are left out)")))
        self.assertEqual(self.told, ["resume"])

    def test_output_that_others_hold_open_is_not_waited_for(self) -> None:
        self.output.exited()
        self.clock.advance(2.9)
        self.assertEqual(self.told, ["resume"])
        self.clock.advance(0.1)
        self.assertEqual(self.told, ["resume", "lose"])
        self.output.end()
