"""Pages, the page of a chat room, and a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render

from rooms.models import Saying

_open: set[object] = set()


def hello(request: HttpRequest) -> HttpResponse:
    """The least that a view can do."""
    return HttpResponse("Hello, world!", content_type="text/plain")


def page(request: HttpRequest) -> HttpResponse:
    """Twenty rows: one query, one template that extends another, a loop, forty values to escape."""
    return render(request, "rooms/list.html", {"sayings": Saying.objects.all()[:20], "heading": "First & best"})


def room(request: HttpRequest, name: str) -> HttpResponse:
    """A chat room; what is said there goes over a WebSocket."""
    return render(request, "rooms/room.html", {"name": name})


async def events(request: HttpRequest) -> StreamingHttpResponse:
    """``?count=`` server-sent events (without it, no end), ``?every=`` seconds apart (1)."""
    count, every = int(request.GET.get("count", "0")), float(request.GET.get("every", "1"))
    return StreamingHttpResponse(_numbers(count, every), content_type="text/event-stream")


async def _numbers(count: int, every: float) -> AsyncIterator[bytes]:
    number, this = 0, object()
    _open.add(this)
    try:
        while not count or number < count:
            if number:
                await asyncio.sleep(every)
            number += 1
            yield b"id: %d\ndata: event %d\n\n" % (number, number)
    finally:
        _open.discard(this)


def open_events(request: HttpRequest) -> JsonResponse:
    """How many streams of events are under way in this process."""
    return JsonResponse({"open": len(_open)})
