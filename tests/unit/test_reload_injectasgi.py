"""Which responses of an ASGI application get a tag, and what of them changes."""

from __future__ import annotations

import asyncio
from typing import Any

from duck_tx.reload.injectasgi import InjectingASGI
from tests.case import UnitTestCase

Event = dict[str, Any]

_HTML = (b"Content-Type", b"text/html; charset=utf-8")


def start(*fields: tuple[bytes, bytes], status: Any = 200) -> Event:
    return {"type": "http.response.start", "status": status, "headers": list(fields)}


def body(data: Any, more: bool = False) -> Event:
    return {"type": "http.response.body", "body": data, "more_body": more}


class InjectingASGITests(UnitTestCase):
    def events(
        self, *events: Event, kind: str = "http", method: str = "GET", shown: bytes | None = None, tag: str = "<T>"
    ) -> list[Event]:
        """What becomes of the events that an application sends."""
        told: list[Event] = []

        async def application(scope: Event, receive: Any, send: Any) -> None:
            for event in events:
                await send(event)

        async def receive() -> Event:
            raise NotImplementedError

        async def send(event: Event) -> None:
            told.append(event)

        scope: Event = {"type": kind, "headers": [] if shown is None else [(b"sec-fetch-dest", shown)]}
        if kind == "http":
            scope["method"] = method
        asyncio.run(InjectingASGI(application, lambda: tag)(scope, receive, send))
        return told

    def assertUntouched(self, *events: Event, **request: Any) -> None:
        self.assertEqual(self.events(*events, **request), list(events))

    def test_a_page_gets_the_tag_and_the_right_length(self) -> None:
        old = ((b"Content-Length", b"13"), (b"ETag", b'"x"'), (b"Last-Modified", b"y"), (b"X-Other", b"z"))
        self.assertEqual(
            self.events(start(_HTML, *old, status=404), body(b"<body></body>")),
            [start(_HTML, (b"X-Other", b"z"), (b"content-length", b"16"), status=404), body(b"<body><T></body>")],
        )

    def test_so_do_pages_that_say_little(self) -> None:
        last = {"type": "http.response.body"}
        headless = {**start(), "headers": iter([_HTML])}
        self.assertEqual(self.events(headless, last)[1], {**last, "body": b"<T>"})
        self.assertEqual(self.events(start(_HTML), body(memoryview(b"a")))[1]["body"], b"a<T>")

    def test_one_in_pieces_gets_it_with_the_last(self) -> None:
        self.assertEqual(
            self.events(start(_HTML, (b"content-length", b"16")), body(b"<body>", True), body(b"a</body>")),
            [start(_HTML), body(b"<body>", True), body(b"a<T></body>")],
        )

    def test_what_is_no_page_stays_as_it_is(self) -> None:
        for fields in (
            (),
            ((b"content-type", b"text/plain"),),
            (_HTML, (b"content-encoding", b"gzip")),
            (_HTML, (b"content-range", b"bytes 0-1/9")),
        ):
            self.assertUntouched(start(*fields), body(b"<body></body>"))
        self.assertUntouched(start(_HTML, status=304), body(b""))

    def test_nor_does_what_is_not_shown_as_one(self) -> None:
        page = start(_HTML), body(b"<body></body>")
        self.assertUntouched(*page, method="HEAD")
        self.assertUntouched(*page, shown=b"empty")
        self.assertUntouched(*page, kind="websocket")
        self.assertUntouched(*page, tag="")
        self.assertEqual(self.events(*page, shown=b"iframe")[1]["body"], b"<body><T></body>")

    def test_the_head_does_not_stay_behind(self) -> None:
        hint = {"type": "http.response.early_hint", "links": [b"</a>"]}
        self.assertUntouched(start(_HTML), {"type": "http.response.pathsend", "path": "/a"})
        self.assertEqual(
            [event["type"].rpartition(".")[2] for event in self.events(start(_HTML), hint, body(b""))],
            ["early_hint", "start", "body"],
        )
        trailers = {"type": "http.response.trailers", "headers": []}
        self.assertEqual(self.events(start(_HTML), body(b"a"), trailers)[2], trailers)

    def test_what_is_no_response_is_for_the_server_to_refuse(self) -> None:
        for wrong in ({"headers": [_HTML]}, {"status": 200, "headers": 7}, {"status": 200, "headers": [("a", "b")]}):
            self.assertUntouched({"type": "http.response.start", **wrong}, body(b"a"))
        self.assertUntouched(body(b"a"))
        twice = self.events(start(_HTML), start(_HTML), body(b"a"))
        self.assertEqual(twice, [start(_HTML), start(_HTML), body(b"a")])
        with self.assertRaises(TypeError):
            self.events(start(_HTML), body("text"))
