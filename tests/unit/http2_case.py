"""A site that speaks HTTP/2 in memory, and tables of what it must do with what a client sends."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from duck_tx.http.limits import Limits
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from duck_tx.http2.channel import Http2Channel
from duck_tx.http2.limits import Http2Limits
from tests.integration.wire_resource import Echo
from tests.unit.http2_client import Client
from tests.unit.http2_frames import FRESH, Code, request
from tests.unit.http2_outcome import Outcome, Row, ended
from tests.unit.logged import logged_lines
from tests.unit.wire_case import Hello, Waiting, WireCase

PIECE = b"duck" * 16_384
"""What :class:`Flow` writes at a time."""


class Http2Site(Site):
    """Counts what the resources are asked.

    :ivar asked: the paths.
    """

    http2 = Http2Limits()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: list[bytes] = []

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return Http2Channel(self, self.http2)

    def getResourceFor(self, request: Request) -> IResource:
        self.asked.append(request.uri)
        return super().getResourceFor(request)


@implementer(IPushProducer)
class _Pump:
    """Writes while it is not told to pause."""

    def __init__(self, flow: Flow, request: Any) -> None:
        self._flow = flow
        self._request = request
        self._left = flow.size
        self._paused = False

    def resumeProducing(self) -> None:
        self._paused = False
        while not self._paused and self._left:
            piece = PIECE[: self._left]
            self._left -= len(piece)
            self._flow.produced += len(piece)
            self._request.write(piece)
        if not self._left and not self._paused:
            self._paused = True
            self._request.unregisterProducer()
            self._request.finish()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._paused = True
        self._flow.stopped += 1


class Flow(Resource):
    """A large body.

    :ivar size: its bytes.
    :ivar produced: bytes that were written so far, for all requests.
    :ivar stopped: how many requests were told to stop.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.size = 64 * 1024 * 1024
        self.produced = self.stopped = 0

    def render(self, request: Any) -> int:
        pump = _Pump(self, request)
        request.registerProducer(pump, True)
        pump.resumeProducing()
        return NOT_DONE_YET


class Http2Case(WireCase):
    """A site over TLS, as far as it knows: ``/hello``, ``/wait`` (until the test answers), ``/flow`` (64 MiB), and
    everywhere else what was asked."""

    site: Http2Site
    limits: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.waiting = Waiting()
        self.flow = Flow()
        root = Echo()
        for name, resource in ((b"hello", Hello()), (b"wait", self.waiting), (b"flow", self.flow)):
            root.putChild(name, resource)
        super().setUp()
        self.site = self.site_of(self.rooted(root), **self.limits)

    def rooted(self, root: IResource) -> IResource:
        """What the site has for its root."""
        return root

    def site_of(self, resource: IResource, **limits: Any) -> Http2Site:
        bounds = Limits(**limits)
        return Http2Site(resource, reactor=self.clock, limits=bounds, seconds=self.clock.seconds, secure=True)

    def client(self, site: Site | None = None) -> Client:
        """A connection on which nothing has been sent."""
        return Client(site or self.site, self.clock)

    def started(self, *values: tuple[int, int]) -> Client:
        """A connection with prefaces exchanged and settings acknowledged."""
        client = self.client()
        client.start(*values)
        self.assertEqual(client.acknowledged, 1)
        return client

    def proves_alive(self, client: Client, stream: int = FRESH) -> None:
        """A PING and a request are answered."""
        self.assertEqual(client.goaways, [])
        self.assertFalse(client.wire.closed, "the connection is closed")
        self.assertTrue(client.answers(), "PING is not answered")
        if stream:
            client.send(request(stream))
            response = client.response(stream)
            self.assertEqual((response.status, bytes(response.body), response.complete), (200, b"Hello, world!", True))

    def leaves_nothing(self, client: Client, site: Site | None = None) -> None:
        """The connection goes, and with it everything about it."""
        site = site or self.site
        client.lose()
        self.assertNotIn(client.protocol, site.channels)
        if not site.channels:
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def has_outcome(self, client: Client, *outcomes: Outcome, about: str = "") -> None:
        """One of these is what has come of what was sent."""
        closed, asked = client.wire.closed, self.site.asked
        complaints = [outcome.differs(client, closed=closed, asked=asked) for outcome in outcomes]
        if all(complaints):
            self.fail("\n".join([*complaints, about]))

    def ends_with(self, client: Client, *codes: Code) -> None:
        """The connection was given up for one of these errors."""
        self.has_outcome(client, ended(*codes))


def live() -> Counter[str]:
    """How many objects of the server's own types there are."""
    gc.collect()
    names = (f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    return Counter(name for name in names if name.startswith("duck_tx."))


T = TypeVar("T", bound=type[Http2Case])


def rows(table: Sequence[Row]) -> Callable[[T], T]:
    """Give a test case one test for each row."""

    def add(case: T) -> T:
        for each in table:
            sentence = f"{each.section} {each.name} " + " or ".join(outcome.phrase for outcome in each.outcomes)
            name = "test_" + re.sub("[^a-z0-9]+", "_", sentence.lower())
            assert not hasattr(case, name), name
            setattr(case, name, _test(each))
        return case

    return add


def _test(each: Row) -> Callable[[Http2Case], None]:
    def test(case: Http2Case) -> None:
        with logged_lines() as lines:
            client = case.client()
            if not each.instead:
                client.start()
            client.send(*each.sent)
            client.wait(0.9)
            case.has_outcome(client, *each.outcomes, about=each.why)
            if not client.wire.closed:
                if each.instead:
                    client.acknowledge()
                case.proves_alive(client, each.life)
            case.leaves_nothing(client)
        case.assertLessEqual(sum(line.count("\n") + 1 for line in lines), 1, lines)

    return test
