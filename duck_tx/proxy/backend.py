"""Django at an address of its own: the way there, and whether it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.promise import settled
from duck_tx.proxy.health import HealthCheck, Verdict
from duck_tx.proxy.remote import RemoteResource
from duck_tx.proxy.routed import Routed
from duck_tx.settings.sections.bounds import DAY
from duck_tx.settings.sections.routes import RouteSettings

__all__ = ["Backend", "ask_for_nothing"]

_log = Logger()

_AGAIN = 0.1
_ONE_TRY = 5.0
_EVERY = 5.0
_AS_MANY_AS_COME = 100_000
_LONGER = 5.0
"""Seconds beyond the time that the application has for a response: it is the one to say that this is over."""


class Backend(Service):
    """The way to Django at ``gateway.addr``.

    Its start is over when something answers there.

    :ivar address: where it is, for messages.
    :ivar resource: has it answer requests.
    :ivar is_up: it answers, as far as is known.

    :param addr: ``HOST:PORT`` or ``unix:/PATH``.
    :param reactor: makes the connections.
    :param host: the Host of the question whether it answers; by default the address.
    :param wait_time: seconds that a start waits for it.
    :param request_timeout: seconds that Django has for a response; 0: no limit.
    :param parts: what has to run here for it, in this order; none where it is somebody else's.
    """

    def __init__(
        self,
        addr: str,
        reactor: Any,
        *,
        host: str | None,
        wait_time: float,
        request_timeout: float,
        parts: Callable[[], list[Any]] = list,
    ) -> None:
        self.address = addr
        self.is_up = False
        self._reactor = reactor
        self._wait_time = wait_time
        self._parts = parts
        self._started: list[Any] = []
        settings = RouteSettings(
            upstreams=(addr if addr.startswith("unix:") else f"http://{addr}",),
            first_byte_timeout=min(request_timeout + _LONGER, DAY) if request_timeout else DAY,
            # What Django streams may be silent, as it may where no address is between.
            idle_timeout=DAY,
            tunnel_timeout=DAY,
            # Each WebSocket has one; how many there may be is for the public port to say.
            max_connections=_AS_MANY_AS_COME,
            eject_failures=0,
        )
        self._routed = Routed(settings, reactor)
        [self._server] = self._routed.servers
        self._host = host or self._server.upstream.authority.decode("ascii")
        self._check: HealthCheck | None = None

    @property
    def resource(self) -> RemoteResource:
        return self._routed.resource

    # What the check tells.

    def came_up(self) -> None:
        """It answers."""
        if not self.is_up:
            self.is_up = True
            _log.info("Django at {address} answers", address=self.address)

    def went_down(self, why: str) -> None:
        """It does not answer."""
        if self.is_up:
            self.is_up = False
            _log.warn("Django at {address} does not answer: {why}", address=self.address, why=why)

    # Its life.

    async def startService(self) -> None:
        """Start what has to run here, and wait until it answers.

        :raises ApplicationError: if it does not in time.
        """
        if self.running:
            return
        super().startService()
        self._server.pool.start()
        try:
            for part in self._parts():
                self._started.append(part)
                await settled(part.startService())
            await self._wait()
        except BaseException:
            await self.stopService()
            raise
        if not self._started:
            self._check = HealthCheck(
                self, self._asked, Verdict(range(600)), interval=_EVERY, timeout=_ONE_TRY, clock=self._reactor
            )
            self._check.start()

    async def _wait(self) -> None:
        until = self._reactor.seconds() + self._wait_time
        why = "nothing came back"
        while True:
            left = until - self._reactor.seconds()
            try:
                await ask_for_nothing(self._server.pool.endpoint, self._host).addTimeout(
                    max(_AGAIN, min(left, _ONE_TRY)), self._reactor
                )
            except Exception as error:
                if not isinstance(error, (ConnectingCancelledError, TimeoutError)):
                    # Those say no more than that this try was the last, or too short.
                    why = " ".join(str(error).split()) or type(error).__name__
                if self._reactor.seconds() >= until:
                    raise ApplicationError(
                        f"Django at {self.address} has not answered within {self._wait_time:g} s ({why}): see that it"
                        " runs there, or give it longer with gateway.wait_time."
                    ) from error
                await deferLater(self._reactor, _AGAIN)
                if not self.running:
                    # Stopped on the way up, which may have looked as if it could not be reached.
                    raise CancelledError from error
            else:
                self.is_up = True
                return

    async def _asked(self, _: object) -> int:
        return await ask_for_nothing(self._server.pool.endpoint, self._host)

    async def stopService(self) -> None:
        """Stop what runs here for it, the last first."""
        super().stopService()
        self.is_up = False
        check, self._check = self._check, None
        if check is not None:
            check.stop()
        self._server.pool.stop()
        while self._started:
            await settled(self._started.pop().stopService())

    def stop_at_once(self) -> None:
        """Cut what is still in flight."""
        for part in self._started:
            end = getattr(part, "stop_at_once", None)
            if end is not None:
                end()


def ask_for_nothing(endpoint: IStreamClientEndpoint, host: str) -> Deferred[int]:
    """Ask a server whether it is there, without a page of it being made (``OPTIONS *``, RFC 9110 9.3.7).

    :return: the status of its answer.
    """
    return Deferred.fromCoroutine(_answer(endpoint, _Asking(host)))


async def _answer(endpoint: IStreamClientEndpoint, asking: _Asking) -> int:
    factory = Factory.forProtocol(lambda: asking)
    factory.noisy = False
    await endpoint.connect(factory)
    return await asking.answer


class _Asking(Protocol):
    """One question and its answer's first line.

    :ivar answer: fires with the status.
    """

    transport: Any
    _line = b""

    def __init__(self, host: str) -> None:
        self._host = host.encode("ascii")
        self.answer: Deferred[int] = Deferred(lambda _: self._hang_up())

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def connectionMade(self) -> None:
        self.transport.write(b"OPTIONS * HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % self._host)

    def dataReceived(self, data: bytes) -> None:
        self._line += data[:64]
        if len(self._line) < len(b"HTTP/1.1 200") or self.answer.called:
            return
        version, _, rest = self._line.partition(b" ")
        if version[:5] == b"HTTP/" and rest[:3].isdigit():
            self.answer.callback(int(rest[:3]))
        else:
            self.answer.errback(ValueError("it does not speak HTTP"))
        self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(reason)
