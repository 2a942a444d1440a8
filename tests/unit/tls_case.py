"""A TLS port on the reactor of the test run, and clients that take every step only when they are told to."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.web.resource import IResource

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.limits import Limits
from duck_tx.http.service import Listener, ServerService
from duck_tx.http.site import Site
from duck_tx.https.context import Policy, server_context
from duck_tx.https.credential import Credential
from duck_tx.https.factory import TLSFactory
from duck_tx.https.store import CertificateStore
from duck_tx.https.transport import TLSTransport
from duck_tx.process.port import bind, explained
from tests.authority import issue, trusting
from tests.case import AsyncTestCase
from tests.unit.wire_case import Hello

__all__ = ["CLOSE", "DUCK", "OTHER", "WILD", "Client", "TLSCase", "client_context", "in_records"]

DUCK = issue("duck.example", "www.duck.example").credential()
WILD = issue("*.pond.example").credential()
OTHER = issue("other.example").credential()

CLOSE = b"GET / HTTP/1.1\r\nHost: duck.example\r\nConnection: close\r\n\r\n"
"""A request after which the server closes."""

_SOON = 0.001


def client_context(
    *protocols: str, trusts: bool = True, oldest: str | None = None, newest: str | None = None
) -> ssl.SSLContext:
    """What a client is set to.

    :param protocols: what it offers by ALPN.
    :param trusts: it looks at the certificate.
    :param oldest: ``TLSv1_2`` or ``TLSv1_3``, as ``newest``.
    """
    context = trusting()
    if not trusts:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if oldest is not None:
        context.minimum_version = ssl.TLSVersion[oldest]
    if newest is not None:
        context.maximum_version = ssl.TLSVersion[newest]
    return context


def in_records(hello: bytes, *sizes: int) -> bytes:
    """A hello of one record, spread over records of these sizes and one for the rest."""
    message = hello[5:]
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
    pieces = [message[start:end] for start, end in pairwise([*ends, len(message)])]
    return b"".join(b"\x16\x03\x01%b%b" % (len(piece).to_bytes(2, "big"), piece) for piece in pieces)


class Client:
    """A client whose bytes go over a real connection.

    :ivar socket: the connection, which does not block.
    :ivar tls: the client's TLS, in memory; give its methods to :meth:`do`.
    """

    def __init__(
        self,
        reactor: Any,
        address: tuple[str, int],
        context: ssl.SSLContext,
        name: str | None,
        session: ssl.SSLSession | None,
        small_buffer: bool,
    ) -> None:
        self._reactor = reactor
        self.socket = socket.socket()
        if small_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self._inbound, self._outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._inbound, self._outbound, server_hostname=name, session=session)

    def close(self) -> None:
        self.socket.close()

    # The connection.

    def reset(self) -> None:
        """Leave rudely."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    async def turn(self) -> None:
        """Let the reactor turn."""
        await deferLater(self._reactor, _SOON, lambda: None)

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                await self.turn()

    async def receive_raw(self) -> bytes:
        """What comes next; nothing at the end.

        :raises ConnectionResetError: if the server has cut the connection.
        """
        while True:
            try:
                return self.socket.recv(262_144)
            except BlockingIOError:
                await self.turn()

    async def all_raw(self) -> bytes:
        """Everything until the server closes."""
        received = b""
        while data := await self.receive_raw():
            received += data
        return received

    # TLS.

    def flight(self) -> bytes:
        """What TLS has to send, not sent."""
        return self._outbound.read()

    def hello(self) -> bytes:
        """The first flight, not sent."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self.flight()
        raise AssertionError("the handshake ended without a server")

    async def last_flight(self) -> bytes:
        """Go on until the last flight of the handshake; it is not sent."""
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        await self.send_raw(self.flight())
        while not (data := self.flight()):
            self._inbound.write(await self.receive_raw())
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
        return data

    async def exchange(self) -> None:
        """Send what TLS has to send, and take what comes next."""
        await self.send_raw(self.flight())
        data = await self.receive_raw()
        self._inbound.write(data) if data else self._inbound.write_eof()

    async def do(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method of :attr:`tls`, and move bytes until it is done."""
        while True:
            try:
                return operation(*arguments)
            except ssl.SSLWantReadError:
                await self.exchange()
                continue
            finally:
                await self.send_raw(self.flight())

    async def shake_hands(self) -> None:
        """The whole handshake.

        :raises ssl.SSLError: if the server refuses.
        """
        await self.do(self.tls.do_handshake)

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), 262_144):
            await self.do(self.tls.write, data[start : start + 262_144])

    async def receive(self, count: int = 262_144) -> bytes:
        """What comes next; nothing after close_notify.

        :raises ssl.SSLEOFError: if the connection ends without it.
        """
        try:
            received: bytes = await self.do(self.tls.read, count)
        except ssl.SSLZeroReturnError:
            return b""
        return received

    async def receive_all(self) -> bytes:
        """Everything until close_notify."""
        pieces = []
        while data := await self.receive():
            pieces.append(data)
        return b"".join(pieces)

    async def ask_all(self, request: bytes = CLOSE) -> bytes:
        """The handshake, and all that comes for a request after which the server closes."""
        await self.shake_hands()
        return await self.ask(request)

    async def ask(self, request: bytes = CLOSE) -> bytes:
        """All that comes for a request after which the server closes."""
        await self.send(request)
        return await self.receive_all()


