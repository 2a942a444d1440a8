"""Work on a thread that can be given up."""

from __future__ import annotations

import threading

from twisted.internet.defer import Deferred

from duck_tx.https.acme.errand import Abandoned, Errand, Pause
from tests.case import AsyncTestCase


class ErrandTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor

    async def test_what_the_call_returns_arrives_on_the_reactor_thread(self) -> None:
        threads = []

        def call(pause: Pause) -> str:
            threads.append(threading.current_thread())
            return "done"

        errand = Errand(self.reactor, call, "an-errand")
        outcome = errand.outcome.addCallback(lambda result: (result, threading.current_thread()))
        self.assertEqual(await outcome, ("done", threading.current_thread()))
        self.assertEqual([(thread.name, thread.daemon) for thread in threads], [("an-errand", True)])

    async def test_what_the_call_raises_arrives_as_well(self) -> None:
        def call(pause: Pause) -> None:
            raise KeyError("lost")

        with self.assertRaisesRegex(KeyError, "lost"):
            await Errand(self.reactor, call, "an-errand").outcome

    async def test_a_pause_takes_its_time(self) -> None:
        began = self.reactor.seconds()
        await Errand(self.reactor, lambda pause: pause(0.05), "an-errand").outcome
        self.assertGreaterEqual(self.reactor.seconds() - began, 0.05)

    async def test_giving_up_ends_a_pause_and_each_one_after_it(self) -> None:
        pausing = Deferred[None]()
        ended = []

        def call(pause: Pause) -> None:
            self.reactor.callFromThread(pausing.callback, None)  # type: ignore[attr-defined]
            try:
                pause(3600)
            except Abandoned:
                ended.append("the first")
            pause(0)

        errand = Errand(self.reactor, call, "an-errand")
        await pausing
        errand.give_up()
        with self.assertRaises(Abandoned):
            await errand.outcome
        self.assertEqual(ended, ["the first"])
