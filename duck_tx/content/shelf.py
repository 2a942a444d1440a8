"""What is kept of files between requests, within bounds, and checked against the disk every time.

A file whose device, inode, times and size are what they were is the file that was found inside the root
before, with the same content and permissions, by whatever path it is reached now. So one ``stat`` is all that
a known file costs.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import OrderedDict
from collections.abc import Callable

from duck_tx.content.coding import CODINGS, Coding
from duck_tx.content.representation import Presentation, Representation, identity, settled
from duck_tx.content.root import Place, open_regular

SMALL = 65_536
"""Bytes up to which a file is read at once and its content kept."""

_MOST_FILES = 4096
_MOST_BYTES = 16 * 1024 * 1024

_Key = tuple[str, Coding | None]
"""A compressed file may be asked for by its own name, too, and is a plain file then."""


class Changed(Exception):
    """A file is no longer the one that was described; describe it anew."""


class Shelf:
    """Representations by path, the least recently used of which make room for others.

    :param now: seconds since the epoch.
    :param most_files: how many representations are kept.
    :param most_bytes: how many bytes of their contents.
    """

    def __init__(
        self,
        place: Place,
        presentation: Presentation,
        now: Callable[[], float],
        most_files: int = _MOST_FILES,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._place = place
        self._presentation = presentation
        self._now = now
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, Representation] = OrderedDict()
        self._bytes = 0

    def representation(self, name: str, path: str, coding: Coding | None = None) -> Representation:
        """The file ``name``, which lies at ``path``, as it is now; or its sibling in ``coding``, which does.

        :raises OSError: if there is none that may be read.
        """
        status = os.stat(path)
        key = (path, coding)
        kept = self._kept.get(key)
        if kept is not None:
            if kept.identity == identity(status):
                self._kept.move_to_end(key)
                return kept
            self._forget(key)
        if not stat.S_ISREG(status.st_mode):
            # Said before it is opened: opening a device may be an act in itself.
            raise FileNotFoundError(errno.ENOENT, "not a regular file", path)
        descriptor, status = self._place.open(path)
        os.close(descriptor)
        made = self._presentation.representation(name, path, coding, status, self._now())
        if made.settled:
            self._kept[key] = made
            self._make_room()
        return made

    def encoded(self, plain: Representation, wanted: tuple[Coding, ...]) -> Representation:
        """The first sibling of ``plain`` in one of the ``wanted`` codings, or ``plain`` itself.

        A sibling that is older, in whole seconds since tools copy times no better, was made from another
        state.
        """
        present = self._neighbours(plain)
        for coding in wanted:
            if coding not in present:
                continue
            try:
                sibling = self.representation(plain.name, plain.path + coding.suffix, coding)
            except OSError:
                continue
            if sibling.validators.modified >= plain.validators.modified:
                return sibling
        return plain

    def _neighbours(self, plain: Representation) -> tuple[Coding, ...]:
        """The codings that ``plain`` has siblings in; looked for anew when its folder has changed."""
        folder = os.stat(plain.path.rpartition("/")[0] or "/")
        known = plain.neighbours
        if known is not None and known[0] == identity(folder):
            return known[1]
        present = tuple(coding for coding in CODINGS if os.path.exists(plain.path + coding.suffix))
        plain.neighbours = (identity(folder), present) if settled(folder, self._now()) else None
        return present

    def open(self, known: Representation) -> io.FileIO:
        """The file that ``known`` describes, for reading; the caller closes it.

        :raises Changed: if another has taken its place.
        """
        descriptor, status = open_regular(known.path, known.path)
        if identity(status) != known.identity:
            os.close(descriptor)
            raise Changed(known.path)
        return io.FileIO(descriptor)

    def content(self, known: Representation) -> bytes:
        """All bytes of a file of at most :data:`SMALL` bytes.

        :raises Changed: if another has taken its place.
        """
        if known.body is not None:
            return known.body
        with self.open(known) as file:
            body = file.read(known.size + 1)
        if body is None or len(body) != known.size:
            raise Changed(known.path)
        if self._kept.get((known.path, known.coding)) is known:
            known.body = body
            self._bytes += len(body)
            self._make_room()
        return body

    def _forget(self, key: _Key) -> None:
        dropped = self._kept.pop(key)
        if dropped.body is not None:
            self._bytes -= len(dropped.body)

    def _make_room(self) -> None:
        while len(self._kept) > self._most_files or self._bytes > self._most_bytes:
            self._forget(next(iter(self._kept)))
