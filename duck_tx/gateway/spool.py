"""A bounded queue of bytes in a temporary file, between one thread that writes and one that reads."""

from __future__ import annotations

import os
from tempfile import TemporaryFile
from typing import BinaryIO

__all__ = ["Spool"]


class Spool:
    """A ring in a file without a name, so what a slow client takes hours to read never needs more disk than ``limit``.

    One thread writes, another reads, without a lock: each moves only its own end, and the reader's end moves after the
    bytes are read, the writer's after they are written.

    :param limit: bytes that may be waiting.
    :raises OSError: if there is no temporary file to be had.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a spool needs room for at least one byte, not {limit}")
        self._limit = limit
        self._file: BinaryIO = TemporaryFile(prefix="duck-response-", buffering=0)  # noqa: SIM115 - closed by close()
        self._written = 0
        self._read = 0

    @property
    def waiting(self) -> int:
        """Bytes that are to be read."""
        return self._written - self._read

    @property
    def full(self) -> bool:
        """Nothing can be written before something is read."""
        return self._written - self._read >= self._limit

    def write(self, data: memoryview) -> int:
        """Add what fits; bytes taken.

        :raises OSError: if the disk does not take it.
        """
        place = self._written % self._limit
        room = min(self._limit - self.waiting, self._limit - place)
        taken = os.pwrite(self._file.fileno(), data[:room], place)
        self._written += taken
        return taken

    def read(self, size: int) -> bytes:
        """Take at most ``size`` bytes; empty if none are waiting.

        :raises OSError: if the disk does not give back what was written.
        """
        place = self._read % self._limit
        size = min(size, self.waiting, self._limit - place)
        if not size:
            return b""
        data = os.pread(self._file.fileno(), size, place)
        if not data:
            raise OSError("a temporary file lost what was written to it")
        self._read += len(data)
        return data

    def close(self) -> None:
        """Free the disk space; nothing can be read or written any more."""
        self._file.close()
