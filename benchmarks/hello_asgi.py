"""The smallest ASGI application, for servers that are measured without Django: it imports nothing at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

BODY = b"Hello, resource!"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(BODY))]


async def application(
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> None:
    """Answer every request alike; a lifespan is refused, as servers expect of applications without one."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})
