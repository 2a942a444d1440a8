"""Resources over HTTP/2 that take bodies while they come, and that speak other protocols; and a site that has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.head import Rejected
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.router import Router
from duck_tx.http.streaming import BodyStream
from duck_tx.http.tunnel import Tunnel
from tests.unit.http2_case import Http2Case
from tests.unit.http2_client import Client
from tests.unit.http2_frames import Field, connect, post


class Taker:
    """Takes a body.

    :ivar content: what has come of it.
    :ivar sizes: of the pieces.
    :ivar ended: the trailers, once it is whole.
    :ivar failed: what it was told of the end that it will not have.
    :ivar then: called with each piece.
    """

    def __init__(self) -> None:
        self.content = bytearray()
        self.sizes: list[int] = []
        self.ended: list[Field] | None = None
        self.failed: list[Rejected | None] = []
        self.then: Callable[[], object] = lambda: None

    def body_received(self, data: bytes) -> None:
        self.content += data
        self.sizes.append(len(data))
        self.then()

    def body_ended(self, trailers: list[Field]) -> None:
        self.ended = trailers

    def body_failed(self, rejected: Rejected | None) -> None:
        self.failed.append(rejected)


class End:
    """Our end of a tunnel.

    :ivar told: what it has heard, in order; content that comes one after the other in one piece.
    :ivar then: called with the name of what it hears.
    """

    def __init__(self) -> None:
        self.told: list[str | bytes] = []
        self.then: Callable[[str], object] = lambda name: None

    def received(self, data: bytes) -> None:
        if self.told and isinstance(self.told[-1], bytes):
            self.told[-1] += data
        else:
            self.told.append(data)
        self.then("received")

    def _hear(self, name: str) -> None:
        self.told.append(name)
        self.then(name)

    def ended(self) -> None:
        self._hear("ended")

    def blocked(self) -> None:
        self._hear("blocked")

    def unblocked(self) -> None:
        self._hear("unblocked")

    def expired(self) -> None:
        self._hear("expired")

    def going_away(self) -> None:
        self._hear("going away")

    def lost(self) -> None:
        self._hear("lost")


class Live(LeafResource):
    """Is given its requests when their heads are there.

    :ivar requests: all of them.
    :ivar then: answers, if the test does not.
    :ivar wants: says whether it wants a request so early.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.then: Callable[[Any], object] = lambda request: None
        self.wants: Callable[[Any], bool] = lambda request: True

    def streams(self, request: Request) -> bool:
        return self.wants(request)

    def render(self, request: Request) -> int:
        self.requests.append(request)
        self.then(request)
        return NOT_DONE_YET


class LiveCase(Http2Case):
    """A site with such a resource below ``/live/``."""

    def setUp(self) -> None:
        self.live = Live()
        super().setUp()

    def rooted(self, root: IResource) -> IResource:
        router = Router(root)
        router.mount(b"/live/", self.live)
        return router

    def begun(self, client: Client, *fields: Field, stream: int = 1) -> Any:
        """A request whose body is to come."""
        client.send(post(stream, b"/live/", *fields))
        return self.live.requests[-1]

    def taking(self, client: Client, *fields: Field, stream: int = 1) -> tuple[Any, BodyStream, Taker]:
        """A request whose body is being taken."""
        request, taker = self.begun(client, *fields, stream=stream), Taker()
        body = request.body_stream()
        body.start(taker)
        client.settle()
        return request, body, taker

    def opened(self, client: Client, stream: int = 1) -> tuple[Tunnel, End]:
        """A tunnel."""
        client.send(connect(stream))
        end = End()
        tunnel = self.live.requests[-1].tunnel([], end)
        client.settle()
        return tunnel, end
