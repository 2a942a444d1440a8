"""What a WebSocket sends, and how it ends."""

from __future__ import annotations

from duck_tx.websocket.connection import WebSocket
from tests.unit.logged import logged_lines
from tests.unit.websocket_case import WebSocketCase
from tests.unit.websocket_frames import (
    BINARY,
    FIN,
    RSV1,
    TEXT,
    Frame,
    binary,
    close,
    more,
    ping,
    text,
)
from tests.unit.websocket_rows import deflated


class SendingTests(WebSocketCase):
    def test_text_and_bytes_are_frames_of_their_kind(self) -> None:
        talk = self.talk()
        talk.socket.send_text("⛲")
        talk.socket.send_bytes(b"d" * 70_000)
        frames = [Frame(FIN | TEXT, "⛲".encode()), Frame(FIN | BINARY, b"d" * 70_000)]
        self.assertEqual(talk.said.frames, frames)

    def test_what_is_answered_to_messages_that_came_together_leaves_in_one_piece(self) -> None:
        talk = self.talk()
        talk.send(text("1") + ping(b"2") + binary(b"3"))
        self.assertEqual(len(talk.tunnel.written), 1)
        self.assertEqual([frame.payload for frame in talk.said.frames], [b"1", b"2", b"3"])

    def test_a_long_answer_does_not_wait_for_the_others(self) -> None:
        talk = self.talk()
        talk.echo.instead = lambda data: talk.socket.send_bytes(bytes(50_000))
        talk.send(text("1") * 4)
        self.assertEqual([len(piece) for piece in talk.tunnel.written], [100_008, 100_008])

    def test_half_a_surrogate_pair_is_no_text(self) -> None:
        talk = self.talk()
        with self.assertRaises(UnicodeEncodeError):
            talk.socket.send_text("\ud800")
        self.assertTrue(talk.socket.is_open)

    def test_only_what_is_worth_it_is_compressed(self) -> None:
        talk = self.talk(b"permessage-deflate")
        talk.socket.send_text("duck" * 31)
        talk.socket.send_text("duck" * 32)
        self.assertEqual([frame.first for frame in talk.said.frames], [FIN | TEXT, FIN | RSV1 | TEXT])
        self.assertEqual(talk.said.frames[1].payload, b"duck" * 32)

    def test_a_compressor_is_made_by_the_first_message_that_needs_it(self) -> None:
        talk = self.talk(b"permessage-deflate")
        deflater, inflater = talk.socket._deflater, talk.socket._reader._inflater
        assert deflater is not None and inflater is not None
        talk.send(text("duck"))
        self.assertEqual((deflater._zlib, inflater._zlib), (None, None))
        talk.send(text(deflated(b"duck" * 40), FIN | RSV1))
        self.assertIsNotNone(deflater._zlib)
        self.assertIsNotNone(inflater._zlib)

    def test_without_takeover_a_compressor_is_gone_with_its_message(self) -> None:
        talk = self.talk(b"permessage-deflate", compression_takeover=False)
        talk.send(text(deflated(b"duck" * 40), FIN | RSV1))
        self.assertEqual(talk.said.frames, [Frame(FIN | RSV1 | TEXT, b"duck" * 40)])
        deflater, inflater = talk.socket._deflater, talk.socket._reader._inflater
        assert deflater is not None and inflater is not None
        self.assertEqual((deflater._zlib, inflater._zlib), (None, None))


