"""Asking a server that runs, over its control socket: AMP without Twisted, as a shell should not wait for a reactor.

:mod:`duck_tx.process.message` has what is said, :mod:`twisted.protocols.amp` how boxes look on the wire.
"""

from __future__ import annotations

import json
import math
import os
import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from duck_tx.cli.command import CommandError
from duck_tx.errors import ApplicationError
from duck_tx.process.message import (
    ANSWER,
    ARGUMENTS,
    COMMAND,
    LONGEST_ANSWER,
    SOCKET,
    VERB,
    as_json,
    gathered,
    unknown,
)
from duck_tx.process.unixsocket import connect, peer_of

__all__ = [
    "NOT_RUNNING",
    "PATIENCE",
    "Line",
    "NoAnswer",
    "NotRunning",
    "WentAway",
    "as_box",
    "call",
    "named",
    "read_box",
]

NOT_RUNNING = 3
"""The exit status, as that of ``systemctl status``."""

PATIENCE = 10.0
"""Seconds that an answer may take."""

_LONGEST_KEY, _LONGEST_VALUE = 0xFF, 0xFFFF
_LONGEST_BOX = LONGEST_ANSWER + LONGEST_ANSWER // 1024


class NotRunning(CommandError):
    """No server uses this state directory."""

    def __init__(self, directory: Path) -> None:
        hint = ", which is no directory" if os.path.lexists(directory) else ", which does not exist"
        about = "" if os.path.isdir(directory) else hint
        super().__init__(f"no server uses the state directory {directory}{about}.", NOT_RUNNING)


class NoAnswer(ApplicationError):
    """The server has not answered in time; it may still do what it was asked for."""


class WentAway(ApplicationError):
    """The server closed the connection without an answer."""


def as_box(values: Mapping[bytes, bytes]) -> bytes:
    """A box of AMP: keys and values, each behind its length in two bytes, and an empty key.

    :raises ValueError: if a key or a value is too long or a key is empty.
    """
    parts = []
    for key, value in values.items():
        if not 0 < len(key) <= _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            raise ValueError(f"{key[:16]!r}: {len(key)} bytes with a value of {len(value)} are no part of a box")
        for text in (key, value):
            parts += [len(text).to_bytes(2, "big"), text]
    return b"".join([*parts, bytes(2)])


def read_box(stream: BinaryIO) -> dict[bytes, bytes]:
    """The next box.

    :raises EOFError: if the stream ends within it.
    :raises ValueError: if it is longer than any answer.
    """
    box = {}
    size = 0
    while key := _text(stream):
        box[key] = value = _text(stream)
        size += len(key) + len(value)
        if size > _LONGEST_BOX:
            raise ValueError(f"a box of more than {_LONGEST_BOX} bytes")
    return box


def _text(stream: BinaryIO) -> bytes:
    return _exactly(stream, int.from_bytes(_exactly(stream, 2), "big"))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def call(directory: Path, patience: float = PATIENCE) -> Line:
    """A line to the server that uses this state directory.

    :param patience: seconds that the connection, and each answer, may take.
    :raises NotRunning: if there is none.
    :raises ApplicationError: if there may be one, but it cannot be asked.
    """
    path = directory / SOCKET
    try:
        return Line(connect(path, patience), patience)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise NotRunning(directory) from None
    except PermissionError as error:
        raise ApplicationError(
            f"{path}: {error.strerror}. Only the user that the server runs as may ask it, and root."
        ) from None
    except (BlockingIOError, TimeoutError):
        raise ApplicationError(f"{path}: the server takes no connections.") from None
    except OSError as error:
        raise ApplicationError(f"{path}: {error.strerror or error}.") from error


class Line:
    """A connection to a server; it closes at the end of a ``with``.

    :param connected: the socket; it is closed with this.
    :param patience: seconds that an answer may take.
    :ivar pid: the server's process; ``None`` where it cannot be seen from here.
    :ivar server: what messages call it.
    """

    def __init__(self, connected: socket.socket, patience: float) -> None:
        self._connected = connected
        self._patience = patience
        self._stream = connected.makefile("rb")
        peer = peer_of(connected)
        self.pid = peer.pid or None if peer is not None else None
        self.server = named(self.pid)
        self._process = None if self.pid is None else _opened(self.pid)

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._connected.close()
        if self._process is not None:
            os.close(self._process)

    def ask(self, verb: str, arguments: Mapping[str, object] | None = None, patience: float | None = None) -> Any:
        """What the server answers.

        :param patience: seconds that this answer may take, if not those of the line.
        :raises ApplicationError: with the lines that it refuses with.
        :raises NoAnswer: if it does not answer in time.
        :raises WentAway: if it closes the connection.
        """
        patience = self._patience if patience is None else patience
        question = {
            b"_command": COMMAND,
            b"_ask": b"1",
            VERB: verb.encode(),
            ARGUMENTS: as_json(dict(arguments or {})),
        }
        # Zero would be not to wait at all, which is another thing to a socket.
        self._connected.settimeout(max(patience, 0.001))
        try:
            self._connected.sendall(as_box(question))
            box = read_box(self._stream)
            if b"_error" in box:
                raise ApplicationError(self._refusal(verb, box[b"_error_description"]))
            return json.loads(gathered(ANSWER, box))
        except TimeoutError:
            raise NoAnswer(f"{self.server} has not answered within {patience:g} s.") from None
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise WentAway(f"{self.server} went away before it had answered.") from None
        except (KeyError, ValueError):
            raise ApplicationError(f"{self.server} answers what cannot be read; is it of another version?") from None

    def _refusal(self, verb: str, description: bytes) -> str:
        text = description.decode(errors="backslashreplace")
        if unknown(verb) not in text:
            return text
        return f"{self.server} is of another version, which does not know {verb!r}. Stop it and start it anew."

    @property
    def has_ended(self) -> bool:
        """Whether its process is seen to have ended; one that has put another program in its place has not."""
        return self._process is not None and self.wait_for_end(0)

    def wait_for_end(self, seconds: float) -> bool:
        """Whether the server ends within so many seconds.

        Its process is watched, where the system offers that and it can be seen; else the connection tells, which is
        closed a moment before.
        """
        return _becomes_readable(self._connected if self._process is None else self._process, seconds)

    def wait_for_close(self, seconds: float) -> bool:
        """Whether the server closes the connection within so many seconds; there must be no answer on its way."""
        return _becomes_readable(self._connected, seconds)


def _becomes_readable(file: socket.socket | int, seconds: float) -> bool:
    ends = select.poll()
    ends.register(file, select.POLLIN)
    until = time.monotonic() + seconds
    while True:
        left = max(until - time.monotonic(), 0)
        if ends.poll(math.ceil(min(left, 1e6) * 1000)):
            return True
        if time.monotonic() >= until:
            return False


def named(pid: int | None) -> str:
    """What messages call a server."""
    return "the server" if pid is None else f"the server (pid {pid})"


def _opened(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends (pidfd_open(2))."""
    opens = getattr(os, "pidfd_open", None)
    if opens is not None:
        with suppress(OSError):
            return int(opens(pid))
    return None
