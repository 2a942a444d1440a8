"""The access log: lines gathered in memory and written together, so that a request hardly notices it."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TextIO

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from duck_tx.http.accessline import LINES, Answered

__all__ = ["AccessLog"]

_FLUSH_AFTER = 0.5
"""Seconds that a line waits at most for company."""

_FLUSH_SIZE = 32_768
"""Bytes that are written at once; less than what a pipe holds."""

_BUFFER_LIMIT = 1_048_576
"""Bytes kept for a console that takes nothing at present."""

_log = Logger()


class AccessLog:
    """Writes one line for each request that was answered.

    It never makes a request wait or fail: what cannot be written is dropped, which is said once, and how many
    lines that were is said when writing works again.

    :param format: ``combined`` or ``json``.
    :param out: a text stream such as ``sys.__stdout__``, which stays open, or the path of a file, which is
        appended to, and made with mode 0640 where there is none.
    :param clock: runs the delayed write; nothing is scheduled while nothing is buffered.
    :param seconds: the clock of ``request.started``.
    :param now: seconds since the epoch.
    :raises ValueError: if there is no such format.
    :raises OSError: if the file cannot be opened.
    """

    def __init__(
        self,
        format: str,
        out: TextIO | str | os.PathLike[str],
        clock: IReactorTime,
        *,
        seconds: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        if format not in LINES:
            raise ValueError(f"an access log is written as {' or '.join(LINES)}, not as {format!r}")
        self._line = LINES[format]
        self._clock = clock
        self._seconds = seconds
        self._now = now
        self._path: str | None = None
        self._out: _Out
        if isinstance(out, (str, os.PathLike)):
            self._path = os.fspath(out)
            self._out = _Descriptor(_open(self._path))
        else:
            self._out = _out_for(out)
        self._lines: list[bytes] = []
        self._rest = b""
        self._size = 0
        self._flush_size = _FLUSH_SIZE
        self._limit = _BUFFER_LIMIT
        self._timer: IDelayedCall | None = None
        self._is_failing = self._is_torn = False
        self._dropped = 0

    def log(self, request: Answered) -> None:
        """Note a request whose response is out."""
        if self._size >= self._limit:
            self._dropped += 1
            return
        took = max(self._seconds() - request.started, 0.0)
        line = self._line(request, self._now() - took, took)
        self._lines.append(line)
        self._size += len(line)
        if self._timer is None:
            self._flush_later()
        if self._size >= self._flush_size:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered, as far as that is possible without waiting."""
        data = b"".join((self._rest, *self._lines))
        self._lines.clear()
        self._rest = b""
        position = 0
        while position < len(data):
            try:
                sent = self._out.write(data, position)
            except (OSError, ValueError) as error:
                self._drop(data[position:], error)
                # The next line must not continue one that was cut.
                self._rest = b"\n" if self._is_torn else b""
                break
            if not sent:
                self._rest = data[position:]
                break
            position += sent
            self._is_torn = data[position - 1] != 0x0A
            if position == len(data):
                self._recovered()
        self._size = len(self._rest)
        self._flush_size = self._size + _FLUSH_SIZE
        if self._timer is None and _count_lines(self._rest):
            self._flush_later()

    def reopen(self) -> None:
        """Go on in a new file under the same name, after the old one was renamed; does nothing for a stream.

        Where that fails the old file stays in use, and the log says why.
        """
        if self._path is None or not self._limit:
            return
        self.flush()
        try:
            descriptor = _open(self._path)
        except OSError as error:
            _log.error("the access log goes on in its old file, the new one failed: {error}", error=str(error))
            return
        self._out.close()
        self._out = _Descriptor(descriptor)
        if self._rest == b"\n" and not os.fstat(descriptor).st_size:
            # The line that was cut is in the old file.
            self._rest, self._size = b"", 0

    def close(self) -> None:
        """Write what is buffered and let go of the file; later lines are dropped.  May be called twice."""
        if not self._limit:
            return
        self.flush()
        self._dropped += _count_lines(self._rest)
        if self._dropped:
            _log.warn("lines of the access log dropped: {count}", count=self._dropped)
        self._limit = 0
        self._rest = b""
        self._out.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush_later(self) -> None:
        self._timer = self._clock.callLater(_FLUSH_AFTER, self._flush_in_time)

    def _flush_in_time(self) -> None:
        self._timer = None
        self.flush()

    def _drop(self, data: bytes, error: Exception) -> None:
        self._dropped += _count_lines(data)
        if not self._is_failing:
            self._is_failing = True
            _log.error("the access log cannot be written, its lines are dropped: {error}", error=str(error))

    def _recovered(self) -> None:
        # Only now is it said that a console took nothing for a while: before, the message itself could have
        # been what the process hangs on.
        self._is_failing = False
        if self._dropped:
            _log.warn("the access log is written again; lines dropped meanwhile: {count}", count=self._dropped)
            self._dropped = 0


class _Out(Protocol):
    """Where lines go."""

    def write(self, data: bytes, start: int) -> int:
        """Write of ``data`` from ``start`` on; how many bytes were taken, 0 if it would have to wait."""
        ...

    def close(self) -> None: ...


class _Descriptor:
    """A file descriptor.  A pipe or terminal gets only what it takes without making the whole process wait.

    ``PIPE_BUF`` bytes are what a pipe that polls as ready takes at once; a terminal promises less, so it may
    still wait for a moment.  Cut between lines, these writes do not mix with those of other processes.

    :param stream: whom the descriptor belongs to, if not to this object.
    """

    def __init__(self, descriptor: int, stream: TextIO | None = None) -> None:
        self._descriptor = descriptor
        self._stream = stream
        self._poll: select.poll | None = None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)

    def write(self, data: bytes, start: int) -> int:
        if self._stream is not None and self._stream.closed:
            # The number may be another file's by now.
            raise ValueError("the stream is closed")
        end = len(data)
        if self._poll is not None:
            if not self._poll.poll(0):
                return 0
            end = data.rfind(b"\n", start, start + select.PIPE_BUF) + 1 or start + select.PIPE_BUF
        try:
            return os.write(self._descriptor, data[start:end])
        except BlockingIOError:
            return 0

    def close(self) -> None:
        if self._stream is None:
            # A disk far away may say only here that it lost something; there is nothing left to do about it.
            with suppress(OSError):
                os.close(self._descriptor)


class _Stream:
    """A text stream without a descriptor; it stays open."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes, start: int) -> int:
        self._stream.write(data[start:].decode("ascii"))
        self._stream.flush()
        return len(data) - start

    def close(self) -> None:
        return


def _out_for(stream: TextIO) -> _Out:
    # Around the stream's own buffer: that would keep what it could not write, and try again at exit.
    try:
        descriptor = stream.fileno()
        return _Descriptor(descriptor, stream) if descriptor >= 0 else _Stream(stream)
    except (OSError, ValueError, AttributeError):
        return _Stream(stream)


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _count_lines(data: bytes) -> int:
    """How many lines end in ``data``; a newline at its very beginning only ends one that was cut."""
    return data.count(b"\n") - data.startswith(b"\n")
