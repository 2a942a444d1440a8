"""Resources over HTTP/2 that take a body while it comes, or speak another protocol; by the last part of the path.

``echo`` sends back what comes as it comes, with its trailers, and in a tunnel says ``bye`` when the server stops;
``count`` says how many bytes came; ``hold`` takes nothing before ``release`` is asked for; ``refuse`` does not want it;
``hints`` sends early hints; ``cut`` breaks off; ``open`` says how many tunnels there are.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from duck_tx.http.head import Rejected
from duck_tx.http.leaf import LeafResource
from duck_tx.http.response import serialise, status_line
from duck_tx.http.streaming import BodyStream

__all__ = ["Live"]


class _Counter:
    """Takes a body, and says how long it was."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self.body: BodyStream = request.body_stream()
        self.size = 0

    def body_received(self, data: bytes) -> None:
        self.size += len(data)

    def body_ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        self.request.write(b"%d" % self.size)
        self.request.finish()

    def body_failed(self, rejected: Rejected | None) -> None:
        """Nothing more can be said."""


@implementer(IPushProducer)
class _Echo(_Counter):
    """Sends it back, no faster than the client reads."""

    def begin(self) -> None:
        self.request.begin(status_line(200), 200, serialise([]))
        self.request.registerProducer(self, True)
        self.body.start(self)

    def body_received(self, data: bytes) -> None:
        super().body_received(data)
        self.request.write(data)

    def body_ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        self.request.unregisterProducer()
        self.request.trailers = [*trailers, (b"x-size", b"%d" % self.size)]
        self.request.finish()

    def pauseProducing(self) -> None:
        self.body.pause()

    def resumeProducing(self) -> None:
        self.body.resume()

    def stopProducing(self) -> None:
        """The body fails as well."""


class _Parrot:
    """Says what it hears."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.tunnel: Any = None

    def received(self, data: bytes) -> None:
        self.tunnel.write(data)

    def ended(self) -> None:
        self.tunnel.close()

    def blocked(self) -> None:
        self.tunnel.pause()

    def unblocked(self) -> None:
        self.tunnel.resume()

    def expired(self) -> None:
        """Nothing was to happen."""

    def going_away(self) -> None:
        self.tunnel.write(b"bye")
        self.tunnel.close()

    def lost(self) -> None:
        self._live.tunnels -= 1


class Live(LeafResource):
    """All of them.

    :ivar tunnels: how many there are.
    """

    def __init__(self) -> None:
        self.tunnels = 0
        self._held: list[_Counter] = []

    def streams(self, request: Any) -> bool:
        return True

    def render(self, request: Any) -> bytes | int:
        name = request.path.rpartition(b"/")[2]
        if name == b"open":
            return b"%d" % self.tunnels
        if name == b"release":
            held, self._held = self._held, []
            for counter in held:
                counter.body.start(counter)
            return b"%d" % len(held)
        if name == b"echo":
            self._echo(request)
        elif name == b"count":
            counter = _Counter(request)
            counter.body.start(counter)
        elif name == b"hold":
            self._held.append(_Counter(request))
        else:
            self._answer(name, request)
        return NOT_DONE_YET

    def _echo(self, request: Any) -> None:
        if not request.upgrade:
            _Echo(request).begin()
        elif request.upgrade == b"websocket":
            self.tunnels += 1
            parrot = _Parrot(self)
            parrot.tunnel = request.tunnel([(b"x-said", request.upgrade)], parrot)
        else:
            request.fail(501, "Only websocket is spoken here.")

    def _answer(self, name: bytes, request: Any) -> None:
        if name == b"refuse":
            request.fail(403, "This is not for you.")
        elif name == b"hints":
            request.send_interim(103, [(b"link", b"</style.css>; rel=preload")])
            request.write(b"hinted")
            request.finish()
        else:
            request.write(b"a part")
            request.cut()
