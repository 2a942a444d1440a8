"""Watching folders with all that is in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

__all__ = ["FolderWatch", "Listener", "outermost"]

# It warns of what comes after the end, which is nobody's business.
logging.getLogger("watchdog").addHandler(logging.NullHandler())

_log = Logger()
_KINDS = frozenset({"created", "modified", "moved", "deleted"})
"""Opening and closing are told as well."""


def outermost(folders: Iterable[str]) -> list[str]:
    """Those of ``folders`` that are in no other of them."""
    found: list[str] = []
    for folder in sorted(set(folders)):
        if not any(folder.startswith(each.rstrip(os.sep) + os.sep) for each in found):
            found.append(folder)
    return found


class FolderWatch:
    """Tells of changes to the files in some folders and below them.

    :param reactor: where ``changed`` is called.
    :param changed: called with the path of each file, at least once.
    :param polls: look at them again and again, instead of asking the system.
    """

    def __init__(self, reactor: Any, changed: Callable[[str], object], *, polls: bool = False) -> None:
        self._reactor = reactor
        self._changed = changed
        self._polls = polls
        self._observer: Any = None

    def start(self, folders: Iterable[str]) -> None:
        """Begin to watch those of ``folders`` that are there; blocks for as long as it takes to walk through them."""
        roots = [folder for folder in outermost(folders) if os.path.isdir(folder)]
        if not roots:
            return
        if not self._polls:
            try:
                self._observer = self._watching(Observer(), roots)
                return
            except OSError as error:
                _log.warn(
                    "looking at templates and static files again and again, as the system cannot watch them: {why}",
                    why=error.strerror,
                )
        self._observer = self._watching(PollingObserver(), roots)

    def _watching(self, observer: Any, roots: Iterable[str]) -> Any:
        listener = Listener(self._tell)
        observer.daemon = True
        try:
            observer.start()
            for root in roots:
                observer.schedule(listener, root, recursive=True)
        except OSError:
            observer.stop()
            raise
        return observer

    def _tell(self, path: str) -> None:
        self._reactor.callFromThread(self._heard, path)

    def _heard(self, path: str) -> None:
        if self._observer is not None:
            self._changed(path)

    def stop(self) -> Deferred[None]:
        """Stop watching; fires when the threads that did it are gone."""
        observer, self._observer = self._observer, None
        if observer is None:
            return succeed(None)
        observer.stop()
        ended: Deferred[None] = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), observer.join)
        return ended


class Listener(FileSystemEventHandler):
    """Takes the events that are changes of files."""

    def __init__(self, changed: Callable[[str], object]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _KINDS and not event.is_directory:
            for path in (event.src_path, getattr(event, "dest_path", "")):
                if path:
                    self._changed(os.fsdecode(path))
