"""In the server that stands below a monitor: says which files it is made of, and what of its pages has changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from duck_tx.reload import django
from duck_tx.reload.django import Watched
from duck_tx.reload.folders import FolderWatch
from duck_tx.reload.gathered import Gathered
from duck_tx.reload.link import Link
from duck_tx.reload.live import Live
from duck_tx.reload.module import failed_files, module_files

__all__ = ["Consequence", "ReloaderService", "is_noise"]

_log = Logger()
_LOOK = 1.0
"""Seconds between two looks for modules that were imported late."""


class Consequence(NamedTuple):
    """What follows from changes.

    :ivar restart: a file that the running server cannot take anew.
    :ivar page: pages have to be loaded again.
    :ivar styles: style sheets that can be fetched again, by the end of their path.
    """

    restart: str | None
    page: bool
    styles: tuple[str, ...]


def is_noise(path: str) -> bool:
    """Whether a file is one that editors and Python leave beside the others."""
    name = os.path.basename(path)
    return name.startswith((".", "#")) or name.endswith(("~", ".tmp", ".pyc")) or name == "4913"


class ReloaderService(Service):
    """Stands above the public server: it starts when that listens, and its listeners are let go before that drains.

    :param reactor: for the files, the threads and the time.
    :param link: to the monitor.
    :param live: the browsers that look on.
    :param excluded: folders of code and files that nobody edits here.
    :param polls: look at the files again and again.

    :ivar error: why the project could not be loaded.
    """

    def __init__(self, reactor: Any, link: Link, live: Live, *, excluded: Sequence[str], polls: bool = False) -> None:
        self.error: BaseException | None = None
        self._reactor = reactor
        self._link = link
        self._live = live
        self._excluded = excluded
        self._gathered = Gathered(reactor, self._edited)
        self._folders = FolderWatch(reactor, self._gathered.add, polls=polls)
        self._watched = Watched({}, frozenset(), ())
        self._seen: set[str] = set()
        self._later: IDelayedCall | None = None
        self._looking: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Say that the server is ready, and watch."""
        super().startService()
        self._live.open()
        self.tell_files()
        self._link.say(ready=True)
        self._later = self._reactor.callLater(_LOOK, self._look_again)
        # What a project does when it is asked may take its time.
        self._looking = self._aside(self._look).addErrback(_failed)

    def restart(self, why: str = "asked for") -> None:
        """Have the monitor start the server anew."""
        self._link.say(restart=why)

    def stay(self) -> None:
        """Have the monitor wait for the next change when the server has stopped."""
        self._link.say(stays=True)

    def _aside(self, function: Any, *args: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), function, *args)

    def _look(self) -> None:
        """On a thread."""
        self._watched = watched = django.watched()
        folders = [*watched.folders, *watched.static, *map(os.path.dirname, watched.files)]
        self._folders.start(folder for folder in folders if not self._is_excluded(folder))

    def _is_excluded(self, folder: str) -> bool:
        real = os.path.realpath(folder) + os.sep
        return any(real.startswith(each + os.sep) for each in self._excluded)

    def tell_files(self) -> None:
        """Tell the monitor of the modules that are new since the last time, and of what an error came from."""
        new = set(sys.modules) - self._seen
        if new:
            self._seen |= new
            files = module_files([sys.modules.get(name) for name in new], self._excluded)
            if self.error is not None:
                files |= failed_files(self.error, sys.path, self._excluded)
            self._link.say(watch=sorted(files))

    def _look_again(self) -> None:
        self._later = self._reactor.callLater(_LOOK, self._look_again)
        self.tell_files()

    def _edited(self, paths: frozenset[str]) -> None:
        self._aside(self._consequence, paths).addCallback(self._act).addErrback(_failed)

    def _consequence(self, paths: frozenset[str]) -> Consequence:
        """On a thread: see to the changes, as far as that can be done in this process."""
        restart, page, styles = None, False, []
        for path in sorted(paths):
            name = django.static_name(path, self._watched.static)
            if is_noise(path):
                continue
            if name is not None and name.endswith(".css"):
                styles.append(name)
            elif name is not None:
                page = True
            elif self._counts(path):
                if django.handled(path):
                    page = True
                else:
                    restart = path
        return Consequence(restart, page, tuple(styles))

    def _counts(self, path: str) -> bool:
        if path in self._watched.files:
            return True
        file = PurePath(path)
        return any(
            path.startswith(folder + os.sep) and any(pattern == "**/*" or file.match(pattern) for pattern in patterns)
            for folder, patterns in self._watched.folders.items()
        )

    def _act(self, consequence: Consequence) -> None:
        if consequence.restart is not None:
            self.restart(f"{consequence.restart} changed")
        elif consequence.page:
            self._live.page_changed()
        else:
            for name in consequence.styles:
                self._live.style_changed(name)

    async def stopService(self) -> None:
        """Let the browsers go, and watch no longer."""
        super().stopService()
        self._live.close()
        self._gathered.forget()
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None
        await self._looking
        await self._folders.stop()


def _failed(failure: Any) -> None:
    _log.failure("the reloader failed", failure=failure)
