"""A process that serves WebSockets: ``python -m tests.integration.websocket_site [CERTFILE KEYFILE]``.

With a certificate it speaks HTTPS (HTTP/2 or HTTP/1.1), else HTTP/1.1.  Each path is a WebSocket that behaves in its
own way, see ``_SOCKETS``; ``/count`` answers how many connections there are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource
from duck_tx.http.limits import Limits
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from duck_tx.websocket.connection import WebSocket
from duck_tx.websocket.handshake import Refused, examine
from duck_tx.websocket.limits import WebSocketLimits
from tests.integration.served_site import serve_site
from tests.unit.websocket_rows import MAX_MESSAGE

FLOOD = 1000
"""Messages of ``/flood``, of a size that no buffer of the system's holds together."""

PIECE = 65_536


class Echo:
    """Sends back what it hears."""

    socket: WebSocket

    def __init__(self, clock: Any) -> None:
        self.clock = clock

    def opened(self) -> None:
        """The WebSocket is there."""

    def message(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.socket.send_text(data)
        else:
            self.socket.send_bytes(data)

    def writable(self) -> None:
        """Never asked for: it does not look."""

    def closed(self, code: int, reason: str) -> None:
        """Said in the log, for the test to see."""
        print(f"closed: {code} {reason}", flush=True)


class Polite(Echo):
    """Reads no more while the client does not."""

    def message(self, data: str | bytes) -> None:
        super().message(data)
        if self.socket.backlogged:
            self.socket.pause()

    def writable(self) -> None:
        self.socket.resume()


class Slow(Echo):
    """Takes its time over each message."""

    def message(self, data: str | bytes) -> None:
        super().message(data)
        self.socket.pause()
        deferLater(self.clock, 0.002).addCallback(lambda _: self.socket.resume())


class Flood(Echo):
    """Sends as much as the client reads."""

    left = FLOOD

    def opened(self) -> None:
        self.writable()

    def writable(self) -> None:
        while self.left and not self.socket.backlogged:
            self.left -= 1
            self.socket.send_bytes(self.left.to_bytes(4, "big") + bytes(PIECE - 4))
        if not self.left:
            self.socket.close(1000, "that was all")


class Pushy(Flood):
    """Sends much more than anybody reads, all at once."""

    def writable(self) -> None:
        while self.left:
            self.left -= 1
            self.socket.send_bytes(bytes(PIECE))


class Closer(Echo):
    """Closes as it is told."""

    def message(self, data: str | bytes) -> None:
        code, _, reason = str(data).partition(" ")
        self.socket.close(int(code), reason)


_SOCKETS: dict[bytes, tuple[Callable[[Any], Echo], dict[str, Any]]] = {
    b"/echo": (Echo, {}),
    b"/plain": (Echo, {"compression": False}),
    b"/fresh": (Echo, {"compression_takeover": False}),
    b"/wide": (Echo, {"compression_window": 15}),
    b"/polite": (Polite, {"max_message": 10 * MAX_MESSAGE}),
    b"/slow": (Slow, {}),
    b"/flood": (Flood, {"compression": False}),
    b"/pushy": (Pushy, {"compression": False, "max_queue": 1_000_000}),
    b"/closer": (Closer, {}),
    b"/impatient": (Echo, {"ping_interval": 0.1, "ping_timeout": 0.1}),
    b"/patient": (Echo, {"ping_interval": 0.1, "ping_timeout": 30.0}),
}


class Sockets(LeafResource):
    """A WebSocket for each path."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def streams(self, request: Request) -> bool:
        # Over HTTP/2 a WebSocket is a request whose body goes on.
        return True

    def render(self, request: Request) -> bytes | int:
        if request.path == b"/count":
            return b"%d" % len(request.site.channels)
        try:
            offer = examine(request)
        except Refused as refused:
            upgrade = b"websocket" if refused.status == 426 else b""
            request.fail(refused.status, refused.reason, refused.fields, upgrade=upgrade)
            return NOT_DONE_YET
        make, limits = _SOCKETS[request.path]
        listener = make(self._clock)
        subprotocol = offer.subprotocols[-1] if offer.subprotocols else None
        bounds = WebSocketLimits(**{"max_message": MAX_MESSAGE, **limits})
        listener.socket = offer.accept(subprotocol, [(b"X-Duck", b"quack")], listener, bounds)
        listener.opened()
        return NOT_DONE_YET


def _site(reactor: Any, is_secure: bool) -> Site:
    return Site(Sockets(reactor), reactor=reactor, limits=Limits(write_timeout=20), secure=is_secure)


if __name__ == "__main__":
    serve_site("WebSockets", _site, *sys.argv[1:], http2=True)
