"""Bodies that are not taken as fast as they could come: who has to wait, and for how much."""

from __future__ import annotations

from duck_tx.http2.limits import Http2Limits
from tests.unit.http2_client import Client
from tests.unit.http2_frames import LARGEST, Code, data, post
from tests.unit.http2_live import LiveCase, Taker

WINDOW = Http2Limits().stream_window


class PressureTests(LiveCase):
    def fill(self, client: Client, stream: int) -> int:
        """Send as much as the windows allow; how much that was."""
        sent = 0
        while (room := min(client.granted(0), client.granted(stream), LARGEST)) > 0:
            client.spend(stream, room)
            client.send(data(stream, bytes(room)))
            sent += room
        return sent

    def test_a_client_gets_no_window_for_what_is_not_taken(self) -> None:
        client = self.started()
        _, body, taker = self.taking(client)
        body.pause()
        self.assertEqual(self.fill(client, 1), WINDOW)
        self.assertEqual(taker.sizes, [])
        self.assertGreater(client.granted(0), 500_000)
        body.resume()
        client.settle()
        self.assertEqual((len(taker.content), client.granted(1)), (WINDOW, WINDOW))
        client.upload(1, bytes(1_000_000))
        self.assertEqual((len(taker.content), taker.ended), (WINDOW + 1_000_000, []))

    def test_nor_for_what_has_no_taker_yet(self) -> None:
        client = self.started()
        asked = self.begun(client)
        self.assertEqual(self.fill(client, 1), WINDOW)
        taker = Taker()
        asked.body_stream().start(taker)
        client.settle()
        self.assertEqual((len(taker.content), client.granted(1)), (WINDOW, WINDOW))

    def test_a_taker_may_stop_between_two_pieces(self) -> None:
        client = self.started()
        _, body, taker = self.taking(client)
        taker.then = body.pause
        client.send(data(1, b"qu"), data(1, b"a" * 2000), data(1, b"ck", end=True))
        self.assertEqual(taker.sizes, [2])
        body.resume()
        self.assertEqual(taker.sizes, [2, 2000])
        body.resume()
        self.assertEqual((taker.sizes, taker.ended), ([2, 2000, 2], None))
        body.resume()
        self.assertEqual(taker.ended, [])

    def test_a_stream_that_is_not_taken_holds_up_no_other(self) -> None:
        client = self.started()
        _, body, _ = self.taking(client)
        body.pause()
        self.fill(client, 1)
        _, _, taker = self.taking(client, stream=3)
        client.upload(3, bytes(5_000_000))
        self.assertEqual((len(taker.content), taker.ended), (5_000_000, []))
        client.send(post(5))
        client.upload(5, bytes(3_000_000))
        self.assertEqual(client.response(5).status, 200)

    def test_padding_is_given_back_although_nothing_is_taken(self) -> None:
        client = self.started()
        _, body, _ = self.taking(client)
        body.pause()
        for _ in range(2000):
            client.spend(1, 256)
            client.send(data(1, b"", pad=255))
            if client.goaways:
                # Frames that carry nothing are counted as well.
                break
            self.assertGreater(client.granted(1), WINDOW // 2 - 1)
        self.ends_with(client, Code.ENHANCE_YOUR_CALM)

    def test_many_streams_that_are_not_taken_hold_up_the_connection_in_the_end(self) -> None:
        client = self.started()
        bodies = []
        sent = 0
        for stream in range(1, 2 * 100, 2):
            _, body, _ = self.taking(client, stream=stream)
            body.pause()
            bodies.append(body)
            sent += self.fill(client, stream)
        self.assertEqual((client.granted(0), client.goaways), (0, []))
        self.assertLessEqual(sent, 4 * 1024 * 1024 + 1024 * 1024)
        for body in bodies:
            body.resume()
        client.settle()
        _, _, taker = self.taking(client, stream=301)
        client.upload(301, bytes(3_000_000))
        self.assertEqual(len(taker.content), 3_000_000)

    def test_they_do_not_count_against_those_who_have_to_wait_for_them(self) -> None:
        client = self.started()
        held = []
        client.send(post(1, b"/e"))
        for stream in range(3, 2 * 50, 2):
            _, body, _ = self.taking(client, stream=stream)
            body.pause()
            held.append(body)
            self.fill(client, stream)
        _, _, taker = self.taking(client, stream=201)
        client.wait(60)
        self.assertEqual((client.granted(0), client.responses, taker.failed), (0, {}, []))
        for body in held:
            body.resume()
        client.wait(15)
        client.upload(201, b"quack")
        client.upload(1, b"quack")
        self.assertEqual((taker.ended, client.response(1).status), ([], 200))

    def test_small_pieces_take_no_more_room_than_large_ones(self) -> None:
        client = self.started()
        _, body, taker = self.taking(client)
        body.pause()
        client.send(*(b"".join(data(1, b"ab") for _ in range(1000)) for _ in range(30)))
        self.assertLess(len(body._waiting), 100)
        body.resume()
        self.assertEqual(bytes(taker.content), b"ab" * 30_000)

    def test_more_than_the_window_ends_the_stream(self) -> None:
        self.site.http2 = Http2Limits(stream_window=70_000)
        client = self.started()
        _, body, taker = self.taking(client)
        body.pause()
        client.send(*(data(1, bytes(16_000)) for _ in range(5)))
        self.assertEqual(client.resets, {1: [Code.FLOW_CONTROL_ERROR]})
        self.assertEqual(taker.failed, [None])
        self.proves_alive(client)
