"""What runs print, told apart although they share a process.

``sys.stdout`` and ``sys.stderr`` are one each for all threads.  While :func:`listening` is in force, what is written to
them goes to the output of the run that writes it, which a context variable names, and else where it went before.
"""

from __future__ import annotations

import io
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any

__all__ = ["LONGEST", "Output", "listening"]

LONGEST = 64 * 1024
"""Characters that are kept of one run."""

_MOST_PIECES = 1024


class Output(io.TextIOBase):
    """A text stream that keeps the end of what one run prints.  Any thread may write; it cannot be closed.

    :param longest: characters that are kept.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        # Most runs print nothing.
        self._pieces: deque[str] | None = None
        self._length = 0
        self._lock = threading.Lock()

    @property
    def buffer(self) -> io.RawIOBase:
        """The same for bytes."""
        return _Bytes(self)

    def writable(self) -> bool:
        """Of course."""
        return True

    def close(self) -> None:
        """Do nothing: the run may print more."""

    def write(self, text: str) -> int:
        """Add to it."""
        kept = text[-self._longest :]
        with self._lock:
            pieces = self._pieces
            if pieces is None:
                pieces = self._pieces = deque()
            pieces.append(kept)
            self._length += len(kept)
            while self._length - len(pieces[0]) >= self._longest:
                self._length -= len(pieces.popleft())
            if len(pieces) > _MOST_PIECES:
                # A character each would take up far more than what it is.
                self._pieces = deque(["".join(pieces)])
        return len(text)

    @property
    def text(self) -> str:
        """The end of what was written."""
        if self._pieces is None:
            return ""
        with self._lock:
            return "".join(self._pieces)[-self._longest :]

    @property
    def last_line(self) -> str:
        """The last one that is not empty."""
        return next((line.strip() for line in reversed(self.text.splitlines()) if line.strip()), "")

    def context(self) -> Context:
        """A new context, in which this is where things are printed."""
        context = Context()
        context.run(_current.set, self)
        return context


_current: ContextVar[Output | None] = ContextVar("duck_tx_output_of_run", default=None)


@contextmanager
def listening() -> Iterator[None]:
    """Within, what a run prints goes to its output.  For everybody else nothing changes.

    Somebody may replace the streams meanwhile: they are put back only if nobody did.
    """
    ours = {name: _Stream(getattr(sys, name)) for name in ("stdout", "stderr")}
    for name, stream in ours.items():
        setattr(sys, name, stream)
    try:
        yield
    finally:
        for name, stream in ours.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, stream.beneath)


class _Stream:
    """The output of the run that asks; for everybody else, the stream that was there.

    :ivar beneath: that one.
    """

    def __init__(self, beneath: Any) -> None:
        self.beneath = beneath

    def __getattr__(self, name: str) -> Any:
        output = _current.get()
        return getattr(self.beneath if output is None else output, name)


class _Bytes(io.RawIOBase):
    def __init__(self, output: Output) -> None:
        self._output = output

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = bytes(data)
        self._output.write(written.decode(self._output.encoding, self._output.errors))
        return len(written)
