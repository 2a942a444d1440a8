"""A Django site in one module: its settings, its views (some of them asynchronous) and its ASGI application.

For ``--django-settings tests.integration.async_site``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = __name__
ASGI_APPLICATION = f"{__name__}.application"
INSTALLED_APPS: list[str] = []
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
USE_TZ = True
LOGGING_CONFIG = None
DATA_UPLOAD_MAX_MEMORY_SIZE = None

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_open: set[int] = set()
_tasks: set[asyncio.Task[None]] = set()


def _kind(request: HttpRequest) -> HttpResponse:
    return HttpResponse(type(request).__name__)


async def _count(request: HttpRequest) -> HttpResponse:
    """How often this session has been here."""
    seen = await request.session.aget("seen", 0) + 1
    await request.session.aset("seen", seen)
    return HttpResponse(str(seen))


async def _digest(request: HttpRequest) -> HttpResponse:
    return HttpResponse(hashlib.sha256(request.body).hexdigest())


async def _events(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_numbers(), content_type="text/event-stream")


async def _endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_numbers(), content_type="text/plain")


async def _numbers() -> AsyncIterator[bytes]:
    _open.add(1)
    try:
        for number in range(10_000):
            yield b"data: %d\n\n" % number
            await asyncio.sleep(0.02)
    finally:
        _open.discard(1)


def _open_events(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"open": len(_open), "pid": os.getpid()})


async def _fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("on purpose")


urlpatterns = [
    path("", _kind),
    path("open", _open_events),
    path("events", _events),
    path("async/kind", _kind),
    path("async/count", _count),
    path("async/digest", _digest),
    path("async/events", _events),
    path("async/endless", _endless),
    path("async/fails", _fails),
]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Pages are Django's; WebSockets say what they hear, or what their path asks for."""
    if scope["type"] == "lifespan":
        await _live(scope, receive, send)
    elif scope["type"] == "websocket":
        await _talk(scope, receive, send)
    else:
        from django.core.handlers.asgi import ASGIHandler

        await ASGIHandler()(scope, receive, send)


async def _live(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if os.environ.get("ASYNC_SITE") == "fails":
        await send({"type": "lifespan.startup.failed", "message": "the ducks are not in a row"})
        return
    scope["state"]["greeting"] = "quack"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("the lifespan ends", file=sys.stderr, flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def _talk(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if scope["path"] == "/closed":
        await send({"type": "websocket.close"})
        return
    if scope["path"] == "/stuck":
        _tasks.add(asyncio.create_task(_stuck()))
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    if scope["path"] == "/greeting":
        await send({"type": "websocket.send", "text": f"{scope['state']['greeting']} {os.getpid()}"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            print(f"the WebSocket ends with {event['code']}", file=sys.stderr, flush=True)
            break
        await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})
    if scope["path"] == "/stuck":
        await _stuck()


async def _stuck() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        print("what is stuck is cancelled", file=sys.stderr, flush=True)
