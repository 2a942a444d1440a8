"""WebSockets through ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from duck_tx.gateway.asgi.flow import AHEAD, Inflow
from duck_tx.gateway.asgi.websocket import SocketCall
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from duck_tx.websocket.limits import WebSocketLimits
from tests.unit.asgi_case import AsgiCase, Event, Receive, Scope, Send, sending
from tests.unit.wsgi_case import Peer, parsed

ACCEPT: Event = {"type": "websocket.accept"}
CLOSE: Event = {"type": "websocket.close"}
_DENIAL = "websocket.http.response."


def text(data: str) -> Event:
    return {"type": "websocket.send", "text": data}


class FakeSocket:
    """A WebSocket as far as an application's call knows it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.backlogged = False
        self.paused = False
        self.is_blocked_by_next = False

    def send_text(self, data: str) -> None:
        self.sent.append(data)
        self.backlogged = self.is_blocked_by_next

    send_bytes = send_text

    def close(self, code: int, reason: str = "") -> None:
        self.sent.append((code, reason))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class FakeOffer:
    """What a client offers."""

    subprotocols: Sequence[str] = ("chat", "talk")

    def __init__(self) -> None:
        self.socket = FakeSocket()
        self.accepted: tuple[Any, ...] | None = None

    def accept(self, subprotocol: str | None, fields: Any, listener: Any, limits: WebSocketLimits) -> FakeSocket:
        self.accepted = (subprotocol, fields)
        self.listener = listener
        return self.socket


class _Door(LeafResource):
    """Makes a call of each request."""

    def __init__(self, case: SocketCase) -> None:
        self._case = case

    def render(self, request: Request) -> int:
        self._case.begin(request)
        return 1


class SocketCase(AsgiCase):
    limits = WebSocketLimits()

    def open(self, application: Any) -> FakeOffer:
        """Ask for a WebSocket."""
        self.serve(application)
        self.site = Site(_Door(self), reactor=self.clock)
        self.offer = FakeOffer()
        self.peer = Peer(self.site, None, None)
        self.peer.ask()
        self.turn()
        return self.offer

    def begin(self, request: Request) -> None:
        scope = {"type": "websocket"}
        offer: Any = self.offer
        self.call = SocketCall(self.resource._terms, request, scope, 0.0, offer=offer, limits=self.limits)
        self.call.begin()


class OpeningTests(SocketCase):
    def test_an_application_accepts(self) -> None:
        accept = {**ACCEPT, "subprotocol": "talk", "headers": [(b"x-a", b"1")]}
        offer = self.open(sending(accept))
        self.assertEqual(offer.accepted, ("talk", [(b"x-a", b"1")]))
        self.assertEqual(self.resource._terms.waiting, set())

    def test_or_does_not(self) -> None:
        offer = self.open(sending(CLOSE))
        self.assertIsNone(offer.accepted)
        self.assertEqual(parsed(self.peer.raw).code, 403)
        self.assertLogged()

    def test_or_answers_with_a_response(self) -> None:
        start = {"type": _DENIAL + "start", "status": 418, "headers": [(b"x-tea", b"1")]}
        more = {"type": _DENIAL + "body", "body": b"no ", "more_body": True}
        offer = self.open(sending(start, more, {"type": _DENIAL + "body", "body": b"coffee"}))
        answer = parsed(self.peer.raw)
        self.assertEqual((answer.code, answer.fields["x-tea"], answer.body), (418, "1", b"no coffee"))
        self.assertIsNone(offer.accepted)
        self.assertLogged()

    def test_a_client_that_leaves_meanwhile(self) -> None:
        seen: list[Event] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(await receive())
            seen.append(await receive())
            try:
                await send(ACCEPT)
            except OSError:
                seen.append({"type": "gone"})

        offer = self.open(application)
        self.peer.leave()
        self.turn()
        self.assertEqual([event["type"] for event in seen], ["websocket.connect", "websocket.disconnect", "gone"])
        self.assertEqual(seen[1]["code"], 1006)
        self.assertIsNone(offer.accepted)

    def test_an_application_that_does_not_answer_is_answered_for(self) -> None:
        for application, said in (
            (sending(), "returned without an answer to a WebSocket"),
            (sending(text("too early")), "the application failed"),
            (sending({**ACCEPT, "subprotocol": "none"}), "the application failed"),
            (sending({**ACCEPT, "headers": [(b"Sec-WebSocket-Protocol", b"a")]}), "the application failed"),
            (sending({**ACCEPT, "headers": [(b"a b", b"c")]}), "sent an invalid response"),
            (sending({"type": _DENIAL + "start", "status": 401}), "returned before the end of its response"),
            (sending({"type": _DENIAL + "start", "status": 401}, ACCEPT), "the application failed"),
        ):
            with self.subTest(said=said):
                self.lines.clear()
                self.open(application)
                self.assertEqual(parsed(self.peer.raw).code, 500)
                self.assertLogged(said)

    def test_a_denial_that_ends_half_way_is_cut(self) -> None:
        start = {"type": _DENIAL + "start", "status": 418}
        self.open(sending(start, {"type": _DENIAL + "body", "body": b"no ", "more_body": True}))
        self.assertFalse(parsed(self.peer.raw).whole)
        self.assertTrue(self.peer.cut or self.peer.transport.disconnecting)
        self.assertLogged("returned before the end of its response")


