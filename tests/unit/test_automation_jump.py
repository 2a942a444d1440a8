"""A system clock that is set."""

from __future__ import annotations

import os
from typing import Any

from duck_tx.automations.jump import Jumps, SetClock, timer_descriptor
from tests.case import UnitTestCase
from tests.unit.automation_case import SetClock as Clock


class _Readers:
    """A reactor, as far as it waits for descriptors."""

    def __init__(self) -> None:
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)


class JumpsTests(UnitTestCase):
    def test_time_that_passes_is_none(self) -> None:
        clock = Clock()
        jumps = Jumps(clock.seconds, clock.monotonic)
        clock.advance(3600.0)
        self.assertAlmostEqual(jumps.since(), 0.0, places=5)

    def test_each_is_told_once(self) -> None:
        clock = Clock()
        jumps = Jumps(clock.seconds, clock.monotonic)
        clock.advance(10.0)
        clock.put(-100.0)
        self.assertAlmostEqual(jumps.since(), -100.0, places=5)
        self.assertAlmostEqual(jumps.since(), 0.0, places=5)


class SetClockTests(UnitTestCase):
    def test_the_one_who_waits_is_told_each_time(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        reactor, told = _Readers(), []
        clock = SetClock(reactor, reader, lambda: told.append(True))
        self.assertEqual((reactor.readers, clock.fileno()), ([clock], reader))
        os.write(writer, b"12345678" * 2)
        clock.doRead()
        clock.doRead()
        self.assertEqual(len(told), 2)
        clock.stop()
        clock.stop()
        self.assertEqual((reactor.readers, clock.fileno()), ([], -1))
        self.assertRaises(OSError, os.fstat, reader)

    def test_linux_has_a_timer_for_it(self) -> None:
        descriptor = timer_descriptor()
        assert descriptor is not None
        self.addCleanup(os.close, descriptor)
        # Nobody has set the clock.
        self.assertRaises(BlockingIOError, os.read, descriptor, 8)
        self.assertFalse(os.get_inheritable(descriptor))
