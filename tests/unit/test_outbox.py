from __future__ import annotations

from collections import defaultdict

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from duck_tx.gateway.outbox import Outbox
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.wsgi_case import ManualReactor


class OutboxTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = ManualReactor()
        self.outbox = Outbox(self.reactor)  # type: ignore[arg-type]
        self.made: list[object] = []

    def test_nothing_is_called_before_the_reactors_turn(self) -> None:
        self.outbox.post(self.made.append, 1)
        self.assertEqual(self.made, [])

    def test_many_messages_need_one_wake_up_and_keep_their_order(self) -> None:
        for number in range(100):
            self.outbox.post(self.made.append, number)
        self.assertEqual(self.reactor.woken, 1)
        self.reactor.turn()
        self.assertEqual(self.made, list(range(100)))

    def test_a_message_posted_by_a_message_waits_for_the_next_turn(self) -> None:
        self.outbox.post(self.outbox.post, self.made.append, "second")
        self.outbox.post(self.made.append, "first")
        self.reactor.turn()
        self.assertEqual(self.made, ["first"])
        self.reactor.turn()
        self.assertEqual(self.made, ["first", "second"])
        self.assertEqual(self.reactor.woken, 2)

    def test_one_that_fails_is_logged_and_the_rest_are_made(self) -> None:
        self.outbox.post(int, "no number")
        self.outbox.post(self.made.append, 1)
        self.reactor.turn()
        self.assertEqual(self.made, [1])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_later_is_another_turn(self) -> None:
        self.outbox.later(lambda: self.made.append("later"))
        self.assertEqual(self.made, [])
        self.reactor.turn()
        self.assertEqual(self.made, ["later"])

    def test_nobody_is_woken_while_somebody_else_is_going_to_flush(self) -> None:
        expected = True
        outbox = Outbox(self.reactor, lambda: expected)  # type: ignore[arg-type]
        outbox.post(self.made.append, 1)
        outbox.post(self.made.append, 2)
        self.assertEqual(self.reactor.woken, 0)
        outbox.flush()
        self.assertEqual(self.made, [1, 2])
        outbox.post(self.made.append, 3)
        expected = False
        outbox.post(self.made.append, 4)
        self.assertEqual(self.reactor.woken, 1)
        self.reactor.turn()
        self.assertEqual(self.made, [1, 2, 3, 4])


class ManyThreadsTests(AsyncTestCase):
    async def test_nothing_is_lost_and_each_threads_order_is_kept(self) -> None:
        from twisted.internet import reactor

        outbox = Outbox(reactor)  # type: ignore[arg-type]
        arrived: dict[int, list[int]] = defaultdict(list)

        def post(thread: int) -> None:
            for number in range(3000):
                outbox.post(lambda thread, number: arrived[thread].append(number), thread, number)

        await gatherResults([deferToThread(post, thread) for thread in range(8)])
        # A thread's Deferred fires through the reactor too, after everything that the thread posted before.
        await deferToThread(lambda: None)
        self.assertEqual(dict(arrived), {thread: list(range(3000)) for thread in range(8)})