class ClosingTests(WebSocketCase):
    def test_a_client_that_closes_is_answered_and_may_hang_up(self) -> None:
        talk = self.talk()
        talk.send(close(4000, "gone"))
        self.assertEqual(talk.echo.ends, [(4000, "gone")])
        self.assertEqual((talk.said.close_code, talk.said.close_reason), (4000, ""))
        self.assertTrue(talk.tunnel.closed)
        self.assertFalse(talk.tunnel.over)
        talk.tunnel.lose()
        self.assertEqual(len(talk.echo.ends), 1)

    def test_a_client_that_does_not_hang_up_is_cut(self) -> None:
        talk = self.talk(close_timeout=5)
        talk.send(close(1000))
        talk.wait(4)
        self.assertFalse(talk.tunnel.over)
        talk.wait(1)
        self.assertTrue(talk.tunnel.hung_up)

    def test_our_close_waits_for_the_clients(self) -> None:
        talk = self.talk()
        talk.socket.close(4001, "enough")
        self.assertFalse(talk.socket.is_open)
        self.assertEqual((talk.said.close_code, talk.said.close_reason), (4001, "enough"))
        self.assertEqual((talk.tunnel.closed, talk.echo.ends), (False, []))
        talk.send(close(4001))
        self.assertEqual((talk.tunnel.closed, talk.echo.ends), (True, [(4001, "enough")]))
        self.assertEqual(len(talk.said.frames), 1)

    def test_a_client_that_does_not_answer_a_close_is_cut(self) -> None:
        talk = self.talk(close_timeout=3)
        talk.socket.close()
        talk.send(text("wait"), ping())
        talk.wait(3)
        self.assertTrue(talk.tunnel.hung_up)
        self.assertEqual(talk.echo.ends, [(1000, "")])
        self.assertEqual(len(talk.said.frames), 1)

    def test_a_client_that_still_takes_what_was_sent_before_a_close_is_waited_for(self) -> None:
        talk = self.talk(close_timeout=3)
        talk.socket.send_bytes(bytes(1_000_000))
        talk.socket.close()
        for _ in range(4):
            talk.tunnel.taken += 3_001
            talk.wait(3)
        self.assertFalse(talk.tunnel.over)
        talk.tunnel.taken += 3_000
        talk.wait(3)
        self.assertTrue(talk.tunnel.hung_up)

    def test_messages_behind_our_close_are_left_out(self) -> None:
        talk = self.talk()
        talk.socket.close()
        talk.socket.send_text("too late")
        talk.socket.close(1001)
        talk.send(text("too late") + close(1000))
        self.assertEqual((talk.echo.messages, talk.echo.ends), ([], [(1000, "")]))
        self.assertEqual(len(talk.said.frames), 1)

    def test_a_code_that_nobody_may_send_closes_nothing(self) -> None:
        talk = self.talk()
        with self.assertRaises(ValueError):
            talk.socket.close(1006)
        self.assertTrue(talk.socket.is_open)

    def test_a_close_may_say_nothing(self) -> None:
        talk = self.talk()
        talk.socket.close(1005)
        self.assertEqual(talk.said.frames, [Frame(0x88, b"")])

    def test_a_fault_behind_our_close_ends_it_without_another(self) -> None:
        talk = self.talk()
        talk.socket.close(4000)
        talk.send(b"\x81\x00")
        self.assertEqual((talk.tunnel.closed, talk.echo.ends, len(talk.said.frames)), (True, [(4000, "")], 1))

    def test_a_fault_is_told_to_both_sides(self) -> None:
        talk = self.talk()
        talk.send(b"\x81\x00")
        self.assertEqual((talk.said.close_code, talk.said.close_reason), (1002, "a frame is not masked"))
        self.assertEqual(talk.echo.ends, [(1002, "a frame is not masked")])
        talk.send(text("duck"))
        self.assertEqual(talk.echo.messages, [])

    def test_messages_before_a_fault_count(self) -> None:
        talk = self.talk()
        talk.send(text("duck") + text(b"\xff") + text("ling"))
        self.assertEqual(talk.echo.messages, ["duck"])
        self.assertEqual(talk.said.frames[0], Frame(FIN | TEXT, b"duck"))
        self.assertEqual(talk.said.close_code, 1007)

    def test_a_connection_that_is_lost_was_not_closed(self) -> None:
        talk = self.talk()
        talk.tunnel.lose()
        self.assertEqual(talk.echo.ends, [(1006, "")])
        self.assertFalse(talk.socket.is_open)
        talk.socket.send_text("nobody hears")
        talk.socket.close()
        talk.socket.abort()
        self.assertEqual(talk.tunnel.written, [])

    def test_a_client_that_ends_its_half_without_a_close_gets_what_waits_for_it(self) -> None:
        talk = self.talk()
        talk.send(text("duck"))
        talk.tunnel.block()
        talk.socket.send_text("ling")
        talk.tunnel.unblock()
        talk.socket.ended()
        self.assertEqual([frame.payload for frame in talk.said.frames], [b"duck", b"ling"])
        self.assertEqual((talk.tunnel.closed, talk.tunnel.aborted), (True, False))
        self.assertEqual(talk.echo.ends, [(1006, "")])

    def test_a_client_that_ends_its_half_instead_of_answering_our_close_is_done(self) -> None:
        talk = self.talk()
        talk.socket.close(1000)
        talk.socket.ended()
        self.assertEqual((talk.tunnel.closed, talk.echo.ends), (True, [(1000, "")]))

    def test_an_abort_says_nothing(self) -> None:
        talk = self.talk()
        talk.socket.abort()
        self.assertEqual((talk.tunnel.aborted, talk.tunnel.written, talk.echo.ends), (True, [], [(1006, "")]))

    def test_a_server_that_stops_goes_away(self) -> None:
        talk = self.talk()
        talk.socket.going_away()
        self.assertEqual(talk.said.close_code, 1001)
        talk.send(close(1001))
        self.assertTrue(talk.tunnel.closed)

    def test_a_listener_that_closes_hears_no_further_message(self) -> None:
        talk = self.talk()
        talk.echo.instead = lambda data: talk.socket.close(4000)
        talk.send(text("1") + text("2"))
        self.assertEqual(talk.echo.messages, ["1"])
        talk = self.talk()
        talk.echo.instead = lambda data: talk.socket.abort()
        talk.send(text("1") + text("2"))
        self.assertEqual((talk.echo.messages, talk.echo.ends), (["1"], [(1006, "")]))

    def test_a_listener_that_fails_is_logged_and_closes(self) -> None:
        talk = self.talk()

        def fail(data: object) -> None:
            raise RuntimeError("quack")

        talk.echo.instead = fail
        with logged_lines() as lines:
            talk.send(text("1") + text("2"))
        self.assertEqual(len(lines), 1)
        self.assertEqual((talk.said.close_code, talk.echo.ends), (1011, [(1011, "")]))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_what_is_over_holds_no_memory(self) -> None:
        talk = self.talk(b"permessage-deflate")
        talk.send(text(deflated(b"duck" * 40), FIN | RSV1), more(b"du", TEXT), close())
        self.assertIsNone(talk.socket._deflater)
        self.assertIsNone(talk.socket._reader._inflater)
        self.assertIsNone(talk.socket._reader._partial)

    def test_an_idle_one_holds_little(self) -> None:
        self.assertFalse(hasattr(self.talk().socket, "__dict__"))
        self.assertLess(WebSocket.__basicsize__, 200)
