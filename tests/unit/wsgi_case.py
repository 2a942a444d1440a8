"""A site in memory with a WSGI application behind it, shared by the tests of the gateway."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.http.channel import HTTPChannel
from duck_tx.http.forwarded import Trusted
from duck_tx.http.site import Site
from duck_tx.proxy.resource import ReverseProxy
from tests.case import UnitTestCase

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
TEXT = [("Content-Type", "text/plain")]


def to_send(path: str, buffering: int = -1) -> BinaryIO:
    """An open file that the application closes, or the server for it."""
    return open(path, "rb", buffering=buffering)


class Closing:
    """An iterable that counts how often it is closed."""

    def __init__(self, pieces: Iterable[bytes], error: type[BaseException] | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


class Whole(Closing):
    """A response as Django makes them: it knows that it is not streaming."""

    streaming = False


def failing(pieces: Iterable[bytes], error: type[BaseException] = ValueError) -> Iterator[bytes]:
    yield from pieces
    raise error


def just(result: Any, status: str = "200 OK", fields: Iterable[tuple[str, str]] = ()) -> Callable[..., Any]:
    """An application that answers with ``result``."""

    def application(environ: Environ, start_response: StartResponse) -> Any:
        start_response(status, [*TEXT, *fields])
        return result() if callable(result) else result

    return application


def hello(environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", TEXT)
    return [b"hello"]


class ManualReactor(Clock):
    """A clock that also takes calls from threads, and makes them when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self.woken = 0

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        self._calls.append((function, args))
        self.woken += 1

    def turn(self) -> None:
        """Make the calls that are there now."""
        for _ in range(len(self._calls)):
            function, args = self._calls.popleft()
            function(*args)
        self.advance(0)


class HeldPool:
    """Keeps calls until they are run by hand, on a thread of their own."""

    def __init__(self) -> None:
        self.calls: deque[Callable[[], object]] = deque()

    @property
    def waiting(self) -> int:
        return len(self.calls)

    def callInThread(self, function: Callable[[], object]) -> None:
        self.calls.append(function)

    def run_one(self) -> None:
        """Run the oldest call to its end."""
        thread = self.start_one()
        thread.join(20)
        assert not thread.is_alive(), "the call does not end"

    def start_one(self) -> threading.Thread:
        """Run the oldest call beside the test."""
        thread = threading.Thread(target=self.calls.popleft(), daemon=True)
        thread.start()
        return thread


class Answer(NamedTuple):
    """A response, taken apart."""

    code: int
    fields: dict[str, str]
    body: bytes
    whole: bool


def parsed(raw: bytes, *, head: bool = False) -> Answer:
    """The first response in ``raw``; ``head`` if it answers HEAD."""
    top, mark, body = raw.partition(b"\r\n\r\n")
    assert mark, raw
    line, *rest = top.decode("latin-1").split("\r\n")
    fields = {}
    for field in rest:
        name, _, value = field.partition(": ")
        fields[name.lower()] = value
    code = int(line.split(" ")[1])
    if head or code in (204, 304):
        return Answer(code, fields, body, True)
    if fields.get("transfer-encoding") == "chunked":
        return Answer(code, fields, *dechunked(body))
    length = fields.get("content-length")
    return Answer(code, fields, body, length is None or len(body) == int(length))


def dechunked(body: bytes) -> tuple[bytes, bool]:
    """The content of a chunked body, and whether its end is there."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        count = int(size, 16)
        content += rest[:count]
        if not count:
            return content, rest == b"\r\n"
        body = rest[count + 2 :]
    return content, False


class Peer:
    """A client and its connection in memory."""

    def __init__(self, site: Site, address: IAddress | None, host: IAddress | None) -> None:
        peer = address or IPv4Address("TCP", "192.0.2.1", 54321)
        channel = site.buildProtocol(peer)
        assert isinstance(channel, HTTPChannel)
        self.channel = channel
        self._clock = site.clock
        self.transport = StringTransport(host or IPv4Address("TCP", "198.51.100.2", 8000), peer)
        channel.makeConnection(self.transport)

    def send(self, raw: bytes) -> None:
        """Send bytes of a request, and let the reactor have a turn."""
        self.channel.dataReceived(raw)
        assert isinstance(self._clock, Clock)
        self._clock.advance(0)

    def ask(self, target: str = "/", method: str = "GET", body: bytes = b"", fields: Iterable[str] = ()) -> None:
        """Send a whole request."""
        lines = [f"{method} {target} HTTP/1.1", "Host: a.test", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    @property
    def raw(self) -> bytes:
        """What has come back."""
        return self.transport.value()

    @property
    def cut(self) -> bool:
        """The server has reset the connection."""
        return self.transport.disconnected

    def leave(self) -> None:
        """The client goes away."""
        self.channel.connectionLost(Failure(ConnectionDone()))

    def stop_reading(self) -> None:
        """The transport has more than it should."""
        assert self.transport.producer is not None
        self.transport.producer.pauseProducing()

    def read_on(self) -> None:
        """The transport has sent what it had."""
        assert self.transport.producer is not None
        self.transport.producer.resumeProducing()


class GatewayTestCase(UnitTestCase):
    """Has a site whose application runs on the reactor thread, or where ``pool`` says."""

    def serve(
        self, application: Any, pool: Any = None, trusted: Iterable[str] = (), proxied: bool = True, **options: Any
    ) -> Site:
        """A site for the application; its resource and its reactor are kept as attributes."""
        self.reactor = ManualReactor()
        self.resource = WSGIResource(self.reactor, pool, application, **options)
        root = ReverseProxy(self.resource) if proxied else self.resource
        self.site = Site(root, reactor=self.reactor, trusted=Trusted(trusted))
        return self.site

    def connect(self, address: IAddress | None = None, host: IAddress | None = None) -> Peer:
        """A new connection to the site."""
        return Peer(self.site, address, host)

    def get(self, application: Any, method: str = "GET", fields: Iterable[str] = (), body: bytes = b"") -> Answer:
        """What a request to an application is answered with."""
        self.serve(application)
        self.peer = self.connect()
        self.peer.ask(method=method, fields=fields, body=body)
        return parsed(self.peer.raw, head=method == "HEAD")

    def environ(self, ask: Callable[[Peer], object], address: IAddress | None = None, **options: Any) -> Environ:
        """What an application is given when ``ask`` has sent its request."""
        seen: list[Environ] = []

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            environ["test.body"] = environ["wsgi.input"].read()
            seen.append(environ)
            start_response("200 OK", TEXT)
            return [b"seen"]

        self.serve(application, **options)
        peer = self.connect(address)
        ask(peer)
        assert len(seen) == 1, peer.raw
        return seen[0]

    def log_events(self) -> list[LogEvent]:
        """What this project logs from now on, as it comes."""
        events: list[LogEvent] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event.get("log_namespace", "").startswith("duck_tx"):
                events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return events

    def assertOneFailureLogged(self, kind: type[BaseException]) -> None:
        """Exactly one log entry with a traceback of this kind was made."""
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [kind])

    def assertAnswers(self, answer: Answer, body: bytes, code: int = 200) -> None:
        self.assertEqual((answer.code, answer.body, answer.whole), (code, body, True))
