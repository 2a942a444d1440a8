"""A listening Unix socket that somebody else has bound, and looks after."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

__all__ = ["UnixPort"]


class UnixPort(unix.Port):
    """Twisted's, but the file keeps its mode, and stays where it is when this process listens no more: the next life,
    or another worker, may still do."""

    @classmethod
    def adopt(cls, reactor: Any, descriptor: int, factory: IProtocolFactory) -> UnixPort:
        """Accept on a bound socket."""
        port: UnixPort = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.mode = os.stat(port._bindPath).st_mode & 0o777
        # Otherwise its end would be the end of listening for all processes that have the socket.
        port._shouldShutdown = False
        port.startListening()
        return port

    def connectionLost(self, reason: Failure) -> None:
        tcp.Port.connectionLost(self, reason)
