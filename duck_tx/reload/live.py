"""The browsers that look on: a script in their pages, and a stream of events that tells it what has changed."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request

__all__ = ["PREFIX", "Live"]

PREFIX = "/__duck__/"
_HEARTBEAT = 15.0
"""Seconds between two signs of life: whatever stands between takes silence for the end sooner or later."""

_RETRY = 200
"""Milliseconds after which a browser connects anew; the socket is there all the time, and it waits there."""


class Live(LeafResource):
    """Answers below :data:`PREFIX`: ``script.js``, and ``events`` (server-sent events, HTML 9.2).

    A page and each event carry a stamp, that of the moment they speak of.  A browser that connects is told the present
    one: if that is not the stamp of its page, the page is of an earlier life or it has missed something.

    :param clock: for the signs of life.
    :param life: what tells this life of the server from others.
    """

    def __init__(self, clock: IReactorTime, life: str | None = None) -> None:
        self._clock = clock
        self._life = life or secrets.token_hex(6)
        self._count = 0
        self._open = True
        self._listeners: set[Request] = set()
        self._beat: IDelayedCall | None = None

    @property
    def stamp(self) -> str:
        """That of this moment."""
        return f"{self._life}-{self._count}"

    @property
    def tag(self) -> str:
        """What makes a page refresh itself, in HTML."""
        return f'<script src="{PREFIX}script.js" data-stamp="{self.stamp}" defer></script>'

    def page_changed(self) -> None:
        """Have all pages load again."""
        self._count += 1
        self._tell("page", stamp=self.stamp)

    def style_changed(self, name: str) -> None:
        """Have style sheets fetched again, without their pages.

        :param name: the end of the path of the one that changed.
        """
        self._count += 1
        self._tell("style", stamp=self.stamp, name=name)

    def open(self) -> None:
        """Take listeners, as at first."""
        self._open = True

    def close(self) -> None:
        """Let all listeners go, and take no more."""
        self._open = False
        for request in list(self._listeners):
            request.finish()

    def render(self, request: Request) -> bytes | int:
        """Answer with the script or the stream."""
        if request.method not in (b"GET", b"HEAD"):
            request.fail(405, "This can only be read.", [(b"Allow", b"GET, HEAD")])
            return NOT_DONE_YET
        request.setHeader(b"Cache-Control", b"no-store")
        if request.mount_path == b"script.js":
            request.setHeader(b"Content-Type", b"text/javascript; charset=utf-8")
            return Path(__file__).with_name("script.js").read_bytes()
        if request.mount_path != b"events":
            request.fail(404, "There is nothing here.")
        elif not self._open:
            request.fail(503, "The server stops.", [(b"Retry-After", b"1")])
        else:
            self._listen(request)
        return NOT_DONE_YET

    def _listen(self, request: Request) -> None:
        request.setHeader(b"Content-Type", b"text/event-stream")
        # For those that collect what they pass on.
        request.setHeader(b"X-Accel-Buffering", b"no")
        if request.method == b"HEAD":
            request.finish()
            return
        self._listeners.add(request)
        request.notifyFinish().addBoth(self._gone, request)
        request.write(b"retry: %d\n\n%b" % (_RETRY, _event("hello", {"stamp": self.stamp})))
        if self._beat is None:
            self._beat = self._clock.callLater(_HEARTBEAT, self._show_life)

    def _gone(self, _: Failure | None, request: Request) -> None:
        self._listeners.discard(request)
        if not self._listeners and self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _show_life(self) -> None:
        self._beat = self._clock.callLater(_HEARTBEAT, self._show_life)
        self._send(b":\n\n")

    def _tell(self, event: str, **values: str) -> None:
        self._send(_event(event, values))

    def _send(self, data: bytes) -> None:
        for request in list(self._listeners):
            # One that is being lost must not keep the news from the others.
            with suppress(RuntimeError):
                request.write(data)


def _event(name: str, values: dict[str, str]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(values)}\n\n".encode()
