"""One process of all that share a state directory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from twisted.internet.defer import CancelledError, Deferred

from duck_tx.automations import lock as lock_module
from duck_tx.automations.lock import LOCK, DirectoryLock
from duck_tx.errors import ApplicationError
from tests.case import AsyncTestCase
from tests.integration.server import CHECKOUT
from tests.unit.logged import logged_lines

_HOLD = """
import sys
from pathlib import Path
from twisted.internet import reactor
from duck_tx.automations.lock import DirectoryLock
lock = DirectoryLock(reactor, Path(sys.argv[1]))
lock.wait()
print(lock.is_ours, flush=True)
sys.stdin.read()
"""


class LockTests(AsyncTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)

    def lock(self, directory: Path | None = None) -> DirectoryLock:
        from twisted.internet import reactor

        lock = DirectoryLock(reactor, directory or self.directory)
        self.addCleanup(lock.release)
        return lock

    def holder(self) -> subprocess.Popen[bytes]:
        """Another process that has the lock."""
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
        )
        self.addCleanup(_end, holder)
        self.assertEqual(_stream(holder.stdout).readline(), b"True\n")
        return holder

    async def test_the_first_has_it_at_once(self) -> None:
        lock = self.lock()
        self.assertFalse(lock.is_ours)
        self.successResultOf(lock.wait())
        self.assertTrue(lock.is_ours)
        self.assertEqual(lock.holder, os.getpid())
        self.assertEqual((self.directory / LOCK).stat().st_mode & 0o777, 0o600)
        self.successResultOf(lock.wait())

    async def test_the_next_has_it_when_it_is_released(self) -> None:
        first, second = self.lock(), self.lock()
        first.wait()
        with logged_lines() as lines:
            waiting = second.wait()
        self.assertEqual(len(lines), 1)
        self.assertIn(f"pid {os.getpid()} runs them for {self.directory}", lines[0])
        self.assertNoResult(waiting)
        first.release()
        await waiting
        self.assertEqual((first.is_ours, second.is_ours), (False, True))

    async def test_it_ends_with_the_process_that_holds_it(self) -> None:
        holder = self.holder()
        lock = self.lock()
        waiting = lock.wait()
        self.assertEqual(lock.holder, holder.pid)
        self.assertNoResult(waiting)
        holder.kill()
        await waiting
        self.assertEqual(lock.holder, os.getpid())

    async def test_who_no_longer_waits_does_not_get_it(self) -> None:
        first, second, third = self.lock(), self.lock(), self.lock()
        first.wait()
        waiting = second.wait()
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting
        last = third.wait()
        first.release()
        await last
        self.assertEqual((second.is_ours, third.is_ours), (False, True))

    async def test_a_file_that_is_removed_locks_nobody_out(self) -> None:
        first, second, third = self.lock(), self.lock(), self.lock()
        first.wait()
        waiting = second.wait()
        (self.directory / LOCK).unlink()
        first.release()
        await waiting
        # Not the one that has no name any more.
        after = third.wait()
        self.assertNoResult(after)
        second.release()
        await after

    async def test_a_child_that_goes_on_without_us_does_not_keep_it(self) -> None:
        first, second = self.lock(), self.lock()
        first.wait()
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        child = os.fork()
        if not child:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        os.close(read)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.write, write, b"x")
        first.release()
        await second.wait()

    async def test_where_there_is_no_locking_the_file_it_is_a_line(self) -> None:
        lock = self.lock(self.directory / "missing")
        error = self.failureResultOf(lock.wait(), ApplicationError).value
        self.assertIn("automations.lock cannot be locked: No such file or directory. ", str(error))
        self.assertIsNone(lock.holder)

    async def test_so_it_is_where_it_turns_out_later(self) -> None:
        def refuse(*args: object) -> bool:
            raise OSError(errno.ENOLCK, "No locks available")

        first, second = self.lock(), self.lock()
        self.patch(lock_module, "take", refuse)
        self.failureResultOf(first.wait(), ApplicationError)
        self.patch(lock_module, "take", lambda descriptor: False)
        self.patch(lock_module, "wait_for", refuse)
        with self.assertRaisesRegex(ApplicationError, "cannot be locked: No locks available"):
            await second.wait()
        self.assertFalse(second.is_ours)

    async def test_one_that_is_given_up_in_the_last_moment_goes_to_others(self) -> None:
        first, second, third = self.lock(), self.lock(), self.lock()
        first.wait()
        waiting = second.wait()
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        got = second._got

        def late(descriptor: int, waiting: Deferred[None]) -> None:
            waiting.cancel()
            got(descriptor, waiting)

        self.patch(second, "_got", late)
        first.release()
        await waiting
        await third.wait()
        self.assertEqual((second.is_ours, third.is_ours), (False, True))

    async def test_a_file_that_names_nobody_is_a_holder_unknown(self) -> None:
        (self.directory / LOCK).write_bytes(b"somebody")
        self.assertIsNone(self.lock().holder)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:
        process.kill()
