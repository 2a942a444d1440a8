"""A rolling restart that stopped half-way: what is told of it."""

from __future__ import annotations

from duck_tx.process.roll import HalfRestarted
from tests.case import UnitTestCase


class HalfRestartedTests(UnitTestCase):
    def test_it_says_who_has_which_code(self) -> None:
        self.assertEqual(
            str(HalfRestarted("too bad.", [1], [2, 3, 4])),
            "too bad.\nnew code: worker 1; old code: workers 2, 3 and 4. Mend what is wrong, and restart again.",
        )

    def test_those_with_the_old_may_be_gone(self) -> None:
        self.assertIn("new code: workers 1 and 2; old code: no worker.", str(HalfRestarted("too bad.", [1, 2], [])))
