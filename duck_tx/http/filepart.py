"""A stretch of an open file as one part of a response body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class FilePart:
    """``count`` bytes of ``file`` from byte ``offset``, to be sent as they are.

    Several parts of one response may share a file, in any order and overlapping, so whoever sends them reads
    at the given offset (``sendfile``, ``pread`` or a seek before each read) and never relies on the file's
    own position. The sender owns the file from then on: it closes it once, when the last part is out or the
    client has left.
    """

    file: BinaryIO
    offset: int
    count: int
