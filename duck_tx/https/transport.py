"""TLS straight on the socket.

Twisted puts a protocol between the socket and ours, which moves every byte through two buffers in memory and two more
calls for each.  OpenSSL reads and writes the socket itself here, so a small response costs one call, and leaves in the
same turn of the reactor.
"""

from __future__ import annotations

import socket
from typing import Any

from OpenSSL import SSL
from twisted.internet import main
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.tcp import Connection, Server
from twisted.python.failure import Failure

__all__ = ["TLSTransport"]

_RECORD = 16_384
"""Bytes of content that one TLS record takes at most (RFC 8446 5.1)."""

_RECORDS_AT_ONCE = 4
_DONE = Failure(main.CONNECTION_DONE)
_WANTS = (SSL.WantReadError, SSL.WantWriteError)
_TCP = int(socket.IPPROTO_TCP)
_CORK: int | None = getattr(socket, "TCP_CORK", None)
"""The option of Linux that keeps a segment back until it is full; elsewhere all leaves as it is written."""


class TLSTransport(Server):
    """An accepted connection: quiet for its protocol until the handshake is done.

    Until then its protocol is a :class:`duck_tx.https.handshake.Handshake`, which is told of every event.  The
    handshake ends by handing over the TLS connection and the protocol that was agreed on, with :meth:`secured`.
    """

    _tls: SSL.Connection | None = None
    _says_goodbye = False
    _holding = False
    _closes_next = False

    def __init__(self, skt: Any, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any) -> None:
        # As ``Server`` does it, without writing down names for a log that will hardly ever ask for them.
        Connection.__init__(self, skt, protocol, reactor)
        if len(client) != 2:
            self._addressType = IPv6Address
        self.client = client
        self.server = server
        self.sessionno = sessionno
        self.hostname = client[0]
        self.startReading()
        self.connected = 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} #{self.sessionno} from {self.hostname}>"

    def logPrefix(self) -> str:
        return f"TLS,{self.sessionno},{self.hostname}"

    def secured(self, tls: SSL.Connection, protocol: Any) -> None:
        """The handshake is done: from now on ``protocol`` is spoken."""
        self._tls = tls
        self._says_goodbye = True
        self.protocol = protocol
        protocol.makeConnection(self)
        if self.connected:
            # The first request often comes together with the end of the handshake.
            why = self.doRead()
            if why is not None:
                self.connectionLost(Failure(why))

    # What leaves together.

    def hold(self) -> None:
        """Have what is sent from now on wait for what follows, to leave in as few packets as possible: for the next
        :meth:`send_now`, for the end, or until the client has said all for now; for 0.2 s at most."""
        if not self._holding:
            self._holding = True
            self._cork(1)

    def let_go(self) -> None:
        """Send what was held."""
        if self._holding:
            self._holding = False
            self._cork(0)

    def _cork(self, value: int) -> None:
        if _CORK is not None:
            try:
                self.socket.setsockopt(_TCP, _CORK, value)
            except OSError:
                # A Unix socket has no such option.
                return

    def close_next(self) -> None:
        """What is sent from now on is the last: it may leave together with the goodbye."""
        if self._tls is not None:
            self._closes_next = True
            self.hold()

    def getHandle(self) -> Any:
        """The TLS connection, as from other TLS transports of Twisted; the socket until the handshake is done."""
        return self._tls or self.socket

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what the system takes of ``data`` at once; how many bytes of it.

        :raises BlockingIOError: if it takes nothing; the same bytes must be tried again.
        :raises OSError: if the connection is broken.
        """
        tls = self._tls
        if tls is None:
            raise ConnectionResetError("the connection is gone")
        try:
            if len(data) <= _RECORD:
                return tls.send(data)
            return self._send_records(tls, memoryview(data))
        except _WANTS:
            raise BlockingIOError from None
        except SSL.Error as error:
            self._says_goodbye = False
            raise ConnectionResetError(str(error)) from None
        finally:
            if self._holding and not self._closes_next:
                self.let_go()

    def _send_records(self, tls: SSL.Connection, data: memoryview) -> int:
        sent = 0
        try:
            while sent < len(data):
                sent += tls.send(data[sent : sent + _RECORD])
        except _WANTS:
            if not sent:
                raise
        return sent

    # What the reactor calls.

    def doRead(self) -> Any:
        tls = self._tls
        if tls is None:
            return self.protocol.readable()  # type: ignore[attr-defined]
        for _ in range(_RECORDS_AT_ONCE):
            try:
                data = tls.recv(_RECORD)
            except _WANTS:
                # Before TLS 1.3, the client waits for the last word of the handshake.
                self.let_go()
                return None
            except SSL.ZeroReturnError:
                return main.CONNECTION_DONE
            except SSL.SysCallError:
                self._says_goodbye = False
                return main.CONNECTION_LOST
            except SSL.Error:
                # OpenSSL has sent the alert that the fault calls for.
                self._says_goodbye = False
                return main.CONNECTION_LOST
            self.protocol.dataReceived(data)
            # A record that is not full was the last for now; and whoever is closing does not read on.
            if len(data) < _RECORD or self._tls is None or self.disconnecting or not self._reading:
                return None
        return None

    def doWrite(self) -> Any:
        if self._tls is None and self.connected and not self.disconnecting and not self._writeDisconnecting:
            return self.protocol.writable()  # type: ignore[attr-defined]
        return super().doWrite()

    def writeSomeData(self, data: bytes) -> Any:
        if self._tls is None:
            return super().writeSomeData(data)
        try:
            return self.send_now(data) if data else 0
        except BlockingIOError:
            return 0
        except OSError:
            return main.CONNECTION_LOST

    # Pausing.

    _reading = True

    def startReading(self) -> None:
        self._reading = True
        self.reactor.addReader(self)

    def stopReading(self) -> None:
        self._reading = False
        self.reactor.removeReader(self)

    # The end.

    def _say_goodbye(self) -> None:
        """Send close_notify, once (RFC 8446 6.1)."""
        if not self._says_goodbye or self._tls is None:
            return
        self._says_goodbye = False
        # Our side of the connection is shut next, which sends it.
        self.hold()
        try:
            self._tls.shutdown()
        except SSL.Error:
            # The socket is full or gone: then the client learns from TCP that it is over.
            return

    def loseConnection(self) -> None:
        """Close when what was written is out: at once, if nothing is waiting."""
        if self._tls is None or self.dataBuffer or self._tempDataBuffer or self.producer is not None:
            super().loseConnection()
        elif not self.disconnecting:
            self.disconnecting = 1
            self.connectionLost(_DONE)

    def _closeWriteConnection(self) -> None:
        self._say_goodbye()
        super()._closeWriteConnection()

    def connectionLost(self, reason: Failure) -> None:
        if isinstance(reason.value, ConnectionDone):
            self._say_goodbye()
        # Its file descriptor will belong to somebody else.
        self._tls = None
        super().connectionLost(reason)
