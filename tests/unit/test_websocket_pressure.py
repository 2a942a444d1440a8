"""Who is slower than the other: back-pressure both ways."""

from __future__ import annotations

from tests.unit.websocket_case import Talk, WebSocketCase
from tests.unit.websocket_frames import (
    BINARY,
    FIN,
    PONG,
    TEXT,
    Frame,
    ServerFrames,
    binary,
    close,
    last,
    more,
    ping,
    text,
)


class BackPressureTests(WebSocketCase):
    def test_what_a_client_does_not_read_waits_and_leaves_in_one_piece(self) -> None:
        talk = self.talk()
        talk.tunnel.block()
        self.assertTrue(talk.socket.backlogged)
        talk.socket.send_text("1")
        talk.socket.send_text("2")
        self.assertEqual((talk.tunnel.written, talk.echo.relieved), ([], 0))
        talk.tunnel.unblock()
        self.assertEqual((len(talk.tunnel.written), talk.echo.relieved), (1, 1))
        self.assertEqual([frame.payload for frame in talk.said.frames], [b"1", b"2"])

    def test_a_listener_is_not_told_to_write_while_the_client_is_behind_again(self) -> None:
        talk = self.talk()
        talk.tunnel.block()
        talk.tunnel.end.unblocked()
        self.assertEqual(talk.echo.relieved, 0)

    def test_too_much_for_a_client_that_does_not_read_is_dropped_and_closed(self) -> None:
        talk = self.talk(max_queue=1000, close_timeout=5)
        talk.tunnel.block()
        talk.socket.send_bytes(bytes(600))
        talk.socket.send_bytes(bytes(5000))
        self.assertTrue(talk.socket.is_open)
        talk.socket.send_bytes(b"")
        self.assertEqual(talk.echo.ends, [(1013, "too much waits to be read")])
        self.assertEqual([frame.first for frame in talk.said.frames], [0x88])
        self.assertTrue(talk.tunnel.closed)
        talk.wait(5)
        self.assertTrue(talk.tunnel.aborted)

    def test_one_message_may_always_wait(self) -> None:
        talk = self.talk(max_queue=0)
        talk.tunnel.block()
        talk.socket.send_bytes(bytes(5000))
        talk.tunnel.unblock()
        self.assertEqual(talk.said.frames, [Frame(FIN | BINARY, bytes(5000))])

    def test_a_client_that_floods_pings_and_does_not_read_gets_one_answer(self) -> None:
        talk = self.talk(max_queue=1000)
        talk.tunnel.block()
        talk.send(*[ping(b"%d" % number) for number in range(1000)])
        self.assertTrue(talk.socket.is_open)
        talk.tunnel.unblock()
        self.assertEqual(talk.said.frames, [Frame(FIN | PONG, b"999")])

    def test_an_echo_that_does_not_look_is_bounded_too(self) -> None:
        talk = self.talk(max_queue=10_000)
        talk.tunnel.block()
        talk.send(binary(bytes(100)) * 200)
        self.assertEqual(talk.said.close_code, 1013)
        self.assertLess(len(talk.echo.messages), 110)

    def test_a_close_goes_behind_what_waits(self) -> None:
        talk = self.talk()
        talk.tunnel.block()
        talk.socket.send_text("duck")
        talk.socket.close(1000)
        self.assertEqual([frame.first for frame in talk.said.frames], [FIN | TEXT, 0x88])

    def test_a_listener_that_pauses_gets_no_further_message_and_nothing_is_read(self) -> None:
        talk = self.talk()
        talk.echo.instead = lambda data: talk.socket.pause()
        talk.send(text("1") + text("2") + text("3"))
        self.assertEqual((talk.echo.messages, talk.tunnel.flowing), (["1"], False))
        talk.socket.resume()
        self.assertEqual((talk.echo.messages, talk.tunnel.flowing), (["1", "2"], False))
        talk.echo.instead = None
        talk.socket.resume()
        self.assertEqual((talk.echo.messages, talk.tunnel.flowing), (["1", "2", "3"], True))

    def test_what_comes_while_paused_waits(self) -> None:
        talk = self.talk()
        talk.socket.pause()
        talk.send(text("1"), text("2"))
        self.assertEqual(talk.echo.messages, [])
        talk.socket.resume()
        self.assertEqual(talk.echo.messages, ["1", "2"])

    def test_a_client_that_ends_while_paused_is_heard_out(self) -> None:
        talk = self.talk()
        talk.socket.pause()
        talk.send(text("1"), more(b"du", TEXT), last(b"ck"), close(1000))
        talk.socket.ended()
        self.assertEqual(talk.echo.ends, [])
        talk.socket.resume()
        self.assertEqual((talk.echo.messages, talk.echo.ends), (["1", "duck"], [(1000, "")]))
        talk = self.talk()
        talk.socket.pause()
        talk.send(text("1"))
        talk.socket.ended()
        talk.socket.resume()
        self.assertEqual((talk.echo.messages, talk.echo.ends), (["1"], [(1006, "")]))

    def test_a_close_while_paused_reads_on_for_the_answer(self) -> None:
        talk = self.talk()
        talk.socket.pause()
        talk.send(text("1"))
        talk.socket.close(4000)
        self.assertTrue(talk.tunnel.flowing)
        talk.send(close(4000))
        self.assertEqual((talk.echo.messages, talk.echo.ends), ([], [(4000, "")]))

    def test_a_listener_that_resumes_at_once_is_not_called_within_itself(self) -> None:
        talk = self.talk()

        def pause_and_resume(data: object) -> None:
            talk.socket.pause()
            talk.socket.resume()
            self.assertEqual(talk.echo.messages[-1], data)

        talk.echo.instead = pause_and_resume
        talk.send(text("1") + text("2"))
        self.assertEqual(talk.echo.messages, ["1", "2"])


class BroadcastTests(WebSocketCase):
    def test_a_message_to_many_reaches_each_of_them(self) -> None:
        talks = [Talk(self.clock) for _ in range(50)]
        for talk in talks:
            talk.socket.send_text("all")
        for talk in talks:
            frames = ServerFrames()
            frames.feed(b"".join(talk.tunnel.written))
            self.assertEqual(frames.frames, [Frame(FIN | TEXT, b"all")])
