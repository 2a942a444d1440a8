"""The process from which workers are forked."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

from duck_tx.process.fork import Fork, Gone, Made, NotMade, Retire, Wire, Word, pair
from tests.case import UnitTestCase

_PROGRAM = """
import os, socket
from duck_tx import nursery
from duck_tx.process.fork import Order, Wire

nursery.reserve()
own = os.open(os.devnull, os.O_RDONLY)
assert own not in range(3, 19), own
sock = socket.socket(fileno=3)
os.set_inheritable(3, False)
if nursery.Nursery(Wire[Order](sock, Order)).run():
    found = map(int, os.listdir("/proc/self/fd"))
    there = sorted(number for number in found if number != own and os.path.exists(f"/proc/self/fd/{number}"))
    os.write(2, repr(there).encode())
    os.read(0, 1)
    os._exit(3)
os._exit(5)
"""


class NurseryTests(UnitTestCase):
    def setUp(self) -> None:
        ours, theirs = pair()
        ours.setblocking(True)
        ours.settimeout(20)
        self.wire = Wire[Word](ours, Word)
        self.addCleanup(self.wire.close)
        root = str(Path(__file__).parents[2])
        number = theirs.fileno()
        program = f"import os; os.dup2({number}, 3, inheritable=False); {number} == 3 or os.close({number})\n{_PROGRAM}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=[number],
            env={**os.environ, "PYTHONPATH": root},
        )
        theirs.close()
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def heard(self) -> Word | None:
        word, _ = self.wire.receive()
        return word

    def forked(self) -> tuple[int, int, int]:
        """The pid of a worker, the end of the pipe that is its input, and of that to which it writes."""
        (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
        link, other = socket.socketpair()
        with link, other:
            self.wire.send(Fork((0, 2, 3, 7)), [theirs_in, theirs_out, link.fileno(), other.fileno()])
        os.close(theirs_in)
        os.close(theirs_out)
        made = self.heard()
        assert isinstance(made, Made)
        return made.pid, ours_in, ours_out

    def test_workers_have_the_descriptors_that_were_sent_and_no_others(self) -> None:
        one, two = self.forked(), self.forked()
        for pid, put, got in (two, one):
            self.assertEqual(os.read(got, 1000), b"[0, 1, 2, 3, 7]")
            os.close(put)
            self.assertEqual(self.heard(), Gone(pid, 3 << 8))
            os.close(got)

    def test_it_ends_when_its_last_worker_has_and_no_more_are_wanted(self) -> None:
        pid, put, got = self.forked()
        self.wire.send(Retire())
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.heard(), Gone(pid, signal.SIGKILL))
        self.assertEqual(self.process.wait(20), 5)
        self.assertIsNone(self.heard())
        os.close(put)
        os.close(got)

    def test_it_ends_with_the_main_process_whoever_is_left(self) -> None:
        pid, put, got = self.forked()
        self.wire.close()
        self.assertEqual(self.process.wait(20), 5)
        os.kill(pid, 0)
        os.close(put)
        os.close(got)

    def test_where_there_can_be_no_process_it_says_so_and_goes_on(self) -> None:
        _, most = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        nothing = os.open(os.devnull, os.O_RDONLY)
        one = self.forked()
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (20, most))
        self.wire.send(Fork((0, 4, 5)), [nothing] * 3)
        self.assertEqual(self.heard(), NotMade("Too many open files"))
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (most, most))
        two = self.forked()
        for pid, put, got in (one, two):
            os.close(put)
            self.assertEqual(self.heard(), Gone(pid, 3 << 8))
            os.close(got)
        os.close(nothing)
