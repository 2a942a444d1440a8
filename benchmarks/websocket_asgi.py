"""An ASGI application with WebSockets and without a framework: ``/echo`` says what it hears, and what one says on any
other path, all there hear."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

_Send = Callable[[Mapping[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[Mapping[str, Any]]]

_BODY = b"Hello, world!"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_BODY))]

_crowd: set[_Send] = set()


async def application(scope: Mapping[str, Any], receive: _Receive, send: _Send) -> None:
    """A lifespan is refused, as servers expect of applications without one."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await (_echo if scope["path"] == "/echo" else _gather)(receive, send)
    else:
        raise NotImplementedError(scope["type"])


async def _echo(receive: _Receive, send: _Send) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def _gather(receive: _Receive, send: _Send) -> None:
    _crowd.add(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            said = {"type": "websocket.send", "text": event["text"]}
            for each in list(_crowd):
                await each(said)
    finally:
        _crowd.discard(send)
