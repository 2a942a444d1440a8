"""Heads, hints and trailers of responses through ASGI, and bodies that nobody is to have."""

from __future__ import annotations

import asyncio

from duck_tx.gateway.asgi.flow import AHEAD
from tests.unit.asgi_case import START, AsgiCase, Receive, Scope, Send, body, hello, sending
from tests.unit.wsgi_case import dechunked, parsed


class ResponseTests(AsgiCase):
    def test_a_head_request_has_no_body(self) -> None:
        peer_answer = self.get(sending(START, body(b"some", True), body(b"more")), method="HEAD")
        self.assertEqual((peer_answer.code, peer_answer.body), (200, b""))

    def test_a_body_that_the_client_is_not_to_have_holds_up_nobody(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "HEAD":
                await hello(scope, receive, send)
                return
            await send({**START, "headers": [(b"content-length", b"%d" % (6 * AHEAD))]})
            for _ in range(5):
                await send(body(b"x" * AHEAD, True))
            await asyncio.Event().wait()

        self.serve(application)
        peer = self.ask(method="HEAD")
        peer.ask()
        self.turn()
        first, _, second = peer.raw.partition(b"\r\n\r\n")
        self.assertTrue(first.startswith(b"HTTP/1.1 200"))
        self.assertEqual(parsed(second).body, b"hello")
        self.assertEqual(self.resource.running, 1)

    def test_one_whose_length_is_known_may_be_made_to_its_end(self) -> None:
        start = {**START, "headers": [(b"content-length", b"2")]}
        self.get(sending(start, body(b"a", True), body(b"b", True), body(b"")), method="HEAD")
        self.assertLogged()

    def test_nor_is_it_made_for_ever(self) -> None:
        sent: list[int] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            fields = [(b"content-length", scope["query_string"])] if scope["query_string"] else []
            await send({**START, "status": 204 if scope["path"] == "/none" else 200, "headers": fields})
            while True:
                await send(body(b"x" * AHEAD, True))
                sent.append(AHEAD)

        self.serve(application)
        for target, method, most in (
            ("/", "HEAD", AHEAD),
            ("/none", "GET", AHEAD),
            (f"/?{AHEAD + 1}", "HEAD", 2 * AHEAD),
            (f"/?{2**40}", "HEAD", 2**20 + AHEAD),
        ):
            sent.clear()
            self.ask(target, method)
            self.assertEqual((sum(sent), self.resource.running), (most, 0))
        self.assertLogged()

    def test_who_makes_one_without_a_length_hears_that_nobody_is_there(self) -> None:
        seen: list[str] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({**START, "headers": [(b"Content-Type", b"text/event-stream")]})
            await send(body(b"", True))
            seen.append((await receive())["type"])

        self.serve(application)
        self.ask(method="HEAD")
        self.assertEqual((seen, self.resource.running, self.site.farewells), (["http.disconnect"], 0, set()))
        self.assertLogged()

    def test_trailers_follow_the_body(self) -> None:
        raw = self.with_trailers("TE: gzip, Trailers")
        self.assertTrue(raw.endswith(b"\r\n\r\n4\r\ndata\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"), raw)
        self.assertIn(b"\r\nTrailer: x-sum, x-more\r\n", raw)

    def test_unless_the_client_does_not_take_them(self) -> None:
        for fields in ((), ("TE: gzip",), ("TE: xtrailers",)):
            raw = self.with_trailers(*fields)
            self.assertTrue(raw.endswith(b"\r\n\r\n4\r\ndata\r\n0\r\n\r\n"), raw)
            self.assertNotIn(b"Trailer", raw)

    def test_nor_where_there_is_no_place_for_them(self) -> None:
        raw = self.with_trailers("TE: trailers", length=(b"content-length", b"4"))
        self.assertTrue(raw.endswith(b"\r\n\r\ndata"), raw)
        self.assertNotIn(b"Trailer", raw)

    def with_trailers(self, *fields: str, length: tuple[bytes, bytes] = (b"x", b"1")) -> bytes:
        """What is sent for a body with trailers, some of which are announced."""
        start = {**START, "headers": [(b"trailer", b"x-sum,x-more,"), (b"Trailer", b"Set-Cookie, no token"), length]}
        end = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True}
        last = {"type": "http.response.trailers", "headers": [(b"x-more", b"2")]}
        self.serve(sending({**start, "trailers": True}, body(b"data"), end, last))
        raw = self.ask(fields=fields).raw
        self.assertEqual(self.resource.running, 0)
        return raw

    def test_early_hints_go_ahead(self) -> None:
        hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
        self.serve(sending(hint, START, body(b"x")))
        raw = self.ask().raw
        self.assertTrue(
            raw.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200"), raw
        )

    def test_they_may_come_after_the_start_as_long_as_the_head_is_here(self) -> None:
        hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
        self.serve(sending(START, hint, body(b"x", True), hint, body(b"y")))
        raw = self.ask().raw
        self.assertTrue(raw.startswith(b"HTTP/1.1 103 Early Hints\r\n"), raw)
        self.assertEqual(raw.count(b"103 Early Hints"), 1)
        self.assertEqual(dechunked(raw.partition(b"chunked\r\n\r\n")[2]), (b"xy", True))
        self.assertLogged()
