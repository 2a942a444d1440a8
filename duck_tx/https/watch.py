"""The files of certificates: read when they change, the last good reading of each kept while it cannot be replaced."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duck_tx.errors import SSLError
from duck_tx.https.credential import Credential, NotYetValid
from duck_tx.https.folder import Pair, pairs_in
from duck_tx.https.pem import Unfinished

__all__ = ["Fault", "Folder", "Watch"]

Stamp = tuple[tuple[int, ...] | None, ...]
"""What changes when one of some files does: device, inode, size and times of each; None for those not there."""

Reader = Callable[[Pair, datetime], Credential]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of certificates.

    :ivar may_lack: it need not be there (yet).
    """

    path: Path
    may_lack: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file or folder.

    :ivar is_grave: a start cannot go on with it.  A bad certificate of a folder is left out instead: it may hold many.
    """

    error: SSLError
    is_grave: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was last made of one pair.

    :ivar credential: the last good one.
    :ivar error: what is wrong with the files as they are now.
    :ivar is_settled: that counts; otherwise they get another look first.
    """

    stamp: Stamp
    credential: Credential | None = None
    error: SSLError | None = None
    is_settled: bool = True

    def is_worth_another(self, now: datetime) -> bool:
        """Whether files that have not changed may yet read differently."""
        return not self.is_settled or (isinstance(self.error, NotYetValid) and self.error.begins <= now)


class Watch:
    """Keeps the credentials that some pairs and folders give.

    :param pairs: in the order of their worth.
    :param folders: whose pairs come behind them.
    :param read: makes a credential of a pair; raises :class:`SSLError`.
    """

    def __init__(self, pairs: Sequence[Pair], folders: Sequence[Folder], read: Reader) -> None:
        self._pairs = tuple(pairs)
        self._folders = tuple(folders)
        self._read = read
        self._readings: dict[Pair, _Reading] = {}
        self._listings: dict[Folder, tuple[Pair, ...]] = {}
        self._told: dict[Folder, str] = {}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Those that give a credential, in order."""
        return tuple(pair for pair, reading in self._readings.items() if reading.credential is not None)

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The last good one of each pair, in order."""
        return tuple(reading.credential for reading in self._readings.values() if reading.credential is not None)

    def look(self, now: datetime) -> list[Fault]:
        """Read what has changed since the last time.

        Files that look as if they were being written get until the next look before they count as faulty.

        :return: what is wrong, each once for each change.
        """
        faults = self._list(tells_again=False)
        earlier, self._readings = self._readings, {}
        for pair in self._current():
            before, stamp = earlier.get(pair), _stamp(pair)
            if before is not None and before.stamp == stamp and not before.is_worth_another(now):
                self._readings[pair] = before
                continue
            has_changed = before is None or before.stamp != stamp
            faults += self._anew(pair, stamp, before, now, gives_time=has_changed)
        return faults

    def read_all(self, now: datetime) -> list[Fault]:
        """Read everything, changed or not.

        :return: all that is wrong.
        """
        faults = self._list(tells_again=True)
        earlier, self._readings = self._readings, {}
        for pair in self._current():
            faults += self._anew(pair, _stamp(pair), earlier.get(pair), now, gives_time=False)
        return faults

    def _list(self, *, tells_again: bool) -> list[Fault]:
        """Look which pairs the folders hold; one that cannot be listed is taken to be as it was."""
        faults = []
        for folder in self._folders:
            try:
                self._listings[folder] = pairs_in(folder.path)
            except SSLError as error:
                if folder.may_lack and isinstance(error.__cause__, FileNotFoundError):
                    self._listings[folder] = ()
                    continue
                if tells_again or self._told.get(folder) != str(error):
                    faults.append(Fault(error, is_grave=not folder.may_lack))
                self._told[folder] = str(error)
            else:
                self._told.pop(folder, None)
        return faults

    def _current(self) -> dict[Pair, None]:
        listed = (pair for folder in self._folders for pair in self._listings.get(folder, ()))
        return dict.fromkeys([*self._pairs, *listed])

    def _anew(
        self, pair: Pair, stamp: Stamp, before: _Reading | None, now: datetime, *, gives_time: bool
    ) -> list[Fault]:
        """Read a pair, and say what is wrong with it."""
        old = None if before is None else before.credential
        try:
            new = self._read(pair, now)
        except SSLError as error:
            waits = gives_time and isinstance(error, Unfinished)
            self._readings[pair] = _Reading(stamp, old, error, is_settled=not waits)
            return [] if waits else [Fault(error, is_grave=pair in self._pairs)]
        # The same one again stays the same object, so that nobody takes it for a new one.
        same = old is not None and old.chain == new.chain
        self._readings[pair] = _Reading(stamp, old if same else new)
        return []


def _stamp(pair: Pair) -> Stamp:
    return tuple(_stamp_of(path) for path in (pair.certfile, pair.key_file))


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # The change time tells of permissions that were mended.
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
