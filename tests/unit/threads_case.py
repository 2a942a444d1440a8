"""What tests of the gateway's threads have in common."""

from __future__ import annotations

import threading
import time
from typing import Any

from twisted.internet.task import Clock

from duck_tx.gateway.threads import _STALLED, GatewayThreads
from tests.case import UnitTestCase

LONG = 20.0
"""Seconds after which something that should happen has not."""


def stall() -> None:
    """Let more real time pass than the rule under test gives a thread."""
    time.sleep(_STALLED * 1.5)


class ThreadsTestCase(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ended: list[str] = []
        self.gates: list[threading.Event] = []

    def pool(self, size: int = 4) -> GatewayThreads:
        pool = GatewayThreads(size, self.clock, at_exit=lambda: self.ended.append(threading.current_thread().name))
        pool.start()
        self.addCleanup(self.end, pool)
        return pool

    def end(self, pool: GatewayThreads) -> None:
        for gate in self.gates:
            gate.set()
        pool.stop()
        self.assertEqual(pool.join(LONG), [])

    def block(self, pool: GatewayThreads) -> threading.Event:
        """Keep one thread until the event that comes back is set."""
        gate, begun = threading.Event(), threading.Event()
        self.gates.append(gate)

        def wait() -> None:
            begun.set()
            gate.wait(LONG)

        pool.callInThread(wait)
        self.assertTrue(begun.wait(LONG))
        return gate

    def call(self, pool: GatewayThreads) -> threading.Event:
        done = threading.Event()
        pool.callInThread(done.set)
        return done

    def until(self, fact: Any) -> None:
        """Wait for a fact that threads make true."""
        end = time.monotonic() + LONG
        while not fact():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.0005)
