"""The scope ``http``: one request and its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duck_tx.gateway.asgi.call import Call, ClientLeft, Event, Terms
from duck_tx.gateway.asgi.response import Response, Stage
from duck_tx.http.request import Request
from duck_tx.http.streaming import BodyStream

if TYPE_CHECKING:
    from duck_tx.http.head import Rejected

__all__ = ["HttpCall"]

_DISCONNECT = "http.disconnect"


class HttpCall(Call):
    """A request on its way through the application.

    Its body is asked for when the application first receives, and comes as fast as that takes it.
    """

    __slots__ = ("_body", "_is_asked_for", "_is_paused", "_is_received", "_is_whole", "_response")

    def __init__(self, terms: Terms, request: Request, scope: dict[str, Any], deadline: float) -> None:
        super().__init__(terms, request, scope, deadline)
        self._response = Response(terms.bridge, request, self._outflow, self.answered, self.abandon)
        has_body = request.arriving is not None or request.body_size
        self._body: BodyStream | None = request.body_stream() if has_body else None
        self._is_asked_for = False
        self._is_paused = False
        self._is_whole = self._body is None
        self._is_received = False

    # On the reactor thread.

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        self._response.lose()
        super().abandon()

    @property
    def waits_for_client(self) -> bool:
        """Whether the application waits for the body, and not the client for the application."""
        return self._is_asked_for and not self._is_whole and not self._is_paused

    def _ask(self) -> None:
        if not self.gone and self._body is not None:
            self._body.start(self)

    def _read_on(self) -> None:
        if self._is_paused and not self._inflow.is_full:
            self._is_paused = False
            assert self._body is not None
            self._body.resume()

    def body_received(self, data: bytes) -> None:
        """A piece of the body."""
        if self._inflow.put(data) and not self._is_paused:
            self._is_paused = True
            assert self._body is not None
            self._body.pause()
            # Has it been taken before this could be seen, nobody else says so.
            self._read_on()

    def body_ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """That was all."""
        self._is_whole = True
        self._inflow.tell()

    def body_failed(self, rejected: Rejected | None) -> None:
        """The rest will not come, and there is nobody to be answered."""
        self.abandon()

    # On the loop.

    async def receive(self) -> Event:
        """ASGI's ``receive``."""
        inflow = self._inflow
        while True:
            event = self._next()
            if event is not None:
                return event
            news = inflow.news()
            if self._body is not None and not self._is_asked_for:
                self._is_asked_for = True
                self._bridge.leave(self._ask)
            event = self._next()
            if event is not None:
                return event
            await news

    def _next(self) -> Event | None:
        if self.gone or self._response.stage == Stage.DONE:
            return {"type": _DISCONNECT}
        if self._is_received:
            return None
        inflow = self._inflow
        # In this order: the last piece comes before the end.
        is_whole = self._is_whole
        pieces = inflow.pieces
        data = b""
        if pieces:
            data = pieces.popleft() if len(pieces) == 1 else b"".join([pieces.popleft() for _ in range(len(pieces))])
            inflow.taken(len(data))
            if self._is_paused:
                self._bridge.leave(self._read_on)
        elif not is_whole:
            return None
        self._is_received = is_whole and not pieces
        return {"type": "http.request", "body": data, "more_body": not self._is_received}

    async def send(self, event: Event) -> None:
        """ASGI's ``send``."""
        response = self._response
        if self.gone:
            raise ClientLeft("the client has left")
        await response.take(event)
        if response.stage == Stage.DONE:
            self._inflow.wake()

    def _returned(self) -> None:
        response = self._response
        if response.stage != Stage.DONE and not self.gone:
            self._complain("before the end of its response" if response.has_begun else "without a response")

    def _ended_badly(self) -> None:
        self._bridge.leave(self._response.cut if self._response.has_begun else self._fail)
