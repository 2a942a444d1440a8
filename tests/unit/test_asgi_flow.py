"""How far the two ends of an ASGI call may be apart."""

from __future__ import annotations

import asyncio

from duck_tx.gateway.asgi.flow import AHEAD, Inflow, Outflow
from tests.unit.asgi_case import AsgiCase


class OutflowTests(AsgiCase):
    def test_there_is_room_at_first(self) -> None:
        flow = Outflow(self.bridge)
        flow.give(AHEAD - 1)
        self.loop.run_until_complete(flow.room())

    def test_what_is_given_waits_until_it_is_taken(self) -> None:
        flow = Outflow(self.bridge)
        flow.give(AHEAD)
        waiting = self.loop.create_task(flow.room())
        self.turn()
        self.assertFalse(waiting.done())
        flow.take(1)
        self.turn()
        self.assertTrue(waiting.done())

    def test_nothing_is_taken_while_the_client_does_not_read(self) -> None:
        flow = Outflow(self.bridge)
        flow.block()
        flow.give(AHEAD)
        flow.take(AHEAD)
        waiting = [self.loop.create_task(flow.room()) for _ in range(2)]
        self.turn()
        self.assertFalse(any(each.done() for each in waiting))
        flow.unblock()
        self.turn()
        self.assertTrue(all(each.done() for each in waiting))

    def test_when_nobody_takes_anything_nobody_waits(self) -> None:
        flow = Outflow(self.bridge)
        flow.block()
        flow.give(10 * AHEAD)
        waiting = self.loop.create_task(flow.room())
        self.turn()
        flow.open()
        self.turn()
        self.assertTrue(waiting.done())


class InflowTests(AsgiCase):
    def test_it_is_full_of_many_bytes_or_many_pieces(self) -> None:
        flow: Inflow[bytes] = Inflow(self.bridge)
        self.assertFalse(flow.put(b"x" * (AHEAD - 1)))
        self.assertTrue(flow.put(b"x"))
        flow.pieces.clear()
        flow.taken(AHEAD)
        self.assertFalse(flow.is_full)
        self.assertEqual([flow.put(b"") for _ in range(64)], [False] * 63 + [True])

    def test_all_who_wait_hear_of_news_once(self) -> None:
        flow: Inflow[str] = Inflow(self.bridge)
        first, second = flow.news(), flow.news()
        second.cancel()
        flow.put("a")
        self.assertTrue(first.done())
        third = flow.news()
        flow.tell()
        self.assertTrue(third.done())
        flow.tell()
        flow.wake()

    def test_a_wait_that_is_cancelled_is_no_ones_business(self) -> None:
        flow: Inflow[str] = Inflow(self.bridge)
        news = flow.news()
        waiting = self.loop.create_task(asyncio.wait_for(news, 5))
        self.turn()
        waiting.cancel()
        self.turn()
        flow.put("a")
        self.assertEqual(list(flow.pieces), ["a"])
