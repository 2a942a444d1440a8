"""A site in memory with an ASGI application behind it, on a loop that turns when the test says so."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from duck_tx.eventloop.bridge import SharedLoop
from duck_tx.gateway.asgi.resource import ASGIResource
from duck_tx.http.forwarded import Trusted
from duck_tx.http.limits import Limits
from duck_tx.http.router import Router
from duck_tx.http.site import Site
from duck_tx.proxy.resource import ReverseProxy
from tests.case import UnitTestCase
from tests.unit.wsgi_case import Answer, Peer, parsed

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Scope = dict[str, Any]

START: Event = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def body(data: bytes, more: bool = False) -> Event:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*events: Event) -> Callable[..., Any]:
    """An application that sends these."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for event in events:
            await send(event)

    return application


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"hello"))


async def whole_body(receive: Receive) -> bytes:
    """What the client sends."""
    data = b""
    while True:
        event = await receive()
        assert event["type"] == "http.request", event
        data += event["body"]
        if not event["more_body"]:
            return data


def mistakes(value: Any, kind: Any, where: str = "scope") -> list[str]:
    """Where ``value`` is not what a type says; enough of typing for that of ASGI."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return []
    if origin in (Union, types.UnionType):
        tries = [mistakes(value, each, where) for each in inner]
        return [] if [] in tries else tries[0]
    if origin is Literal:
        return [] if value in inner else [f"{where}: {value!r}"]
    if hasattr(kind, "__total__"):
        hints = get_type_hints(kind)
        found = [f"{where}: {key!r} is missing" for key in kind.__required_keys__ - value.keys()]
        found += [f"{where}: {key!r} is unknown" for key in value.keys() - hints.keys()]
        for key in value.keys() & hints.keys():
            found += mistakes(value[key], hints[key], f"{where}[{key!r}]")
        return found
    if origin is tuple:
        if not isinstance(value, tuple) or len(value) != len(inner):
            return [f"{where}: {value!r}"]
        return [each for item, each_kind in zip(value, inner, strict=True) for each in mistakes(item, each_kind, where)]
    if origin is dict:
        return [] if isinstance(value, dict) else [f"{where}: {value!r}"]
    if origin is not None and issubclass(origin, Iterable):
        return [each for item in value for each in mistakes(item, inner[0], where)]
    plain = type(None) if kind is None else kind
    return [] if type(value) is plain else [f"{where}: {value!r}"]


class AsgiCase(UnitTestCase):
    """Has a site whose application runs on the thread of the test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        self.bridge = SharedLoop(self.clock, self.loop)
        self.lines: list[str] = []
        lines = self.lines

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event.get("log_namespace", "").startswith("duck_tx"):
                lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def serve(
        self,
        application: Any,
        mount: bytes | None = None,
        trusted: Iterable[str] = (),
        max_body: int = 0,
        **options: Any,
    ) -> Site:
        """A site for the application; its resource is kept as an attribute."""
        self.resource = ASGIResource(self.clock, self.bridge, application, **options)
        self.addCleanup(self.end)
        root = Router(ReverseProxy(self.resource))
        if mount is not None:
            root.mount(mount, ReverseProxy(self.resource))
        self.site = Site(root, reactor=self.clock, trusted=Trusted(trusted), limits=Limits(max_body=max_body))
        return self.site

    def end(self) -> None:
        """Cancel what is left."""
        self.resource.stop()
        self.loop.run_until_complete(self.resource.finish(0))

    def connect(self, address: IAddress | None = None) -> Peer:
        """A new connection to the site."""
        return Peer(self.site, address, None)

    def turn(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(12):
            self.clock.advance(0)
            self.loop.stop()
            self.loop.run_forever()

    def ask(self, target: str = "/", method: str = "GET", data: bytes = b"", fields: Sequence[str] = ()) -> Peer:
        """Send a request; who sent it."""
        peer = self.connect()
        peer.ask(target, method, data, fields)
        self.turn()
        return peer

    def get(self, application: Any, **request: Any) -> Answer:
        """What a request to an application is answered with."""
        self.serve(application)
        return parsed(self.ask(**request).raw, head=request.get("method") == "HEAD")

    def assertLogged(self, *patterns: str) -> None:
        """These lines have been logged, and no others."""
        self.flushLoggedErrors()
        self.assertEqual(len(self.lines), len(patterns), self.lines)
        for line, pattern in zip(self.lines, patterns, strict=True):
            self.assertRegex(line, pattern)
