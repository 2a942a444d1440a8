"""Closing a listening socket without losing a connection at the last moment."""

from __future__ import annotations

import socket
import struct
import sys
from array import array
from contextlib import suppress

__all__ = ["deafen"]

_SO_ATTACH_FILTER = 26
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)
"""The one instruction ``ret #0`` of a classic BPF program: of no packet is anything let through."""


def deafen(listening: socket.socket) -> None:
    """Have no further connection reach ``listening``; those that wait to be accepted stay.

    Between the last ``accept`` and ``close`` the system would go on to accept connections for us, only to reset them.
    Where packets can be filtered (Linux), clients that come now find nobody, ask again a second later, and are then
    refused: nothing of theirs was taken.  Elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return
    program = array("B", _RETURN_NOTHING)
    # A sandbox may forbid it; what is lost is only that last moment.
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, program.buffer_info()[0]))
