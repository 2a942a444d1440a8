"""The body of a request while it arrives: in memory while it is small, then in a temporary file; or only passing."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO

__all__ = ["Body", "Passage"]


class Body:
    """Bytes that arrive piece by piece and are read as one file when all are there.

    :ivar size: bytes so far.
    """

    __slots__ = ("_file", "_in_memory", "_limit", "size")

    def __init__(self, memory: int) -> None:
        self.size = 0
        self._limit = memory
        self._in_memory = True
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Add a piece.

        :raises OSError: if the temporary file cannot take it.
        """
        self.size += len(data)
        file = self._file
        if file is None:
            # Shares the bytes, and copies them only when a second piece comes.
            file = self._file = BytesIO(data)
            file.seek(0, 2)
        else:
            file.write(data)
        if self._in_memory and self.size > self._limit:
            self._spill(file)

    def _spill(self, file: BinaryIO) -> None:
        # Open for as long as the body is needed.
        spilled: BinaryIO = TemporaryFile(prefix="duck-body-")  # noqa: SIM115
        self._file = spilled
        self._in_memory = False
        file.seek(0)
        spilled.write(file.read())

    def open(self) -> BinaryIO:
        """The whole body as a file, at its beginning; to be closed by the taker.

        :raises OSError: if the temporary file cannot take what was written last.
        """
        file = self._file
        if file is None:
            return BytesIO()
        try:
            file.seek(0)
        except OSError:
            self.close()
            raise
        self._file = None
        return file

    def close(self) -> None:
        """Let go of what has arrived, when nobody will read it."""
        file, self._file = self._file, None
        if file is not None:
            # What a full disk did not take is not wanted any more.
            with suppress(OSError):
                file.close()


class Passage:
    """Bytes that are handed on as they arrive.

    :ivar size: bytes so far.
    """

    __slots__ = ("_pieces", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Add a piece."""
        self.size += len(data)
        self._pieces.append(data)

    def take(self) -> bytes:
        """The pieces since the last time, as one."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Let go of what has arrived, when nobody will take it."""
        self._pieces = []
