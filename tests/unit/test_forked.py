"""The transport of a process that somebody else has forked."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Literal

from twisted.internet.error import ProcessExitedAlready

from duck_tx.process.forked import Forked
from tests.case import UnitTestCase
from tests.unit.nursery_case import Heard, NurseryReactor


class ForkedTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = NurseryReactor()
        self.process = Heard()
        self.given_up: list[Forked] = []
        descriptors: dict[int, int | Literal["r", "w"]] = {0: "w", 1: 1, 2: "r"}
        self.before = set(os.listdir("/proc/self/fd"))
        self.forked = Forked(self.reactor, self.process, descriptors, self.given_up.append)

    @property
    def heard(self) -> list[object]:
        return self.process.heard

    def assertNothingOpen(self) -> None:
        self.assertEqual(set(os.listdir("/proc/self/fd")) - self.before, set())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def made(self) -> subprocess.Popen[bytes]:
        """A real process, that says a word and ends when its input does."""
        taken = self.forked.take()
        child = subprocess.Popen(["sh", "-c", "echo word >&2; read x; exit 3"], stdin=taken[0], stderr=taken[2])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        for each in taken.values():
            os.close(each)
        self.forked.made(child.pid)
        return child

    def test_its_output_is_read_and_its_end_known_when_somebody_says_it(self) -> None:
        child = self.made()
        self.assertEqual((self.forked.pid, self.heard), (child.pid, ["made"]))
        self.reactor.wait()
        self.assertEqual(self.heard[1:], [(2, b"word\n")])
        self.forked.signalProcess(signal.SIGTERM)
        child.wait()
        self.forked.ended(signal.SIGTERM)
        self.reactor.turn()
        self.assertEqual(self.heard[2:], ["exited", (None, signal.SIGTERM)])
        self.assertRaises(ProcessExitedAlready, self.forked.signalProcess, signal.SIGKILL)
        self.assertNothingOpen()

    def test_its_end_is_seen_where_nobody_says_how_it_was(self) -> None:
        child = self.made()
        self.reactor.wait()
        child.kill()
        child.wait()
        self.reactor.turn()
        self.assertNotIn("exited", self.heard)
        self.reactor.advance(1)
        self.reactor.turn()
        self.assertEqual(self.heard[-2:], ["exited", (None, None)])
        self.assertNothingOpen()

    def test_left_alone_it_goes_on_and_its_end_is_seen_at_once(self) -> None:
        child = self.made()
        self.reactor.wait()
        self.forked.left_alone()
        self.reactor.turn()
        self.assertNotIn("exited", self.heard)
        self.forked.signalProcess(signal.SIGKILL)
        child.wait()
        self.reactor.turn()
        self.assertEqual(self.heard[-2:], ["exited", (None, None)])
        self.assertNothingOpen()

    def test_an_end_that_was_seen_waits_for_no_word_when_it_is_left_alone(self) -> None:
        child = self.made()
        child.kill()
        child.wait()
        self.reactor.turn()
        self.forked.left_alone()
        self.reactor.turn()
        self.assertEqual(self.heard[-1], (None, None))
        self.assertNothingOpen()

    def test_its_status_is_told(self) -> None:
        for status, seen in ((0, (0, None)), (3 << 8, (3, None))):
            process = Heard()
            forked = Forked(self.reactor, process, {2: "r"}, self.given_up.append)
            forked.ended(status)
            self.reactor.turn()
            self.assertEqual(process.heard, ["exited", seen])
        self.forked.ended(None)
        self.reactor.turn()
        self.assertNothingOpen()

    def test_what_it_wrote_last_is_read_before_it_has_ended(self) -> None:
        child = self.made()
        child.kill()
        child.wait()
        self.forked.ended(9)
        self.assertNotIn((None, 9), self.heard)
        self.reactor.turn()
        self.assertEqual(self.heard[-1], (None, 9))

    def test_output_can_be_left_for_later_or_for_good(self) -> None:
        self.made()
        self.forked.pauseProducing()
        self.forked.resumeProducing()
        self.reactor.wait()
        self.assertIn((2, b"word\n"), self.heard)
        self.forked.ended(None)
        self.forked.loseConnection()
        self.reactor.turn()
        self.assertEqual(self.heard[-1], (None, None))

    def test_before_it_is_made_a_kill_is_for_whoever_makes_it(self) -> None:
        self.forked.signalProcess(signal.SIGTERM)
        self.assertEqual(self.given_up, [])
        self.forked.signalProcess(signal.SIGKILL)
        self.assertEqual(self.given_up, [self.forked])
        self.forked.left_alone()
        self.reactor.turn()
        self.assertEqual(self.heard, ["exited", (None, None)])
        self.assertNothingOpen()

    def test_where_there_cannot_be_so_many_files_none_is_left_open(self) -> None:
        self.forked.ended(None)
        self.reactor.turn()
        with self.assertRaises(OSError):
            Forked(self.reactor, Heard(), {0: "w", 2: "r", 3: 9999}, self.given_up.append)
        self.assertNothingOpen()
