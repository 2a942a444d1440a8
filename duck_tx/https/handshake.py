"""One TLS handshake: from the first byte of a client to the protocol that it wants to speak."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from typing import Any
from typing import Protocol as Interface

from OpenSSL import SSL
from twisted.internet import main
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from duck_tx.http.response import error_page
from duck_tx.http.site import Site
from duck_tx.https.hello import LONGEST, Hello, NotTLS, read_hello
from duck_tx.https.transport import TLSTransport

__all__ = ["Handshake"]

_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
"""The fatal alert of that name as a record (RFC 8446 6, RFC 6066 3)."""

_SENTENCE = "This port speaks HTTPS: use an address that begins with https://."


class Rules(Interface):
    """What handshakes have in common.

    :ivar site: counts them among its connections.
    :ivar timeout: seconds for one.
    :ivar failed: how many failed, by the reason.
    """

    site: Site
    timeout: float
    failed: Counter[str]

    def context_for(self, hello: Hello) -> SSL.Context | None:
        """What answers ``hello``; ``None`` if that name is refused."""

    def protocol_for(self, alpn: bytes) -> Protocol | None:
        """What is spoken after ``alpn`` was agreed on; ``None`` for nothing."""


class Handshake(Protocol):
    """Speaks for a connection until TLS is set up.

    The client's hello is looked at, without taking it from the socket, before anything is made for the connection: so a
    client that does not finish it costs next to nothing, and the certificate is chosen by what it asks for.

    Among the channels of its site, it is one that waits: it has a deadline, and is cut when the site stops.

    :ivar deadline: clock seconds at which :meth:`expire` is due.
    """

    transport: TLSTransport
    deadline = float("inf")
    _tls: SSL.Connection | None = None
    _seen = 0
    _wanted = 1
    _is_over = False
    is_lingering = False

    def __init__(self, factory: Rules) -> None:
        self._factory = factory
        self._site = factory.site

    def connectionMade(self) -> None:
        self.deadline = self._site.seconds() + self._factory.timeout
        self._site.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._tls = None
        self._site.closed(self)

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()

    def expire(self) -> None:
        """It has taken too long."""
        if not self._is_over:
            self._factory.failed["timeout"] += 1
        self.abort()

    def drain(self, deadline: float) -> None:
        """The site stops: nothing has been asked yet, so there is time only for a handshake that is under way."""
        self.deadline = min(self.deadline, deadline)

    def abort(self) -> None:
        """Cut the connection."""
        self.deadline = float("inf")
        self.transport.abortConnection()

    # What the transport tells.

    def readable(self) -> BaseException | None:
        """Bytes have come; why the connection is over, if it is."""
        if self._is_over:
            return self._read_away()
        if self._tls is not None:
            # What ends the handshake leaves together with the first answer: session tickets are in no hurry.
            self.transport.hold()
            return self._shake_hands(self._tls)
        try:
            hello = self._look()
        except NotTLS as fault:
            return self._turn_away(fault)
        except OSError:
            return main.CONNECTION_LOST
        if hello is None:
            return None
        context = self._factory.context_for(hello)
        if context is None:
            return self._refuse_name()
        # Long certificates would wait for an acknowledgement half-way.
        self.transport.setTcpNoDelay(True)
        tls = self._tls = _Connection(context, self.transport.socket)
        tls.set_accept_state()
        return self._shake_hands(tls)

    def writable(self) -> BaseException | None:
        """There is room to write; why the connection is over, if it is."""
        self.transport.stopWriting()
        return None if self._tls is None else self._shake_hands(self._tls)

    # Its steps.

    def _look(self) -> Hello | None:
        """The hello, if all of it is there.

        :raises NotTLS: if something else came.
        :raises OSError: if the client has left, or the connection is broken.
        """
        try:
            data = self.transport.socket.recv(LONGEST, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        if len(data) == self._seen:
            # Told that there is something, and it is nothing new: the client has left.
            raise ConnectionResetError("the client left before the end of its hello")
        self._seen = len(data)
        hello = read_hello(data)
        if isinstance(hello, Hello):
            self._want(1)
            return hello
        self._want(hello)
        return None

    def _want(self, count: int) -> None:
        """Be told again when the socket holds ``count`` bytes, and not for each that comes before."""
        if count != self._wanted:
            self._wanted = count
            # On some systems it fails for a connection that is gone, as reading will tell.
            with suppress(OSError):
                self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    def _shake_hands(self, tls: SSL.Connection) -> BaseException | None:
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            self.transport.let_go()
            return None
        except SSL.WantWriteError:
            self.transport.let_go()
            self.transport.startWriting()
            return None
        except SSL.Error as error:
            self._factory.failed[_kind(error)] += 1
            return main.CONNECTION_LOST
        self._tls = None
        protocol = self._factory.protocol_for(tls.get_app_data() or b"")
        if protocol is None:
            with suppress(SSL.Error):
                tls.shutdown()
            return main.CONNECTION_DONE
        try:
            self.transport.secured(tls, protocol)
        finally:
            # Not before: a site that drains is done when it has no channel.
            self._site.closed(self)
        return None

    def _refuse_name(self) -> BaseException:
        self._factory.failed["unknown name"] += 1
        self._send(_UNRECOGNIZED_NAME)
        # The hello is still unread, and what is unread at the end turns it into a reset.
        self._read_away()
        return main.CONNECTION_DONE

    def _turn_away(self, fault: NotTLS) -> BaseException | None:
        self._factory.failed["plain HTTP" if fault.is_http else "no TLS"] += 1
        if not fault.is_http:
            return main.CONNECTION_LOST
        self._is_over = True
        self._want(1)
        self.deadline = self._site.seconds() + self._site.limits.linger_timeout
        # A promise about TLS is not made outside it (RFC 6797 7.2).
        self._send(error_page(400, _SENTENCE, self._site.own_fields(has_hsts=True)))
        return self._read_away()

    def _send(self, data: bytes) -> None:
        """Send a few last bytes outside TLS: they fit any socket that nothing was sent on."""
        try:
            self.transport.socket.send(data)
            self.transport.socket.shutdown(socket.SHUT_WR)
        except OSError:
            # The client has left, as reading will tell.
            return

    def _read_away(self) -> BaseException | None:
        """Take what the client still sends, for closing before would destroy the answer (RFC 9112 9.6)."""
        try:
            return None if self.transport.socket.recv(65_536) else main.CONNECTION_DONE
        except BlockingIOError:
            return None
        except OSError:
            return main.CONNECTION_LOST


class _Connection(SSL.Connection):
    """Does not ask OpenSSL what went wrong where nothing did: each call of it lets other threads take the interpreter,
    which then has to be won back."""

    def _raise_ssl_error(self, ssl: Any, result: int) -> None:
        if result <= 0:
            super()._raise_ssl_error(ssl, result)


def _kind(error: SSL.Error) -> str:
    """OpenSSL's word for what went wrong, for counting."""
    if isinstance(error, SSL.SysCallError):
        return "the client left"
    try:
        return str(error.args[0][0][-1])
    except (IndexError, TypeError):
        return "unknown"
