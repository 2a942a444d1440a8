"""Several things one after the other."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from duck_tx.automations.chain import Chain
from duck_tx.automations.work import Ending, Work
from tests.case import UnitTestCase


class _Part:
    def __init__(self, name: str, begun: list[str]) -> None:
        self.gone: Deferred[Ending] = Deferred()
        self.name = name
        self.begun = begun
        self.is_cancelled = False

    def begin(self) -> Work:
        self.begun.append(self.name)
        return self

    def when_gone(self, function: Callable[[Ending], object]) -> None:
        self.gone.addCallback(function)

    def cancel(self) -> bool:
        self.is_cancelled = True
        return self.name != "stubborn"


class ChainTests(UnitTestCase):
    def setUp(self) -> None:
        self.begun: list[str] = []
        self.alarm = _Part("alarm", self.begun)
        self.parts = {name: _Part(name, self.begun) for name in ("one", "two", "stubborn")}

    def chain(self, *names: str) -> Chain:
        return Chain(*(self.parts[name].begin for name in names), failed=lambda error: self.alarm.begin())

    def test_each_begins_when_the_one_before_is_gone(self) -> None:
        chain = self.chain("one", "two")
        self.assertEqual(self.begun, ["one"])
        self.parts["one"].gone.callback(Ending(None, 5))
        self.assertEqual(self.begun, ["one", "two"])
        self.assertNoResult(chain.gone)
        self.parts["two"].gone.callback(Ending())
        self.assertEqual(self.successResultOf(chain.gone), Ending(None, 5))

    def test_a_failure_is_the_last_and_is_told(self) -> None:
        chain = self.chain("one", "two")
        ending = Ending(LookupError("lost"), 3)
        self.parts["one"].gone.callback(ending)
        self.assertEqual(self.begun, ["one", "alarm"])
        self.assertNoResult(chain.gone)
        self.alarm.gone.callback(Ending())
        self.assertEqual(self.successResultOf(chain.gone), ending)

    def test_nobody_need_be_told(self) -> None:
        chain = Chain(self.parts["one"].begin, failed=lambda error: None)
        self.parts["one"].gone.callback(Ending(LookupError("lost")))
        self.successResultOf(chain.gone)

    def test_a_part_that_cannot_begin_is_a_failure(self) -> None:
        error = LookupError("lost")

        def fail() -> Work:
            raise error

        self.assertEqual(self.successResultOf(Chain(fail, failed=lambda error: None).gone), Ending(error))

    def test_a_cancel_reaches_the_one_under_way_and_begins_no_other(self) -> None:
        for ending in (Ending(), Ending(LookupError("lost"))):
            del self.begun[:]
            self.setUp()
            chain = self.chain("one", "two")
            self.assertTrue(chain.cancel())
            self.assertTrue(self.parts["one"].is_cancelled)
            self.parts["one"].gone.callback(ending)
            self.assertEqual(self.begun, ["one"])
            self.assertEqual(self.successResultOf(chain.gone), ending)

    def test_what_cannot_be_cancelled_is_told(self) -> None:
        self.assertFalse(self.chain("stubborn").cancel())
