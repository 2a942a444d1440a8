"""What may or may not have to be waited for."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed

from duck_tx.promise import follow, settled
from tests.case import UnitTestCase


class SettledTests(UnitTestCase):
    def test_a_plain_result_is_there_at_once(self) -> None:
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(settled(3))), 3)

    def test_a_deferred_is_waited_for(self) -> None:
        waited: Deferred[int] = Deferred()
        outcome = Deferred.fromCoroutine(settled(waited))
        self.assertNoResult(outcome)
        waited.callback(4)
        self.assertEqual(self.successResultOf(outcome), 4)

    def test_a_coroutine_is_waited_for(self) -> None:
        async def compute() -> int:
            return await succeed(5)

        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(settled(compute()))), 5)


class FollowTests(UnitTestCase):
    def test_all_who_follow_are_told(self) -> None:
        shared: Deferred[None] = Deferred()
        first, second = follow(shared), follow(shared)
        shared.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(follow(shared))

    def test_a_failure_reaches_all_and_stays_with_the_one_they_follow(self) -> None:
        shared: Deferred[None] = Deferred()
        first, second = follow(shared), follow(shared)
        shared.errback(LookupError("lost"))
        self.failureResultOf(first, LookupError)
        self.failureResultOf(second, LookupError)
        self.failureResultOf(shared, LookupError)

    def test_one_who_gives_up_leaves_the_others_waiting(self) -> None:
        shared: Deferred[None] = Deferred()
        first, second = follow(shared), follow(shared)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        shared.callback(None)
        self.successResultOf(second)
