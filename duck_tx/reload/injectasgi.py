"""Adds a tag to the HTML pages of an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from duck_tx.reload.inject import OF_THE_BODY, SHOWN, may_have_tag, with_tag

__all__ = ["InjectingASGI"]

Event = dict[str, Any]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[dict[str, Any], Callable[[], Awaitable[Event]], Send], Any]
Fields = list[tuple[bytes, bytes]]


class InjectingASGI:
    """The application, with a tag in each page.

    What is compressed, partial or no HTML is left as it is, and so is what a script fetches.  A page in pieces gets the
    tag with its last one: large pages come like that, too, and nothing is kept back.

    :param application: makes the pages.
    :param tag: the tag of this moment, in ASCII; empty if pages are to be left as they are.
    """

    def __init__(self, application: Application, tag: Callable[[], str]) -> None:
        self._application = application
        self._tag = tag

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Event]], send: Send) -> None:
        if _is_shown(scope):
            tag = self._tag()
            if tag:
                send = _Page(send, tag.encode("ascii")).send
        await self._application(scope, receive, send)


def _is_shown(scope: dict[str, Any]) -> bool:
    """Whether the response may be shown as a page."""
    if scope["type"] != "http" or scope["method"] == "HEAD":
        return False
    wanted = [value for name, value in scope["headers"] if name == b"sec-fetch-dest"]
    return not wanted or wanted[0].decode("latin-1") in SHOWN


class _Page:
    """A response on its way, whose head is kept back until its body begins."""

    def __init__(self, send: Send, tag: bytes) -> None:
        self._send = send
        self._tag = tag
        self._start: Event | None = None
        self._fields: Fields | None = None

    async def send(self, event: Event) -> None:
        """What the application calls instead of ``send``."""
        kind = event["type"]
        if kind == "http.response.start" and self._start is None:
            event = self._start = {**event, "headers": _listed(event.get("headers", ()))}
            self._fields = _fields_of_page(event)
            if self._fields is not None:
                return
        elif kind == "http.response.body" and self._fields is not None:
            event = await self._with_tag(event)
        elif kind != "http.response.early_hint":
            await self._release()
        await self._send(event)

    async def _with_tag(self, event: Event) -> Event:
        is_last = not event.get("more_body", False)
        if is_last:
            event = {**event, "body": with_tag(bytes(memoryview(event.get("body", b""))), self._tag)}
        if self._fields:
            fields = [field for field in self._fields if field[0].decode("latin-1").lower() not in OF_THE_BODY]
            if is_last:
                fields.append((b"content-length", b"%d" % len(event["body"])))
            # Pieces go on from here; the head has gone.
            self._fields = []
            await self._send({**(self._start or {}), "headers": fields})
        if is_last:
            self._fields = None
        return event

    async def _release(self) -> None:
        """Send the head as it is, before something that is no body."""
        fields, self._fields = self._fields, None
        if fields:
            assert self._start is not None
            await self._send(self._start)


def _listed(fields: Any) -> Any:
    """Fields that can be gone through twice; what is none is for the server to refuse."""
    try:
        return list(fields)
    except TypeError:
        return fields


def _fields_of_page(start: Event) -> Fields | None:
    """The fields of a page that may be changed; ``None`` if it is none."""
    try:
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        return list(start["headers"]) if may_have_tag(str(start["status"]), fields) else None
    except (AttributeError, KeyError, TypeError, ValueError):
        # No response at all, which is for the server to say.
        return None
