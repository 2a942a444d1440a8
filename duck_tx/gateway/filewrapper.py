"""``wsgi.file_wrapper``, and the file in it that needs no thread to be sent."""

from __future__ import annotations

import os
import stat
from io import BufferedRandom, BufferedReader, FileIO
from typing import Any

from duck_tx.http.filepart import FilePart

__all__ = ["FileWrapper", "file_part"]


class FileWrapper:
    """``wsgi.file_wrapper``: a file that the server sends without the application's help.

    :param file: what the application opened.
    :param block: bytes for one read, where it has to be read.
    """

    def __init__(self, file: Any, block: int = 65_536) -> None:
        self.file = file
        self._block = block
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        data: bytes = self.file.read(self._block)
        if not data:
            raise StopIteration
        return data


def file_part(file: Any) -> FilePart | None:
    """The rest of a regular file, on a descriptor of our own: the application's is closed on its own thread, as its
    ``close()`` may have to do with that thread (Django's database connections).

    ``None`` for what must be read: pipes, files in memory, files whose size the system does not tell (``/proc``), and
    everything that makes its content from that of another file, as ``gzip`` does.  Such a file has that other file's
    descriptor, so what counts is whose ``read`` it is: the wrappers of ``tempfile`` and Django lend the real one's.

    :raises OSError: if there are no descriptors left.
    """
    read = getattr(file, "read", None)
    real: Any = getattr(getattr(read, "__wrapped__", read), "__self__", None)
    if type(real) in (BufferedReader, BufferedRandom):
        if type(real.raw) is not FileIO:
            return None
    elif type(real) is not FileIO:
        return None
    try:
        if real.writable():
            real.flush()
        descriptor = real.fileno()
        offset = real.tell()
        found = os.fstat(descriptor)
    except (OSError, ValueError):
        return None
    count = found.st_size - offset
    if count <= 0 or not stat.S_ISREG(found.st_mode):
        return None
    return FilePart(os.fdopen(os.dup(descriptor), "rb", buffering=0), offset, count)
