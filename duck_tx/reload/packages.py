"""A file monitor as hupper has them, on watchdog, with few watches: one for a package, not one for each folder.

hupper's own takes its lock and watchdog's in one order to add a file, and in the other to tell of an event: a file that
is edited while others are added can stop both for good.  It also goes on to watch whatever a watched file is moved to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hupper.interfaces import IFileMonitor
from watchdog.observers import Observer

from duck_tx.reload.files import top_folder
from duck_tx.reload.folders import Listener

__all__ = ["PackageMonitor"]


class PackageMonitor(IFileMonitor):
    """Tells of the files that it is given.

    :param callback: called with the path of each change, on a thread.
    :param logger: hears why files cannot be watched.
    """

    def __init__(self, callback: Callable[[str], object], logger: Any) -> None:
        self._callback = callback
        self._logger = logger
        self._paths: set[str] = set()
        self._roots: set[str] = set()
        self._listener = Listener(self._changed)
        self._observer = Observer()
        self._observer.daemon = True

    def add_path(self, path: str) -> None:
        """Watch this file as well; its folder has to be there."""
        self._paths.add(path)
        root = top_folder(path)
        if root in self._roots:
            return
        self._roots.add(root)
        try:
            self._observer.schedule(self._listener, root, recursive=os.path.isfile(os.path.join(root, "__init__.py")))
        except OSError as error:
            self._logger.error(str(error))

    def _changed(self, path: str) -> None:
        if path in self._paths:
            self._callback(path)

    def start(self) -> None:
        """Begin to watch."""
        self._observer.start()

    def stop(self) -> None:
        """Stop watching soon."""
        self._observer.stop()

    def join(self) -> None:
        """Wait for the end."""
        self._observer.join()
