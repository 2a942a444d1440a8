"""Closing a listening socket without losing a connection at the last moment."""

from __future__ import annotations

import socket
import struct
import sys
from array import array
from contextlib import suppress

__all__ = ["deafen", "hear"]

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27


def _instruction(code: int, jump_if_true: int, jump_if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, jump_if_true, jump_if_false, value)


_FLAGS_OF_TCP = 13
_SYN = 0x02
_PROGRAM = (
    _instruction(0x30, 0, 0, _FLAGS_OF_TCP)  # load the byte
    + _instruction(0x54, 0, 0, _SYN)  # keep that bit
    + _instruction(0x15, 0, 1, _SYN)  # skip one instruction if it is not set
    + _instruction(0x06, 0, 0, 0)  # let nothing through
    + _instruction(0x06, 0, 0, 0xFFFFFFFF)  # let all through
)
"""A classic BPF program that drops the first segment of every new connection, and nothing else: those whose handshake
is under way may end it."""


def deafen(listening: socket.socket) -> None:
    """Have no further connection begin on ``listening``; those that wait to be accepted stay, and those that are about
    to be established will be.

    Between the last ``accept`` and ``close`` the system would go on to accept connections for us, only to reset them.
    Where packets can be filtered (Linux), clients that come now find nobody, ask again a second later, and are then
    refused: nothing of theirs was taken.  Elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return
    program = array("B", _PROGRAM)
    # A sandbox may forbid it; what is lost is only that last moment.
    with suppress(OSError):
        count, address = len(_PROGRAM) // 8, program.buffer_info()[0]
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", count, address))


def hear(listening: socket.socket) -> None:
    """Have connections begin again on a socket after :func:`deafen`, if somebody has held it open."""
    if sys.platform == "linux":
        # There may be no filter.
        with suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
