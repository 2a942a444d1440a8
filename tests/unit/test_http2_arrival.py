"""What comes on the stream of a tunnel."""

from __future__ import annotations

from typing import Any

from duck_tx.http2.arrival import Arrival
from tests.case import UnitTestCase


class Window:
    """Counts what is taken."""

    def __init__(self) -> None:
        self.waiting = 0

    def take(self, size: int, content: int) -> bool:
        self.waiting += content
        return self.waiting <= 200_000

    def taken(self, content: int) -> None:
        self.waiting -= content


class Tunnel:
    """Hears of it."""

    deadline = 5.0

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.told: list[object] = []
        self.pauses = False

    def received(self, data: bytes) -> None:
        self.told.append(data)
        if self.pauses:
            self.arrival.pause()

    def ended(self) -> None:
        self.told.append("ended")

    def expire(self) -> None:
        self.told.append("expired")

    def go_away(self) -> None:
        self.told.append("going away")

    def lose(self) -> None:
        self.told.append("lost")


class ArrivalTests(UnitTestCase):
    def setUp(self) -> None:
        window: Any = Window()
        self.window = window
        self.arrival = Arrival(window)
        self.tunnel: Any = Tunnel(self.arrival)

    def open(self) -> None:
        self.arrival.tunnel = self.tunnel
        self.arrival.resume()

    def take(self, content: bytes) -> bool:
        return self.arrival.take(content, len(content), 0.0)

    def test_what_comes_before_there_is_a_tunnel_waits_for_it(self) -> None:
        self.take(b"qu")
        self.take(b"ack")
        self.arrival.close([])
        self.assertEqual((self.window.waiting, self.arrival.deadline()), (5, float("inf")))
        self.assertFalse(self.arrival.remind(10.0))
        self.arrival.going_away()
        self.open()
        self.assertEqual((self.tunnel.told, self.window.waiting), ([b"quack", "ended"], 0))

    def test_much_that_waits_comes_in_pieces_of_which_each_may_be_the_last(self) -> None:
        self.take(bytes(150_000))
        self.tunnel.pauses = True
        self.open()
        self.assertEqual((len(self.tunnel.told), self.window.waiting), (1, 150_000 - 65_536))
        self.tunnel.pauses = False
        self.arrival.resume()
        self.assertEqual([len(each) for each in self.tunnel.told], [65_536, 65_536, 150_000 - 2 * 65_536])

    def test_more_than_the_window_is_not_taken(self) -> None:
        self.assertTrue(self.take(bytes(200_000)))
        self.assertFalse(self.take(b"a"))

    def test_the_stream_lives_on_until_the_client_has_said_all(self) -> None:
        self.assertFalse(self.arrival.holds_open)
        self.open()
        self.assertTrue(self.arrival.holds_open)
        self.arrival.close([])
        self.assertFalse(self.arrival.holds_open)

    def test_the_tunnel_is_reminded_told_and_lost(self) -> None:
        self.open()
        self.assertFalse(self.arrival.remind(4.0))
        self.assertTrue(self.arrival.remind(5.0))
        self.arrival.going_away()
        self.arrival.pause()
        self.take(b"quack")
        self.arrival.lose()
        self.arrival.resume()
        self.assertEqual((self.tunnel.told, self.window.waiting), (["expired", "going away", "lost"], 0))
        self.assertTrue(self.arrival.is_over)

    def test_a_tunnel_that_ends_it_hears_no_more(self) -> None:
        self.open()
        self.arrival.pause()
        self.take(bytes(150_000))
        self.arrival.close([])
        self.tunnel.received = lambda data: self.arrival.lose()
        self.arrival.resume()
        self.assertEqual((self.tunnel.told, self.window.waiting), (["lost"], 0))
