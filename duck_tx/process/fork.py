"""What the main process and the nursery say to each other: messages in JSON over a pair of sockets, and beside them the
descriptors of a worker (``unix(7)``, SCM_RIGHTS)."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from duck_tx.settings import Settings

__all__ = ["Fork", "Gone", "Load", "Loaded", "Made", "NotMade", "Order", "Retire", "Unfit", "Wire", "Word", "pair"]

_LONGEST = 1 << 20
"""Bytes of a message: more than the system would take."""

_DESCRIPTORS = 64
"""More than a worker needs."""


class Load(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Load the project; the first message.

    :ivar directory: where the main process read its settings: relative paths in them are seen from there.
    :ivar runs_commands: the startup commands are for this process.
    """

    settings: Settings
    directory: str
    runs_commands: bool


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Make a worker.

    :ivar numbers: those that the descriptors beside this message have there.
    """

    numbers: tuple[int, ...]


class Retire(msgspec.Struct, frozen=True, tag=True):
    """Make no more, and end when all workers have ended."""


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The project is loaded."""


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """The project cannot be loaded, or not in this way; the lines say why."""

    lines: str


class Made(msgspec.Struct, frozen=True, tag=True):
    """There is the worker."""

    pid: int


class NotMade(msgspec.Struct, frozen=True, tag=True):
    """There can be no such process."""

    why: str


class Gone(msgspec.Struct, frozen=True, tag=True):
    """A worker has ended, with a status as ``waitpid(2)`` has it."""

    pid: int
    status: int


Order = Load | Fork | Retire
Word = Loaded | Unfit | Made | NotMade | Gone

_T = TypeVar("_T")


class Wire(Generic[_T]):
    """One end.

    :param sock: of a :func:`pair`.
    :param kind: the union of what is received here.
    """

    def __init__(self, sock: socket.socket, kind: object) -> None:
        self._sock = sock
        self._decoder = msgspec.json.Decoder(kind)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: Order | Word, descriptors: Sequence[int] = ()) -> None:
        """Send a message.

        :param descriptors: duplicates of them go along.
        :raises OSError: if nobody is there, or the system does not take it.
        """
        data = msgspec.json.encode(message)
        if descriptors:
            socket.send_fds(self._sock, [data], descriptors)
        else:
            self._sock.send(data)

    def receive(self) -> tuple[_T | None, list[int]]:
        """The next message, ``None`` where the other end is gone, and the descriptors that came along.

        :raises BlockingIOError: if there is none now.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(self._sock, _LONGEST, _DESCRIPTORS)
        except ConnectionResetError:
            return None, []
        for number in descriptors:
            os.set_inheritable(number, False)
        return (self._decoder.decode(data) if data else None), descriptors

    def close(self) -> None:
        self._sock.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two sockets that keep messages apart; the first is for the main process, and never blocks.

    :raises OSError: if there can be none.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs
