"""The ASGI gateway as a resource: time-out, limits, who may open a WebSocket, and the end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.unit.asgi_case import START, AsgiCase, Receive, Scope, Send, body, hello
from tests.unit.wsgi_case import parsed

HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def forever(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


class TimeoutTests(AsgiCase):
    def late(self) -> None:
        """Let the time for an answer be over."""
        for call in self.resource._terms.waiting:
            call.deadline = time.monotonic()
        self.clock.advance(1)
        self.turn()

    def test_an_application_that_does_not_answer_is_answered_for_and_cancelled(self) -> None:
        self.serve(forever)
        peer = self.ask()
        self.assertEqual(peer.raw, b"")
        self.late()
        self.assertEqual(parsed(peer.raw).code, 504)
        self.assertEqual(self.resource.running, 0)
        self.assertLogged(r"(?s)took longer than 120 s \(gateway.request_timeout\) .* with 504.*await asyncio.Event")

    def test_a_body_may_take_as_long_as_its_limits_allow(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive())["more_body"]:
                pass
            await forever(scope, receive, send)

        self.serve(application)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        self.turn()
        self.late()
        self.assertEqual(peer.raw, b"")
        peer.send(b"cd")
        self.turn()
        self.late()
        self.assertEqual(parsed(peer.raw).code, 504)

    def test_a_response_that_has_begun_may_take_its_time(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await send(body(b"some", True))
            await forever(scope, receive, send)

        self.serve(application)
        peer = self.ask()
        self.assertEqual(self.resource._terms.waiting, set())
        self.clock.advance(1)
        self.turn()
        self.assertFalse(parsed(peer.raw).whole)
        self.assertEqual(self.resource.running, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [self.site._sweeping])

    def test_what_an_application_does_after_it_is_its_own_affair(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await forever(scope, receive, send)
            finally:
                await hello(scope, receive, send)

        self.serve(application)
        peer = self.ask()
        self.late()
        self.assertEqual(peer.raw.count(b"HTTP/1.1"), 1)
        self.assertEqual(self.resource.running, 0)

    def test_it_has_no_longer_when_its_client_has_left(self) -> None:
        self.serve(forever)
        self.ask().leave()
        slow = self.connect()
        slow.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        self.turn()
        slow.leave()
        self.turn()
        self.assertEqual(self.resource.running, 2)
        self.late()
        self.assertEqual((self.resource.running, self.resource._terms.waiting), (0, set()))
        self.assertLogged(*[r"took longer than 120 s \(gateway.request_timeout\) and its client has left."] * 2)

    def test_one_that_ends_without_its_client_owes_nothing(self) -> None:
        async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"

        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            await leaving(scope, receive, send)
            await hello(scope, receive, send)

        for application in (leaving, answering):
            self.serve(application)
            self.ask().leave()
            self.turn()
            self.assertEqual((self.resource.running, self.resource._terms.waiting), (0, set()))
        self.assertLogged()

    def test_without_a_limit_there_is_no_timer(self) -> None:
        self.serve(forever, request_timeout=0)
        self.ask()
        self.assertEqual(self.clock.getDelayedCalls(), [self.site._sweeping])


class LimitTests(AsgiCase):
    def test_there_is_a_limit_of_calls_at_a_time(self) -> None:
        self.serve(forever, max_calls=2)
        self.ask()
        leaving = self.ask()
        answer = parsed(self.ask().raw)
        self.assertEqual((answer.code, answer.fields["retry-after"]), (503, "1"))
        leaving.leave()
        self.resource._terms.running.pop().cancel()
        self.turn()
        self.assertEqual(self.ask().raw, b"")

    def test_it_streams_every_body(self) -> None:
        self.serve(hello)
        self.assertTrue(self.resource.streams(None))  # type: ignore[arg-type]


class SocketTests(AsgiCase):
    """What is answered before the application is asked, or in its stead."""

    def shake(self, *more: str, **options: Any) -> tuple[int, bytes]:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.close"})

        self.serve(application, **options)
        answer = parsed(self.ask(fields=(*(more or HANDSHAKE),)).raw)
        return answer.code, answer.body

    def test_what_the_application_does_not_accept_is_forbidden(self) -> None:
        self.assertEqual(self.shake()[0], 403)
        self.assertLogged()

    def test_a_handshake_that_is_none_is_told_so(self) -> None:
        self.assertEqual(self.shake(*HANDSHAKE[:3])[0], 400)
        self.assertEqual(self.shake(*HANDSHAKE[:2], "Sec-WebSocket-Version: 8", HANDSHAKE[3])[0], 426)

    def test_pages_of_others_may_open_none(self) -> None:
        def ours(host: str) -> bool:
            return host == "a.test"

        for origin, said in (("https://evil.example", b"other sites"), ("http://a.test", b"not accept")):
            code, text = self.shake(*HANDSHAKE, f"Origin: {origin}", is_allowed_host=ours)
            self.assertEqual(code, 403)
            self.assertIn(said, text)
        self.assertLogged("GET /: refused a WebSocket that a page of 'https://evil.example' opens at 'a.test': not")

    def test_without_a_check_every_page_may(self) -> None:
        _, text = self.shake(*HANDSHAKE, "Origin: https://evil.example")
        self.assertIn(b"not accept", text)


class EndTests(AsgiCase):
    def test_what_does_not_end_is_cancelled(self) -> None:
        self.serve(forever)
        peer = self.ask()
        self.assertEqual(self.loop.run_until_complete(self.resource.finish(0.01)), 0)
        self.assertEqual(parsed(peer.raw).code, 500)
        self.assertLogged()

    def test_what_ends_in_time_is_waited_for(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.01)
            await hello(scope, receive, send)

        self.serve(application)
        peer = self.ask()
        self.assertEqual(self.loop.run_until_complete(self.resource.finish(5)), 0)
        self.assertEqual(parsed(peer.raw).code, 200)

    def test_what_cannot_be_cancelled_is_counted(self) -> None:
        go = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            while not go.is_set():
                try:
                    await go.wait()
                except asyncio.CancelledError:
                    continue

        self.patch(self.module, "_LAST_STEPS", 0.01)
        self.serve(application)
        self.ask()
        self.assertEqual(self.loop.run_until_complete(self.resource.finish(0.01)), 1)
        go.set()
        self.turn()

    @property
    def module(self) -> Any:
        from duck_tx.gateway.asgi import resource

        return resource
