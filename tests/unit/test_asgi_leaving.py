"""HTTP through ASGI, where the client leaves or the server stops."""

from __future__ import annotations

import asyncio
from typing import Any

from duck_tx.gateway.asgi.flow import AHEAD
from tests.unit.asgi_case import START, AsgiCase, Receive, Scope, Send, body, sending
from tests.unit.wsgi_case import dechunked


class LeavingTests(AsgiCase):
    def test_an_application_hears_of_it(self) -> None:
        seen: list[Any] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((await receive())["type"])
            seen.append((await receive())["type"])
            try:
                await send(START)
            except OSError as error:
                seen.append(type(error).__name__)
                raise

        self.serve(application)
        peer = self.ask()
        self.assertEqual(seen, ["http.request"])
        peer.leave()
        self.turn()
        self.assertEqual(seen, ["http.request", "http.disconnect", "ClientLeft"])
        self.assertEqual(self.resource.running, 0)
        self.assertLogged()

    def test_it_ends_a_wait_for_room(self) -> None:
        go = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await go.wait()
            await send(START)
            while True:
                await send(body(b"x" * AHEAD, True))

        self.serve(application)
        peer = self.ask()
        peer.stop_reading()
        go.set()
        self.turn()
        self.assertEqual(self.resource.running, 1)
        peer.leave()
        self.turn()
        self.assertEqual(self.resource.running, 0)
        self.assertLogged()

    def test_another_failure_then_is_still_one(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await receive()
            raise LookupError("of its own")

        self.serve(application)
        self.ask().leave()
        self.turn()
        self.assertLogged("the application failed")

    def test_two_that_wait_hear_of_it_both(self) -> None:
        seen: list[str] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()

            async def wait() -> None:
                seen.append((await receive())["type"])

            await asyncio.gather(wait(), wait())

        self.serve(application)
        self.ask().leave()
        self.turn()
        self.assertEqual(seen, ["http.disconnect"] * 2)

    def test_a_stream_of_events_ends_with_the_server(self) -> None:
        seen: list[str] = []
        events = {**START, "headers": [(b"Content-Type", b"text/event-stream; charset=utf-8")]}

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(events)
            await send(body(b"data: 1\n\n", True))
            seen.append((await receive())["type"])

        self.serve(application)
        peer = self.ask()
        self.assertEqual(len(self.site.farewells), 1)
        self.site.drain()
        self.turn()
        self.assertEqual(dechunked(peer.raw.partition(b"\r\n\r\n")[2]), (b"data: 1\n\n", True))
        self.assertEqual(seen, ["http.disconnect"])
        self.assertEqual((self.site.farewells, self.resource.running), (set(), 0))
        self.assertLogged()

    def test_so_does_one_that_begins_when_the_server_stops(self) -> None:
        seen: list[str] = []
        go = asyncio.Event()
        events = {**START, "headers": [(b"content-type", b"text/event-stream")]}

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await go.wait()
            await send(events)
            await send(body(b"data: 1\n\n", True))
            seen.append((await receive())["type"])

        self.serve(application)
        peer = self.ask()
        self.site.drain()
        go.set()
        self.turn()
        self.assertEqual(dechunked(peer.raw.partition(b"\r\n\r\n")[2]), (b"data: 1\n\n", True))
        self.assertEqual(seen, ["http.disconnect"])
        self.assertEqual((self.site.farewells, self.resource.running), (set(), 0))
        self.assertLogged()

    def test_one_that_ends_earlier_is_not_ended_again(self) -> None:
        events = {**START, "headers": [(b"content-type", b"text/event-stream")]}
        for last in (body(b""), {"type": "wrong"}):
            self.serve(sending(events, body(b"data: 1\n\n", True), last))
            self.ask()
            self.assertEqual(self.site.farewells, set())
        self.assertLogged("the application failed")
