"""Watching files, so that somebody hears of a change at once: hupper's file monitors, on the reactor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from hupper.interfaces import ILogger
from hupper.polling import PollingFileMonitor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

__all__ = ["FileWatch", "top_folder"]

_log = Logger()
_POLL_INTERVAL = 0.5
"""Seconds between two looks at all files."""


def top_folder(path: str) -> str:
    """The outermost package that a file is in, else its folder.

    Each folder that is watched by itself takes a thread; a package is watched with all that is below it.
    """
    folder = os.path.dirname(path)
    while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
        top, folder = folder, os.path.dirname(folder)
        if not os.path.isfile(os.path.join(folder, "__init__.py")):
            return top
    return folder


class FileWatch:
    """Tells of changes to some files: their content, their coming and their going.

    The system tells where it can (watchdog); where it cannot, or has no room for more watches, the files are looked at
    again and again.

    :param reactor: where ``changed`` is called.
    :param changed: called with the path of each change, at least once.
    :param polls: do not ask the system at all.
    """

    def __init__(self, reactor: Any, changed: Callable[[str], object], *, polls: bool = False) -> None:
        self._reactor = reactor
        self._changed = changed
        self._polls = polls
        self._paths: set[str] = set()
        self._monitor: Any = None

    def start(self) -> None:
        """Begin to watch."""
        self._monitor = self._polling() if self._polls else self._told()
        self._monitor.start()
        self._watch(self._paths)

    def add(self, paths: Iterable[str]) -> set[str]:
        """Watch these as well, and say which of them are new; a file need not be there yet, its folder has to."""
        new = {path for path in paths if path not in self._paths and os.path.isdir(os.path.dirname(path))}
        self._paths |= new
        if self._monitor is not None:
            self._watch(new)
        return new

    def _watch(self, paths: Iterable[str]) -> None:
        for path in sorted(paths):
            self._monitor.add_path(path)

    def stop(self) -> Deferred[None]:
        """Stop watching; fires when the threads that did it are gone."""
        monitor, self._monitor = self._monitor, None
        return succeed(None) if monitor is None else self._ended(monitor)

    def _ended(self, monitor: Any) -> Deferred[None]:
        monitor.stop()
        ended: Deferred[None] = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), monitor.join)
        return ended

    def _tell(self, path: str) -> None:
        self._reactor.callFromThread(self._heard, path)

    def _heard(self, path: str) -> None:
        if self._monitor is not None:
            self._changed(path)

    def _told(self) -> Any:
        try:
            from duck_tx.reload.packages import PackageMonitor
        except ImportError:
            return self._polling()
        return PackageMonitor(self._tell, logger=_Complaints(self._complained))

    def _polling(self) -> Any:
        monitor = PollingFileMonitor(self._tell, interval=_POLL_INTERVAL)
        monitor.daemon = True
        return monitor

    def _complained(self, message: str) -> None:
        """The system does not tell, or not of all files: look at them instead."""
        monitor = self._monitor
        if self._polls or monitor is None:
            return
        self._polls = True
        _log.warn("looking at the files again and again, as the system cannot watch them: {why}", why=message)
        self._ended(monitor)
        self.start()


class _Complaints(ILogger):
    """Hears what a monitor says is wrong."""

    def __init__(self, told: Callable[[str], object]) -> None:
        self._told = told

    def error(self, msg: str) -> None:
        self._told(msg)

    def info(self, msg: str) -> None:
        pass

    def debug(self, msg: str) -> None:
        pass
