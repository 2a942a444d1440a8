"""The scope ``websocket``: a WebSocket from the wish for one to its end."""

from __future__ import annotations

from typing import Any

from duck_tx.gateway.asgi.call import Call, ClientLeft, Event, Terms, checked
from duck_tx.gateway.asgi.flow import AHEAD
from duck_tx.gateway.asgi.response import Response, Stage, fields_of
from duck_tx.http.request import Request
from duck_tx.http.response import serialise
from duck_tx.websocket.connection import WebSocket
from duck_tx.websocket.frames import close_payload
from duck_tx.websocket.handshake import Offer
from duck_tx.websocket.limits import WebSocketLimits

__all__ = ["SocketCall"]

_DENIAL = "websocket.http.response."
_CUT = 1006
_NORMAL = 1000
_BROKEN = 1011

_HEAD = 16
"""Bytes that a message takes on the wire beside its own, at most."""


class _State:
    """Where the application is; plain numbers, for each event asks."""

    CONNECTING = 0
    DENYING = 1
    OPEN = 2
    OVER = 3


class SocketCall(Call):
    """A WebSocket on its way through the application.

    :param offer: what the client offers.
    :param limits: of the WebSocket.
    """

    __slots__ = ("_denial", "_end", "_is_announced", "_is_paused", "_limits", "_offer", "_socket", "_state")

    def __init__(
        self,
        terms: Terms,
        request: Request,
        scope: dict[str, Any],
        deadline: float,
        *,
        offer: Offer,
        limits: WebSocketLimits,
    ) -> None:
        super().__init__(terms, request, scope, deadline)
        self._offer = offer
        self._limits = limits
        self._state = _State.CONNECTING
        self._is_announced = False
        self._denial: Response | None = None
        self._socket: WebSocket | None = None
        self._is_paused = False
        self._end = (_CUT, "")
        # Whoever waits for its turn is never one too many.
        self._outflow.ahead = max(1, min(AHEAD, limits.max_queue))

    # On the reactor thread.

    def abandon(self) -> None:
        """Nobody is there any more."""
        if self._denial is not None:
            self._denial.lose()
        super().abandon()

    def _accept(self, subprotocol: str | None, fields: list[tuple[bytes, bytes]]) -> None:
        self.answered()
        if not self.gone:
            self._socket = self._offer.accept(subprotocol, fields, self, self._limits)

    def _deny(self) -> None:
        self.answered()
        if not self.gone:
            self.request.fail(403, "The application does not accept this WebSocket.")

    def _send(self, data: str | bytes, size: int) -> None:
        socket = self._socket
        if socket is None or self.gone:
            return
        if isinstance(data, str):
            socket.send_text(data)
        else:
            socket.send_bytes(data)
        self._outflow.is_blocked = socket.backlogged
        self._outflow.take(size)

    def _close(self, code: int, reason: str) -> None:
        if self._socket is not None and not self.gone:
            self._socket.close(code, reason)

    def _read_on(self) -> None:
        if self._is_paused and not self._inflow.is_full and self._socket is not None and not self.gone:
            self._is_paused = False
            self._socket.resume()

    def message(self, data: str | bytes) -> None:
        """The client has sent a message."""
        if self._inflow.put(data) and not self._is_paused:
            self._is_paused = True
            assert self._socket is not None
            self._socket.pause()
            # Has it been taken before this could be seen, nobody else says so.
            self._read_on()

    def writable(self) -> None:
        """The client has read."""
        self._outflow.unblock()

    def closed(self, code: int, reason: str) -> None:
        """It is over."""
        self._end = (code, reason)
        self.abandon()

    # On the loop.

    async def receive(self) -> Event:
        """ASGI's ``receive``."""
        if not self._is_announced:
            self._is_announced = True
            return {"type": "websocket.connect"}
        while True:
            event = self._next()
            if event is not None:
                return event
            news = self._inflow.news()
            if self._bridge.is_apart:
                event = self._next()
                if event is not None:
                    return event
            await news

    def _next(self) -> Event | None:
        inflow = self._inflow
        # In this order: the last message comes before the end.
        gone = self.gone or self._state == _State.OVER
        if inflow.pieces:
            data = inflow.pieces.popleft()
            inflow.taken(len(data))
            if self._is_paused:
                self._bridge.leave(self._read_on)
            if isinstance(data, str):
                return {"type": "websocket.receive", "text": data}
            return {"type": "websocket.receive", "bytes": data}
        if gone:
            code, reason = self._end
            return {"type": "websocket.disconnect", "code": code, "reason": reason}
        return None

    async def send(self, event: Event) -> None:
        """ASGI's ``send``."""
        kind = event["type"]
        state = self._state
        if state == _State.OVER:
            raise RuntimeError(f"{kind!r} after the end of the WebSocket")
        if self.gone:
            raise ClientLeft("the client has left")
        if state == _State.OPEN:
            self._take(kind, event)
            if self._outflow.is_full:
                await self._outflow.room()
        elif state == _State.DENYING or (isinstance(kind, str) and kind.startswith(_DENIAL)):
            await self._take_denial(event)
        elif kind == "websocket.accept":
            self._take_accept(event)
        elif kind == "websocket.close":
            self._end_with(_CUT, "")
            self._bridge.leave(self._deny)
        else:
            raise RuntimeError(f"{kind!r} where 'websocket.accept' or 'websocket.close' is next")

    def _take_accept(self, event: Event) -> None:
        subprotocol = event.get("subprotocol")
        if subprotocol is not None and subprotocol not in self._offer.subprotocols:
            raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}")
        fields = fields_of(event.get("headers", ()))
        for name, _ in fields:
            if name.lower().startswith(b"sec-websocket-"):
                raise ValueError(f"the field {name!r} is the handshake's own")
        # What is no header field is found here, where the application learns of it.
        serialise(fields)
        self._state = _State.OPEN
        self._bridge.leave(self._accept, subprotocol, fields)

    async def _take_denial(self, event: Event) -> None:
        if self._denial is None:
            self._state = _State.DENYING
            self._denial = Response(self._bridge, self.request, self._outflow, self.answered, self.abandon, _DENIAL)
        await self._denial.take(event)
        if self._denial.stage == Stage.DONE:
            self._end_with(_CUT, "")

    def _take(self, kind: str, event: Event) -> None:
        if kind == "websocket.send":
            data = event.get("text")
            if data is None:
                size = len(checked(event, "bytes", bytes))
            elif checked(event, "text", str).isascii():
                size = len(data)
            else:
                # Half a surrogate pair is found here, as what is no code to close with below.
                size = len(data.encode())
            size += _HEAD
            self._outflow.give(size)
            self._bridge.leave(self._send, event["bytes"] if data is None else data, size)
        elif kind == "websocket.close":
            code = event.get("code")
            code = _NORMAL if code is None else checked(event, "code", int)
            reason = event.get("reason") or ""
            close_payload(code, reason)
            self._end_with(code, reason)
            self._bridge.leave(self._close, code, reason)
        else:
            raise RuntimeError(f"{kind!r} where 'websocket.send' or 'websocket.close' is next")

    def _end_with(self, code: int, reason: str) -> None:
        """The application has ended it."""
        self._state = _State.OVER
        self._end = (code, reason)
        self._inflow.pieces.clear()
        self._inflow.wake()

    def _returned(self) -> None:
        if self.gone or self._state == _State.OVER:
            return
        if self._state == _State.OPEN:
            self._bridge.leave(self._close, _NORMAL, "")
        elif self._state == _State.DENYING:
            self._complain("before the end of its response")
        else:
            self._complain("without an answer to a WebSocket")

    def _ended_badly(self) -> None:
        if self._state == _State.OPEN:
            self._bridge.leave(self._close, _BROKEN if not self._cancelled else 1001, "")
        elif self._denial is not None and self._denial.has_begun:
            self._bridge.leave(self._denial.cut)
        else:
            self._bridge.leave(self._fail)
