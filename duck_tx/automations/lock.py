"""The lock of the state directory: of all processes that share it, one runs the automations."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.lock import close, is_current, open_file, take, wait_for

__all__ = ["LOCK", "DirectoryLock"]

LOCK = "automations.lock"
"""The name of its file in the state directory."""

_log = Logger()


class DirectoryLock:
    """Held by one at a time, and by nobody whose process has ended.

    :param reactor: for the thread that waits.
    :param directory: the state directory.
    """

    def __init__(self, reactor: Any, directory: Path) -> None:
        self._reactor = reactor
        self._path = directory / LOCK
        self._held: int | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is held by this."""
        return self._held is not None

    @property
    def holder(self) -> int | None:
        """The process that had it last, as far as its file tells; it has it still, if somebody has."""
        with suppress(OSError, ValueError):
            return int(self._path.read_bytes()[:20])
        return None

    def wait(self) -> Deferred[None]:
        """Fires when the lock is ours; at once, if nobody else has it.

        Cancelling it leaves the lock to others.

        :raises ApplicationError: in the Deferred, if there is no locking the file.
        """
        if self._held is not None:
            return succeed(None)
        try:
            descriptor = open_file(self._path)
        except OSError as error:
            return fail(self._error(error))
        try:
            if take(descriptor) and is_current(descriptor, self._path):
                self._hold(descriptor)
                return succeed(None)
        except OSError as error:
            close(descriptor)
            return fail(self._error(error))
        _log.info(
            "automations: {holder} runs them for {directory}; this process will, when that one does no more",
            holder="another process" if self.holder is None else f"pid {self.holder}",
            directory=self._path.parent,
        )
        waiting: Deferred[None] = Deferred()
        name = "duck-automations-lock"
        # As long as it takes: nobody tells of the end of a lock but the system, to whoever waits in it.
        threading.Thread(target=self._block, args=(descriptor, waiting), name=name, daemon=True).start()
        return waiting

    def _block(self, descriptor: int, waiting: Deferred[None]) -> None:
        try:
            descriptor = wait_for(descriptor, self._path)
        except OSError as error:
            self._reactor.callFromThread(self._failed, error, waiting)
            return
        if waiting.called:
            close(descriptor)
        else:
            self._reactor.callFromThread(self._got, descriptor, waiting)

    def _got(self, descriptor: int, waiting: Deferred[None]) -> None:
        if waiting.called:
            close(descriptor)
            return
        self._hold(descriptor)
        waiting.callback(None)

    def _failed(self, error: OSError, waiting: Deferred[None]) -> None:
        if not waiting.called:
            waiting.errback(self._error(error))

    def _hold(self, descriptor: int) -> None:
        self._held = descriptor
        # For people and for messages; a full disk is no reason not to hold it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Leave the lock to others."""
        held, self._held = self._held, None
        if held is not None:
            close(held)

    def _error(self, error: OSError) -> ApplicationError:
        return ApplicationError(
            f"{self._path} cannot be locked: {error.strerror}. Automations need that, so that no other process runs"
            " them too; choose a state directory that can be written with --state-dir."
        )
