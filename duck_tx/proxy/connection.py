"""One connection to a server: a request goes out, its response comes in, and perhaps the next."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.outlet import Outlet, SocketOutlet, TransportOutlet
from duck_tx.proxy.answer import AnswerReader
from duck_tx.proxy.asker import Asker, Listener
from duck_tx.proxy.reading import NEVER, Reading, State
from duck_tx.proxy.trouble import Trouble, not_connected, why_lost

__all__ = ["UpstreamConnection"]

_log = Logger()
_CLOSING = 5.0
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_PEEK = socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0)


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class UpstreamConnection(Reading):
    """A connection to one server, kept by its pool from one request to the next.

    It sets no timers: its pool looks once a second whether :attr:`deadline` has passed.

    :ivar state: what it waits for.
    :ivar deadline: clock seconds at which that has taken too long.
    :ivar served: responses that came whole.
    :ivar has_answered: a byte of the present response has come.
    """

    outlet: Outlet
    _closes = False

    # Being made.

    def connectionMade(self) -> None:
        if not self.pool.is_secure:
            self._made()

    def handshakeCompleted(self) -> None:
        self._made()

    def _made(self) -> None:
        transport = self.transport
        below = _socket_of(transport)
        if below is not None:
            self.pool.watch(below)
        if isinstance(transport, Connection):
            # Past the protocol that the endpoint has put between.
            transport.protocol = self
            self.outlet = _SocketOutlet(self, transport, self.pool.clock)
        else:
            if below is not None:
                # Otherwise the second of two small pieces would wait until the server has acknowledged the first.
                below.setTcpNoDelay(True)
            self.outlet = TransportOutlet(self, transport, self.pool.clock)
        asker = self._asking
        if self.state != State.CONNECTING or asker is None:
            self.abort()
            return
        self.state = State.IDLE
        self.deadline = NEVER
        asker.connected(self)

    def not_made(self, reason: Failure) -> None:
        """The connection could not be made."""
        if self.state == State.CONNECTING:
            self._lose(not_connected(reason))

    def acknowledge(self) -> None:
        # A server that sends its response in small pieces, as many simple ones do, has to wait for this between them
        # (Nagle's algorithm, RFC 896), and the system would take its 40 ms.
        below = _socket_of(self.transport)
        if _QUICKACK is not None and below is not None:
            handle = below.getHandle()
            if handle.family != socket.AF_UNIX:
                with suppress(OSError):
                    handle.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    @property
    def is_alive(self) -> bool:
        """Whether the server has not closed the connection, as far as the system knows at this moment."""
        below = _socket_of(self.transport)
        if below is None:
            return True
        try:
            below.getHandle().recv(1, _PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        # The end, or something that nobody has asked for.
        return False

    # The request.

    def ask(self, asker: Asker, *, bodyless: bool) -> None:
        """Wait for the response to a request that is sent from now on.

        :param bodyless: its method is HEAD.
        """
        self.asker = self._asking = asker
        self.state = State.HEAD
        self.deadline = NEVER
        self.has_answered = self._reusable = False
        self._bodyless = bodyless
        self._interims = 0
        self._reader = AnswerReader(self._limits)

    def sent(self) -> None:
        """All of the request is out, or waits in the outlet."""
        if self.state == State.HEAD and not self.outlet.backlogged:
            self.deadline = self._seconds() + self._limits.first_byte_timeout

    def send_failed(self) -> None:
        """Nothing more can be sent, but the server may have said why: that is read first."""
        self._reusable = False
        self.deadline = min(self.deadline, self._seconds() + self._limits.idle_timeout)
        if self.asker is not None:
            self.asker.server_blocked()

    def release(self, *, is_sent: bool) -> None:
        """The asker is done.

        :param is_sent: all of its request is out, so that the next could follow.
        """
        self.asker = self._asking = self._reader = None
        if self.state != State.WHOLE or not is_sent or self.outlet.backlogged:
            self.abort()
        elif not self._reusable:
            self.close()
        else:
            self.resume()
            self.state = State.IDLE
            self.pool.keep(self, self._kept_for)

    # A tunnel.

    def tunnel(self, listener: Listener) -> None:
        """From now on, what comes is no HTTP."""
        self.asker = listener
        self._asking = self._reader = None
        self.deadline = NEVER

    def close_sending(self) -> None:
        """Say that nothing more will be sent, once what waits is out."""
        if self.outlet.backlogged:
            self._closes = True
        elif self.state == State.TUNNEL:
            self.outlet.half_close()

    # The end.

    def fail(self, trouble: Trouble) -> None:
        """Cut the connection, for this reason."""
        asker, self.asker = self.asker, None
        self.abort()
        if asker is not None:
            asker.troubled(trouble)

    def close(self) -> None:
        """Close the connection, with nothing under way."""
        self.state = State.CLOSED
        self.asker = None
        self.deadline = self._seconds() + _CLOSING
        self.pool.forget(self)
        # By the outlet: with a producer registered, TLS would wait for more.
        self.outlet.close()

    def abort(self) -> None:
        """Cut the connection."""
        state, self.state = self.state, State.CLOSED
        self.asker = None
        self.deadline = NEVER
        if state == State.CLOSED:
            return
        # The system says only in a later turn that it is gone.
        self.pool.forget(self)
        if self.transport is not None:
            self.transport.abortConnection()
        else:
            self.pool.give_up(self)

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = NEVER
        state = self.state
        if state == State.IDLE:
            self.close()
        elif state == State.CLOSED:
            self.transport.abortConnection()
        elif state == State.CONNECTING:
            self.fail(Trouble("the connection was not made in time", 504, timed_out=True))
        elif self.outlet.backlogged:
            self.fail(Trouble("it did not read the request in time", 504, timed_out=True))
        elif state == State.HEAD:
            self.fail(Trouble("its response did not begin in time", 504, timed_out=True))
        else:
            self.fail(Trouble("it fell silent within its response", 504, timed_out=True))

    def readConnectionLost(self) -> None:
        """The server will say no more."""
        if self.state == State.TUNNEL and self.asker is not None:
            self.asker.ended([])
        else:
            self._end(Failure(ConnectionDone()))
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """The server has been told that nothing more will come."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.state == State.CONNECTING:
            self._lose(not_connected(reason))
        else:
            self._end(reason)
        # What is gone cannot be cut as well, which fails with TLS.
        self.state = State.CLOSED
        self.deadline = NEVER
        outlet: Outlet | None = self.__dict__.get("outlet")
        if outlet is not None:
            outlet.stop()
        self.pool.lost(self)

    def _end(self, reason: Failure) -> None:
        state = self.state
        if state == State.CLOSE and isinstance(reason.value, ConnectionDone):
            asker = self.asker
            assert asker is not None
            self._whole()
            self._reusable = False
            asker.ended([])
        elif state == State.WHOLE:
            self._reusable = False
        elif state == State.TUNNEL and isinstance(reason.value, ConnectionDone):
            if self.asker is not None:
                self.asker.ended([])
        elif state == State.HEAD:
            when = "within the head of its response" if self._buffer else "before it answered"
            self._lose(Trouble(f"{why_lost(reason)} {when}"))
        else:
            self._lose(Trouble(f"{why_lost(reason)} within its response"))

    def _lose(self, trouble: Trouble) -> None:
        asker, self.asker = self.asker, None
        self.state = State.CLOSED
        self.deadline = NEVER
        self.pool.lost(self)
        if asker is not None:
            asker.troubled(trouble)

    # What the outlet tells.

    def blocked(self) -> None:
        """The server must read before more can be sent."""
        self.progressed()
        if self.asker is not None:
            self.asker.server_blocked()

    def progressed(self) -> None:
        """The server has read something."""
        if not self._paused and self.state != State.TUNNEL:
            self.deadline = self._seconds() + self._limits.idle_timeout

    def drained(self) -> None:
        """All is sent that was waiting."""
        if self._closes:
            self.outlet.half_close()
        if self.state == State.HEAD:
            self.deadline = NEVER
        if self.asker is not None:
            self.asker.server_ready()

    def producer_failed(self, reason: Failure) -> None:
        """Nothing is registered with the outlet."""
        _log.failure("a producer failed", failure=reason)


def _socket_of(transport: Any) -> Connection | None:
    """The connection that TLS goes over, or the one itself; ``None`` for what is no socket."""
    below = transport if isinstance(transport, Connection) else getattr(transport, "transport", None)
    return below if isinstance(below, Connection) else None


class _SocketOutlet(SocketOutlet):
    """Leaves the connection open for reading when it cannot send."""

    def abort(self) -> None:
        self._cut = True
        self._unsent.clear()
        self.backlogged = True
        self._transport.unregisterProducer()
        self._owner.send_failed()  # type: ignore[attr-defined]
