"""The ASGI gateway: a resource that answers with what a Python application sends (ASGI 3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from duck_tx.eventloop.bridge import Bridge
from duck_tx.gateway.asgi.call import Application, Call, Terms
from duck_tx.gateway.asgi.http import HttpCall
from duck_tx.gateway.asgi.scope import http_scope, websocket_scope
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.websocket.limits import WebSocketLimits

__all__ = ["ASGIResource"]

_log = Logger()
_TICK = 1.0
_WEBSOCKET = b"websocket"

_SHOWN = 200
"""Characters of what a stranger sent that are logged."""

_LAST_STEPS = 1.0
"""Seconds that a call has to end when it is cancelled."""


class ASGIResource(LeafResource):
    """Answers every path below it with an ASGI application, WebSockets included.

    :param clock: for the time-out.
    :param bridge: to the loop that the application is on.
    :param state: what its lifespan has for every scope; ``None`` without one.
    :param limits: of WebSockets.
    :param is_allowed_host: whether pages of a host may open WebSockets here; ``None``: those of every host.
    :param max_calls: requests and WebSockets at a time; beyond it, 503.
    :param request_timeout: seconds until a request whose answer has not begun is answered with 504, the stack of its
        task logged and the task cancelled (looked at once a second); 0 for never.
    """

    def __init__(
        self,
        clock: IReactorTime,
        bridge: Bridge,
        application: Application,
        *,
        state: dict[str, Any] | None = None,
        limits: WebSocketLimits | None = None,
        is_allowed_host: Callable[[str], bool] | None = None,
        max_calls: int = 10_000,
        request_timeout: float = 120.0,
    ) -> None:
        self._clock = clock
        self._terms = Terms(application, bridge, state, set(), set())
        self._limits = limits or WebSocketLimits()
        self._is_allowed_host = is_allowed_host
        self._max_calls = max_calls
        self._timeout = request_timeout
        self._tick: IDelayedCall | None = None

    @property
    def running(self) -> int:
        """Calls that have not ended."""
        return len(self._terms.running)

    def streams(self, request: Request) -> bool:
        """Always: the application takes bodies while they arrive."""
        return True

    def render(self, request: Request) -> int:
        """Have the application answer."""
        terms = self._terms
        if len(terms.running) >= self._max_calls or len(terms.waiting) >= self._max_calls:
            request.fail(503, "The server is busy. Please try again.", [(b"Retry-After", b"1")])
            return NOT_DONE_YET
        call = self._call(request, time.monotonic() + self._timeout)
        if call is not None:
            call.begin()
            if self._tick is None and self._timeout:
                self._tick = self._clock.callLater(_TICK, self._look_for_late)
        return NOT_DONE_YET

    def _call(self, request: Request, deadline: float) -> Call | None:
        terms = self._terms
        if request.upgrade != _WEBSOCKET:
            return HttpCall(terms, request, http_scope(request, terms.state), deadline)
        # Here, as many sites have none.
        from duck_tx.gateway.asgi.websocket import SocketCall
        from duck_tx.websocket.handshake import Refused, examine, same_origin

        try:
            offer = examine(request)
        except Refused as refused:
            upgrade = _WEBSOCKET if refused.status == 426 else b""
            request.fail(refused.status, refused.reason, refused.fields, upgrade=upgrade)
            return None
        allowed = self._is_allowed_host
        if allowed is not None and not same_origin(offer, request, allowed):
            _log.warn(
                "{asked}: refused a WebSocket that a page of {origin!r} opens at {host!r}: not both are in"
                " ALLOWED_HOSTS (websocket.check_origin)",
                asked=request.asked,
                origin=(offer.origin or "")[:_SHOWN],
                host=request.origin.host.decode("latin-1")[:_SHOWN],
            )
            request.fail(403, "Pages of other sites may not open a WebSocket here.")
            return None
        scope = websocket_scope(request, offer.subprotocols, terms.state)
        return SocketCall(terms, request, scope, deadline, offer=offer, limits=self._limits)

    def _look_for_late(self) -> None:
        self._tick = None
        now = time.monotonic()
        for call in [call for call in self._terms.waiting if call.deadline <= now]:
            if call.waits_for_client and not call.gone:
                # Who is slow there is a matter of the limits of bodies.
                call.deadline = now + self._timeout
            else:
                call.give_up(self._timeout)
        if self._terms.waiting:
            self._tick = self._clock.callLater(_TICK, self._look_for_late)

    def stop(self) -> None:
        """Leave nothing on the reactor."""
        tick, self._tick = self._tick, None
        if tick is not None:
            tick.cancel()

    async def idle(self, patience: float) -> None:
        """Wait for the calls of this moment, for so many seconds at most.  For the loop's thread."""
        tasks = [call.task for call in self._terms.running if call.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=patience)

    async def finish(self, patience: float) -> int:
        """The same, and cancel those that are left then; how many have not ended even so."""
        await self.idle(patience)
        for call in list(self._terms.running):
            call.cancel()
        await self.idle(_LAST_STEPS)
        return len(self._terms.running)
