"""Bodies that an asynchronous view of Django's makes bit by bit, on their way through WSGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import Any

from twisted.logger import Logger

from duck_tx.gateway.stream import ClientGone
from duck_tx.http.request import Request

__all__ = ["hand_over"]

_log = Logger()
_LOOK = 1.0
"""Seconds after which a client that has left is noticed while no piece comes."""

_MANY = 100
_named: set[bytes] = set()


def hand_over(response: Any, request: Request, take: Callable[[bytes], bool], is_gone: Callable[[], bool]) -> None:
    """Hand over the pieces of a response as they are made, and come back when it ends.

    Django would collect all of them first: of a stream without an end nothing would ever be sent, and it would go on
    without its client.  What is synchronous in the view runs on the thread that calls this.

    :param response: a streaming one of Django's.
    :param take: gets each piece, on another thread, and may wait there; false if no more of them are of use.
    :param is_gone: whether nobody waits for it any more.
    :raises ClientGone: if that is so.
    """
    from asgiref.sync import async_to_sync

    path = request.uri.partition(b"?")[0]
    if path not in _named and len(_named) < _MANY:
        _named.add(path)
        _log.warn(
            "{asked}: this view streams asynchronously, and holds a gateway thread until it ends; name its path in"
            " gateway.asgi_paths, and it needs none",
            asked=request.asked,
        )  # fmt: skip
    async_to_sync(_watch)(response.streaming_content, take, is_gone)


async def _watch(pieces: AsyncIterable[bytes], take: Callable[[bytes], bool], is_gone: Callable[[], bool]) -> None:
    making = asyncio.ensure_future(_take_all(pieces, take))
    while not making.done():
        await asyncio.wait([making], timeout=_LOOK)
        if is_gone():
            making.cancel()
    if making.cancelled() and is_gone():
        raise ClientGone
    making.result()


async def _take_all(pieces: AsyncIterable[bytes], take: Callable[[bytes], bool]) -> None:
    async for piece in pieces:
        if not take(piece):
            break
