"""Sending files and pieces at the pace of the client, through ``sendfile`` where the socket is plain TCP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPullProducer
from twisted.logger import Logger
from zope.interface import implementer

from duck_tx.http.filepart import FilePart

if TYPE_CHECKING:
    from duck_tx.http.outgoing import OutgoingResponse
    from duck_tx.http.outlet import Outlet

__all__ = ["SMALL", "PartsProducer"]

SMALL = 16_384
"""Bytes that are copied rather than sent on their own."""

_READ = 65_536
_AT_ONCE = 262_144
"""Bytes for one turn of the reactor: enough to keep a socket busy, and other clients have their turn."""

_log = Logger()


@implementer(IPullProducer)
class PartsProducer:
    """Hands the parts of one response to its connection whenever that has room."""

    def __init__(self, request: OutgoingResponse, parts: Sequence[bytes | FilePart]) -> None:
        self._request = request
        self._parts = list(parts)
        self._parts.reverse()
        self._files = [part.file for part in parts if isinstance(part, FilePart)]
        self._done = 0

    def start(self) -> None:
        """Send what can be sent now, and the rest as the client reads."""
        self._request.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Send the next pieces; the connection has room."""
        outlet = self._request.channel.outlet
        room = _AT_ONCE
        while self._parts and room > 0 and not outlet.backlogged:
            part = self._parts[-1]
            if isinstance(part, bytes):
                self._parts.pop()
                self._request.write(part)
                room -= len(part)
            else:
                left = part.count - self._done
                try:
                    sent = self._send_file(outlet, part, min(room, left)) if left > 0 else 0
                except (OSError, EOFError) as error:
                    _log.warn("{asked}: the connection is cut: {error}", asked=self._request.asked, error=error)
                    self._request.channel.abort()
                    return
                self._done += sent
                room -= sent
                if sent >= left:
                    self._parts.pop()
                    self._done = 0
        if not self._parts:
            self._request.unregisterProducer()
            self._close()
            self._request.finish()

    def stopProducing(self) -> None:
        """The client left, or the response cannot begin."""
        self._parts.clear()
        self._close()

    def _close(self) -> None:
        for file in self._files:
            file.close()

    def _send_file(self, outlet: Outlet, part: FilePart, count: int) -> int:
        """Send the next piece of a file; bytes sent, 0 when the client has no room for any now.

        A small piece is read and copied, which costs less than a system call more: it leaves together with the head.
        """
        request = self._request
        offset = part.offset + self._done
        if outlet.sendfile_works and count > SMALL and request.sends_unchanged(count):
            request.send_head()
            if outlet.backlogged:
                return 0
            sent = outlet.sendfile(part.file, offset, count)
            request.count_sent(sent)
            return sent
        data = os.pread(part.file.fileno(), min(count, _READ), offset)
        if not data:
            raise EOFError("a file became shorter while it was sent")
        request.write(data)
        return len(data)
