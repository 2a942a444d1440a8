"""A response as an ASGI application sends it, event by event."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from duck_tx.eventloop.bridge import Bridge
from duck_tx.gateway.asgi.call import Event, checked
from duck_tx.gateway.asgi.flow import Outflow
from duck_tx.http.filepart import FilePart
from duck_tx.http.headers import NO_BODY, allowed_trailers, is_token
from duck_tx.http.request import Request
from duck_tx.http.response import Block, ResponseError, serialise, status_line

__all__ = ["Response", "Stage", "fields_of"]

Fields = list[tuple[bytes, bytes]]

_EVENTS = b"text/event-stream"

_LEFT_OUT = 1_048_576
"""Bytes of a body that the client is not to have, as far as its length is known, which are taken all the same: most
applications do not expect that anybody leaves then."""


class Stage:
    """What the application is to send next; plain numbers, for each event asks."""

    HEAD = 0
    BODY = 1
    TRAILERS = 2
    DONE = 3


@implementer(IPushProducer)
class Response:
    """Takes events on the loop, and answers the request on the reactor thread.

    The head is held until there is some of the body: a small response leaves as a whole.

    :param prefix: of the types of the events.
    :param answered: called on the reactor thread when it begins.
    :param ended: called there when it is ended in the application's stead.
    :param outflow: paces it.

    :ivar stage: what comes next.
    :ivar has_begun: some of it is on its way.
    """

    __slots__ = (
        "_answered", "_ended", "_has_trailers", "_head", "_is_endless", "_is_over", "_leave", "_left_out", "_outflow",
        "_prefix", "_request", "_takes_trailers", "_trailers", "has_begun", "stage",
    )  # fmt: skip

    def __init__(
        self,
        bridge: Bridge,
        request: Request,
        outflow: Outflow,
        answered: Callable[[], object],
        ended: Callable[[], object],
        prefix: str = "http.response.",
    ) -> None:
        self._leave = bridge.leave
        self._request = request
        self._outflow = outflow
        self._answered = answered
        self._ended = ended
        self._prefix = prefix
        self._head: tuple[bytes, int, Block] | None = None
        self._has_trailers = self._takes_trailers = self._is_endless = False
        self._trailers: Fields = []
        self._left_out: int | None = None
        self._is_over = False
        self.stage = Stage.HEAD
        self.has_begun = False

    # On the loop.

    async def take(self, event: Event) -> None:
        """Take an event.

        :raises RuntimeError: if it is not its turn.
        :raises ResponseError: if there is no such response.
        :raises TypeError: for values of a wrong type.
        """
        kind = event["type"]
        stage = self.stage
        name = kind.removeprefix(self._prefix) if isinstance(kind, str) else None
        if stage == Stage.BODY and name == "body":
            await self._take_body(event)
        elif stage == Stage.HEAD and name == "start":
            self._start(event)
        elif stage == Stage.TRAILERS and name == "trailers":
            self._take_trailers(event)
        elif name == "early_hint" and stage != Stage.DONE:
            links = [(b"Link", link) for link in event.get("links", ())]
            # What is no header field is found here, where the application learns of it.
            serialise(links)
            self._leave(self._hint, links)
        elif stage == Stage.BODY and name == "pathsend" and not self.has_begun:
            self._send_path(checked(event, "path", str))
        elif stage == Stage.DONE:
            raise RuntimeError(f"{kind!r} after the end of the response")
        else:
            expected = ("start", "body", "trailers")[stage]
            raise RuntimeError(f"{kind!r} where {self._prefix + expected!r} is next")

    def _start(self, event: Event) -> None:
        code = checked(event, "status", int)
        fields = fields_of(event.get("headers", ()))
        block = serialise(fields)
        if event.get("trailers", False):
            self._has_trailers = True
            request = self._request
            self._takes_trailers = request.takes_trailers and request.clientproto != b"HTTP/1.0"
            if self._takes_trailers and (block.length is None or request.clientproto == b"HTTP/2"):
                block = block._replace(lines=block.lines + _announced(fields))
        self._head = status_line(code), code, block
        self._is_endless = any(name.lower() == b"content-type" and value.startswith(_EVENTS) for name, value in fields)
        self.stage = Stage.BODY

    async def _take_body(self, event: Event) -> None:
        body = event.get("body", b"")
        if type(body) is not bytes:
            if not isinstance(body, (bytes, bytearray, memoryview)):
                raise TypeError(f"'body' in {event['type']!r} must be bytes, not {type(body).__name__}")
            body = bytes(body)
        more = event.get("more_body", False)
        if not more:
            self.stage = Stage.TRAILERS if self._has_trailers else Stage.DONE
        if not self.has_begun:
            self.has_begun = True
            head = self._head
            assert head is not None
            if self.stage == Stage.DONE:
                self._leave(self._send, *head, body)
                return
            self._outflow.give(len(body))
            self._leave(self._begin, *head, body)
        elif body:
            self._outflow.give(len(body))
            self._leave(self._write, body)
        if self.stage == Stage.DONE:
            self._leave(self._finish)
        elif self._outflow.is_full:
            await self._outflow.room()

    def _take_trailers(self, event: Event) -> None:
        fields = fields_of(event.get("headers", ()))
        serialise(fields)
        if self._takes_trailers:
            self._trailers += fields
        if not event.get("more_trailers", False):
            self.stage = Stage.DONE
            self._leave(self._finish)

    def _send_path(self, path: str) -> None:
        head = self._head
        assert head is not None
        # The server closes it.
        file = open(path, "rb")  # noqa: SIM115
        line, code, block = head
        size = os.fstat(file.fileno()).st_size
        length = size if block.length is None else block.length
        self.has_begun = True
        self.stage = Stage.DONE
        part = FilePart(file, 0, min(size, length))
        self._leave(self._send_file, line, code, block._replace(length=length), part)

    # On the reactor thread.

    def lose(self) -> None:
        """Nobody takes anything more."""
        self._is_over = True
        if self._is_endless:
            self._request.site.farewells.discard(self._say_farewell)

    def cut(self) -> None:
        """The rest will not come."""
        if not self._is_over:
            self.lose()
            self._request.cut()

    def _say_farewell(self) -> None:
        """The server stops, which alone ends a stream of events."""
        if not self._is_over:
            self._finish()
            self._ended()

    def _hint(self, links: Fields) -> None:
        if not self._is_over:
            self._request.send_interim(103, links)

    def _send(self, line: bytes, code: int, block: Block, body: bytes) -> None:
        self._answered()
        if not self._is_over:
            self._is_over = True
            self._request.send(line, code, block, body)

    def _send_file(self, line: bytes, code: int, block: Block, part: FilePart) -> None:
        self._answered()
        if self._is_over:
            part.file.close()
            return
        self._is_over = True
        self._request.send_file(line, code, block, part)

    def _begin(self, line: bytes, code: int, block: Block, body: bytes) -> None:
        self._answered()
        if self._is_over:
            return
        request = self._request
        request.begin(line, code, block)
        if request.method == b"HEAD" or code in NO_BODY:
            # That is all; whoever waits for it on this connection does not wait for the body to be made.
            self._is_over = True
            self._left_out = -1 if block.length is None else min(block.length, _LEFT_OUT)
            request.finish()
            self._leave_out(body)
            return
        request.registerProducer(self, True)
        self._write(body)
        if self._is_endless and not self._is_over:
            request.site.end_at_farewell(self._say_farewell)

    def _write(self, data: bytes) -> None:
        if not self._is_over:
            self._request.write(data)
            self._outflow.take(len(data))
        elif self._left_out is not None:
            self._leave_out(data)

    def _leave_out(self, data: bytes) -> None:
        """Let an application come to the end of a body, if that is near, but not go on for ever."""
        assert self._left_out is not None
        self._left_out -= len(data)
        self._outflow.take(len(data))
        if self._left_out < 0:
            self._left_out = None
            self._ended()

    def _finish(self) -> None:
        if self._is_over:
            return
        self.lose()
        request = self._request
        if self._trailers:
            request.trailers = self._trailers
        request.unregisterProducer()
        request.finish()

    def pauseProducing(self) -> None:
        """The client must read first."""
        self._outflow.block()

    def resumeProducing(self) -> None:
        """The client has read."""
        self._outflow.unblock()

    def stopProducing(self) -> None:
        """The client has left; the request says so too."""


def _announced(fields: Fields) -> bytes:
    """The application's own ``Trailer`` as a line, with the names that may be sent (RFC 9110 6.6.2)."""
    values = [value for name, value in fields if name.lower() == b"trailer"]
    names = [name.strip(b" \t") for name in b",".join(values).split(b",")]
    allowed = [name for name, _ in allowed_trailers((name, b"") for name in names if is_token(name))]
    return b"Trailer: %b\r\n" % b", ".join(allowed) if allowed else b""


def fields_of(headers: Any) -> Fields:
    """Header fields of an event as a list.

    :raises ResponseError: if they are not pairs of bytes.
    """
    fields = []
    for field in headers:
        try:
            name, value = field
        except (TypeError, ValueError):
            raise ResponseError(f"header field {field!r} is no pair of name and value") from None
        if not (isinstance(name, bytes) and isinstance(value, bytes)):
            raise ResponseError(f"header field {name!r}: {value!r} must be bytes")
        fields.append((name, value))
    return fields
