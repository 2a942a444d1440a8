"""Stream identifiers that are used up."""

from __future__ import annotations

from duck_tx.http2.identifiers import End, Identifiers
from tests.case import UnitTestCase


class IdentifierTests(UnitTestCase):
    def test_what_is_above_the_last_is_idle_and_so_is_what_only_a_server_opens(self) -> None:
        identifiers = Identifiers()
        self.assertTrue(identifiers.is_idle(1))
        identifiers.use(5)
        self.assertEqual([identifiers.is_idle(each) for each in (1, 2, 5, 6, 7)], [False, True, False, True, True])

    def test_a_stream_that_is_over_has_ended_if_nothing_else_is_known(self) -> None:
        identifiers = Identifiers()
        identifiers.use(1)
        self.assertEqual(identifiers.end_of(1), End.ENDED)

    def test_how_streams_ended_is_remembered(self) -> None:
        identifiers = Identifiers()
        for each in (1, 3, 5, 11):
            identifiers.use(each)
        identifiers.cut(1)
        identifiers.reset(3)
        ends = [identifiers.end_of(each) for each in (1, 3, 5, 7, 9, 11)]
        self.assertEqual(ends, [End.CUT, End.RESET, End.ENDED, End.SKIPPED, End.SKIPPED, End.ENDED])

    def test_only_the_latest_are_remembered(self) -> None:
        identifiers = Identifiers()
        for each in range(1, 20_001, 4):
            identifiers.use(each)
            identifiers.cut(each)
        self.assertEqual([identifiers.end_of(each) for each in (1, 3)], [End.ENDED, End.ENDED])
        self.assertEqual([identifiers.end_of(each) for each in (19_997, 19_995)], [End.CUT, End.SKIPPED])
