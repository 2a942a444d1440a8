"""Signs of life, and how long they may be missing."""

from __future__ import annotations

from tests.unit.websocket_case import NEVER, WebSocketCase
from tests.unit.websocket_frames import (
    FIN,
    PING,
    TEXT,
    Frame,
    more,
    pong,
    text,
)

PINGED = Frame(FIN | PING, b"")


class PingTests(WebSocketCase):
    def test_a_silent_client_is_pinged_and_lives_if_it_answers(self) -> None:
        talk = self.talk(ping_interval=20, ping_timeout=20)
        for _ in range(4):
            talk.tunnel.written.clear()
            talk.wait(20)
            self.assertEqual(talk.said.frames, [PINGED])
            talk.send(pong())
        self.assertEqual(talk.echo.ends, [])

    def test_pings_come_at_the_interval_if_answers_must_come_sooner(self) -> None:
        talk = self.talk(ping_interval=20, ping_timeout=5)
        for seconds in (20, 20, 20):
            talk.tunnel.written.clear()
            talk.wait(seconds)
            self.assertEqual(talk.said.frames, [PINGED])
            talk.send(pong())

    def test_a_client_that_does_not_answer_is_given_up(self) -> None:
        talk = self.talk(ping_interval=20, ping_timeout=10, close_timeout=5)
        talk.wait(29)
        self.assertEqual(talk.echo.ends, [])
        talk.wait(1)
        self.assertEqual(talk.echo.ends, [(1011, "no answer to a ping")])
        self.assertEqual(talk.said.close_code, 1011)
        talk.wait(5)
        self.assertTrue(talk.tunnel.hung_up)

    def test_a_client_that_speaks_is_not_pinged(self) -> None:
        talk = self.talk(ping_interval=20)
        for _ in range(6):
            talk.wait(10)
            talk.send(text("duck"))
        self.assertNotIn(PINGED, talk.said.frames)

    def test_anything_is_a_sign_of_life(self) -> None:
        talk = self.talk(ping_interval=20, ping_timeout=10)
        talk.wait(25)
        talk.send(more(b"du", TEXT)[:3])
        talk.wait(15)
        self.assertEqual(talk.echo.ends, [])

    def test_nobody_is_pinged_where_that_is_off(self) -> None:
        talk = self.talk(ping_interval=0)
        self.assertEqual(talk.tunnel.deadline, NEVER)

    def test_who_is_not_read_cannot_be_heard(self) -> None:
        talk = self.talk(ping_interval=20, ping_timeout=10)
        talk.socket.pause()
        talk.wait(300)
        self.assertEqual((talk.echo.ends, talk.tunnel.written), ([], []))
        talk.socket.resume()
        talk.wait(20)
        talk.send(pong())
        talk.wait(10)
        self.assertEqual(talk.echo.ends, [])

    def test_who_does_not_read_is_not_pinged(self) -> None:
        talk = self.talk(ping_interval=20, ping_timeout=10)
        talk.tunnel.block()
        talk.wait(300)
        self.assertEqual((talk.echo.ends, talk.tunnel.written), ([], []))
