"""A Starlette application: for ``--asgi tests.integration.starlette_site:application``."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

_done: list[str] = []


@asynccontextmanager
async def _life(app: Starlette) -> AsyncIterator[dict[str, object]]:
    if os.environ.get("STARLETTE_SITE") == "fails":
        raise ConnectionError("the database is not there")
    with tempfile.TemporaryDirectory(prefix="duck-starlette-") as directory:
        path = os.path.join(directory, "large")
        with open(path, "wb") as file:
            file.write(b"duck" * 500_000)
        yield {"large": path}


async def _whole(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {"sha256": hashlib.sha256(body).hexdigest(), "url": str(request.url), "root": request.scope["root_path"]}
    )


async def _pieces(request: Request) -> Response:
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
    except ClientDisconnect:
        _done.append("disconnect")
        raise
    return PlainTextResponse(str(size))


async def _streamed(request: Request) -> Response:
    async def numbers() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d\n" % number

    return StreamingResponse(numbers(), media_type="text/plain")


async def _file(request: Request) -> Response:
    return FileResponse(request.state.large)


async def _later(request: Request) -> Response:
    return PlainTextResponse("soon", background=BackgroundTask(_done.append, "background"))


async def _seen(request: Request) -> Response:
    return JSONResponse(_done)


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None), headers=[(b"x-duck", b"yes")])
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def _denied(websocket: WebSocket) -> None:
    await websocket.send_denial_response(JSONResponse({"why": "no ducks"}, status_code=401))


application = Starlette(
    lifespan=_life,
    routes=[
        Route("/whole", _whole, methods=["GET", "POST"]),
        Route("/pieces", _pieces, methods=["POST"]),
        Route("/streamed", _streamed),
        Route("/file", _file),
        Route("/later", _later),
        Route("/seen", _seen),
        WebSocketRoute("/echo", _echo),
        WebSocketRoute("/denied", _denied),
        Mount("/below", routes=[Route("/whole", _whole)]),
    ],
)