class TalkingTests(SocketCase):
    def talk(self) -> FakeOffer:
        """With an application that repeats what it hears, until it is told the end."""
        self.heard: list[Event] = []
        self.go = asyncio.Event()
        self.go.set()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while True:
                await self.go.wait()
                event = await receive()
                self.heard.append(event)
                if event["type"] == "websocket.disconnect":
                    return
                await send({**event, "type": "websocket.send"})

        return self.open(application)

    def test_messages_go_both_ways(self) -> None:
        offer = self.talk()
        offer.listener.message("hello")
        offer.listener.message(b"world")
        self.turn()
        self.assertEqual(offer.socket.sent, ["hello", b"world"])
        self.assertEqual(
            self.heard,
            [{"type": "websocket.receive", "text": "hello"}, {"type": "websocket.receive", "bytes": b"world"}],
        )

    def test_the_last_messages_come_before_the_end(self) -> None:
        offer = self.talk()
        self.go.clear()
        offer.listener.message("one")
        offer.listener.message("two")
        offer.listener.closed(1001, "bye")
        self.go.set()
        self.turn()
        self.assertEqual(self.heard[0]["type"], "websocket.receive")
        self.assertEqual(self.resource.running, 0)
        self.assertLogged()

    def test_an_application_hears_of_the_end(self) -> None:
        offer = self.talk()
        offer.listener.closed(4000, "bye")
        self.turn()
        self.assertEqual(self.heard, [{"type": "websocket.disconnect", "code": 4000, "reason": "bye"}])

    def test_a_client_waits_for_an_application_that_does_not_listen(self) -> None:
        offer = self.talk()
        self.go.clear()
        # It waits for one already.
        offer.listener.message("0")
        self.turn()
        for number in range(1, 70):
            if offer.socket.paused:
                break
            offer.listener.message(str(number))
        self.assertTrue(offer.socket.paused)
        self.assertEqual(number, 65)
        self.go.set()
        self.turn()
        self.turn()
        self.assertFalse(offer.socket.paused)

    def test_what_is_taken_before_the_client_has_to_wait_keeps_it_from_that(self) -> None:
        offer = self.talk()
        self.patch(Inflow, "put", lambda flow, piece: True)
        offer.listener.message("taken")
        self.assertFalse(offer.socket.paused)

    def test_an_application_waits_for_a_client_that_does_not_read(self) -> None:
        sent: list[int] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            for number in range(5):
                await send(text("x" * AHEAD))
                sent.append(number)

        offer = FakeOffer()
        offer.socket.is_blocked_by_next = True
        self.serve(application)
        self.site = Site(_Door(self), reactor=self.clock)
        self.offer = offer
        self.peer = Peer(self.site, None, None)
        self.peer.ask()
        self.turn()
        self.assertEqual((sent, len(offer.socket.sent)), ([], 1))
        offer.socket.is_blocked_by_next = offer.socket.backlogged = False
        offer.listener.writable()
        self.turn()
        self.assertEqual(sent, [0, 1, 2, 3, 4])

    def test_it_waits_sooner_where_less_may_wait_and_for_empty_messages_too(self) -> None:
        self.limits = WebSocketLimits(max_queue=160)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            while True:
                await send(text(""))

        self.serve(application)
        self.site = Site(_Door(self), reactor=self.clock)
        self.offer = FakeOffer()
        self.offer.socket.backlogged = self.offer.socket.is_blocked_by_next = True
        self.peer = Peer(self.site, None, None)
        self.peer.ask()
        self.turn()
        self.assertEqual(self.offer.socket.sent, [""] * 10)
        self.call.cancel()
        self.turn()


class ClosingTests(SocketCase):
    def test_an_application_closes(self) -> None:
        for event, said in (
            (CLOSE, (1000, "")),
            ({**CLOSE, "code": 4001, "reason": "enough"}, (4001, "enough")),
            ({**CLOSE, "code": None, "reason": None}, (1000, "")),
        ):
            self.assertEqual(self.open(sending(ACCEPT, event)).socket.sent, [said])
        self.assertLogged()

    def test_or_returns(self) -> None:
        self.assertEqual(self.open(sending(ACCEPT)).socket.sent, [(1000, "")])
        self.assertLogged()

    def test_or_fails(self) -> None:
        for event in (
            ACCEPT,
            {"type": "websocket.send"},
            {"type": "websocket.send", "text": b"bytes"},
            {"type": "websocket.send", "bytes": "text"},
            {"type": "websocket.send", "text": "\ud800"},
            {**CLOSE, "code": "1000"},
            {**CLOSE, "code": 1006},
            {"type": "http.response.start"},
            {"type": None},
        ):
            with self.subTest(event=event):
                self.lines.clear()
                self.assertEqual(self.open(sending(ACCEPT, event)).socket.sent, [(1011, "")])
                self.assertLogged("the application failed")

    def test_nothing_is_sent_after_the_end(self) -> None:
        self.assertEqual(self.open(sending(ACCEPT, CLOSE, text("more"))).socket.sent, [(1000, "")])
        self.assertLogged("the application failed")

    def test_after_its_own_end_an_application_hears_of_it(self) -> None:
        seen: list[Event] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            await send({**CLOSE, "code": 4002})
            await receive()
            seen.append(await receive())

        self.open(application)
        self.assertEqual(seen, [{"type": "websocket.disconnect", "code": 4002, "reason": ""}])

    def test_one_that_is_left_when_the_server_stops_is_told_that_it_goes_away(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            await asyncio.Event().wait()

        offer = self.open(application)
        self.loop.run_until_complete(self.resource.finish(0.01))
        self.assertEqual(offer.socket.sent, [(1001, "")])
        self.assertLogged()
