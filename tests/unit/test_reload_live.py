"""What browsers are told."""

from __future__ import annotations

from duck_tx.http.router import Router
from duck_tx.http.site import Site
from duck_tx.reload.live import PREFIX, Live
from tests.unit.wire_case import Connection, Hello, WireCase


class LiveTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.live = Live(self.clock, "life")
        router = Router(Hello())
        router.mount(PREFIX.encode(), self.live)
        self.site = Site(router, reactor=self.clock, seconds=self.clock.seconds)

    def ask(self, path: str, method: str = "GET") -> Connection:
        connection = self.connect()
        connection.send(f"{method} {PREFIX}{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return connection

    def test_who_listens_is_told_the_stamp_of_this_moment_and_what_changes(self) -> None:
        listener = self.ask("events")
        head, _, said = listener.take().partition(b"\r\n\r\n")
        self.assertIn(b"Content-Type: text/event-stream\r\n", head + b"\r\n")
        self.assertIn(b"Cache-Control: no-store\r\n", head + b"\r\n")
        self.assertIn(b'retry: 200\n\nevent: hello\ndata: {"stamp": "life-0"}\n\n', said)
        self.live.style_changed("a/b.css")
        self.assertIn(b'event: style\ndata: {"stamp": "life-1", "name": "a/b.css"}\n\n', listener.take())
        self.live.page_changed()
        self.assertIn(b'event: page\ndata: {"stamp": "life-2"}\n\n', listener.take())
        self.assertIn('data-stamp="life-2"', self.live.tag)

    def test_a_listener_sees_a_sign_of_life_and_an_empty_house_has_no_timer(self) -> None:
        listener = self.ask("events")
        listener.take()
        self.wait(15)
        self.assertIn(b":\n\n", listener.take())
        listener.lose()
        self.assertEqual(self.live._listeners, set())
        self.assertEqual(self.live._beat, None)
        self.live.page_changed()

    def test_on_closing_listeners_are_let_go_and_no_more_are_taken(self) -> None:
        listener = self.ask("events")
        self.live.close()
        self.assertTrue(listener.take().endswith(b"0\r\n\r\n"))
        self.assertTrue(self.ask("events").received.startswith(b"HTTP/1.1 503 "))
        self.live.open()
        self.assertTrue(self.ask("events").received.startswith(b"HTTP/1.1 200 "))

    def test_a_stop_does_not_wait_for_listeners(self) -> None:
        listener = self.ask("events")
        self.live.close()
        self.site.drain()
        self.wait(self.site.last_word + 0.5)
        self.assertTrue(listener.wire.closed)

    def test_the_script_is_there_and_nothing_else(self) -> None:
        answer = self.ask("script.js").received
        self.assertIn(b"Content-Type: text/javascript; charset=utf-8\r\n", answer)
        self.assertIn(b"EventSource", answer)
        self.assertTrue(self.ask("other").received.startswith(b"HTTP/1.1 404 "))
        self.assertTrue(self.ask("events", "POST").received.startswith(b"HTTP/1.1 405 "))
        self.assertTrue(self.ask("events", "HEAD").received.endswith(b"\r\n\r\n"))