class TLSCase(AsyncTestCase):
    """Serves on a TLS port.

    :ivar service: the service, after :meth:`serve`; :attr:`site`, :attr:`store` and :attr:`factory` are its parts.
    """

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    def serve(
        self,
        resource: IResource | None = None,
        *credentials: Credential,
        policy: Policy | None = None,
        strict: bool = False,
        timeout: float = 5.0,
        grace: float = 5.0,
        protocols: Mapping[bytes, Callable[[], Protocol]] | None = None,
        limits: Limits | None = None,
        send_buffer: int | None = None,
    ) -> None:
        """Listen.

        :param protocols: what is spoken; HTTP/1.1 by default.
        :param send_buffer: bytes that the system takes ahead of each client.
        """

        def bound() -> socket.socket:
            made = bind("127.0.0.1", 0)
            if send_buffer is not None:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            return made

        self.site = Site(resource or Hello(), reactor=self.reactor, limits=limits, secure=True)
        self.site.last_word = 0.2
        self.policy = policy or Policy(protocols=(b"http/1.1",))
        self.store = CertificateStore(lambda each: server_context(each, self.policy), strict=strict)
        self.store.use(credentials or [DUCK])
        made = protocols or {b"http/1.1": lambda: HTTPChannel(self.site)}
        self.factory = TLSFactory(self.site, self.store, made, timeout=timeout)
        self.service = ServerService(
            self.reactor,
            self.site,
            bound,
            lambda error, port: explained(error, "127.0.0.1", port),
            backlog=50,
            grace=grace,
            listener=Listener(self.factory, TLSTransport),
        )
        self.addCleanup(self.stop)
        self.service.startService()

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.service.stopService())

    def client(
        self,
        name: str | None = "duck.example",
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        small_buffer: bool = False,
    ) -> Client:
        """A client that is connected, and has sent nothing.

        :param small_buffer: its system takes little ahead of it.
        """
        address = self.service.address
        assert address is not None
        client = Client(self.reactor, address, context or client_context(), name, session, small_buffer)
        self.addCleanup(client.close)
        return client

    async def until(self, fact: Callable[[], Any]) -> Any:
        """Let the reactor turn until ``fact()`` is true; the time-out of the test is the limit."""
        while not (found := fact()):
            await deferLater(self.reactor, _SOON, lambda: None)
        return found

    async def no_connection(self) -> None:
        """Wait until the server has no connection left."""
        await self.until(lambda: not self.site.channels)

    async def one_connection(self) -> Any:
        """Wait until there is one, and get its channel."""
        await self.until(lambda: self.site.channels)
        (channel,) = self.site.channels
        return channel
