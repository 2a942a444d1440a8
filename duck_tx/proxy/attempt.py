"""A request that failed before its client got anything, for who decides whether it is sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duck_tx.proxy.server import Server

__all__ = ["Attempt"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it failed.

    :ivar server: which was asked.
    :ivar why: in words for the log.
    :ivar status: what the client gets if it is not asked again: 502, 503 or 504.
    :ivar was_written: something of the request may have reached the server.
    :ivar was_kept: the connection had served before, and ended without a byte of a response: most likely the server had
        closed it already.
    :ivar has_answered: a byte of a response had come.
    :ivar timed_out: the server was too slow, and may be at work on it still.
    :ivar number: 1 for the first server that failed it, and so on.
    """

    server: Server
    why: str
    status: int
    was_written: bool
    was_kept: bool
    has_answered: bool
    timed_out: bool
    number: int
