"""The two goodbyes."""

from __future__ import annotations

from typing import Any, cast

from hyperframe.frame import Frame, GoAwayFrame, PingFrame

from duck_tx.http2.farewell import Farewell
from duck_tx.http2.identifiers import Identifiers
from tests.case import UnitTestCase
from tests.unit.test_http2_frames import read


class Sender:
    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def write(self, data: bytes) -> None:
        self.frames += read(data)


class FarewellTests(UnitTestCase):
    def setUp(self) -> None:
        self.sender = cast(Any, Sender())
        self.identifiers = Identifiers()
        self.identifiers.use(5)
        self.farewell = Farewell(self.sender, self.identifiers)

    def goodbyes(self) -> list[tuple[int, int]]:
        goaways = [each for each in self.sender.frames if isinstance(each, GoAwayFrame)]
        return [(each.last_stream_id, each.error_code) for each in goaways]

    def test_the_first_goodbye_leaves_room_for_what_is_on_its_way(self) -> None:
        self.farewell.announce(10.0)
        self.assertEqual(self.goodbyes(), [(2**31 - 1, 0)])
        self.assertEqual((self.farewell.by, self.farewell.is_final), (10.0, False))
        self.assertEqual(self.identifiers.last_accepted, 2**31 - 1)

    def test_it_is_said_once(self) -> None:
        self.farewell.announce(10.0)
        self.farewell.announce(20.0)
        self.assertEqual((len(self.goodbyes()), self.farewell.by), (1, 10.0))

    def test_a_ping_shows_that_the_client_knows(self) -> None:
        self.farewell.announce(10.0)
        (ping,) = [each for each in self.sender.frames if isinstance(each, PingFrame)]
        self.assertTrue(self.farewell.heard(ping.opaque_data))
        self.assertFalse(self.farewell.heard(b"12345678"))

    def test_who_was_not_told_cannot_know(self) -> None:
        self.farewell.announce(10.0)
        (ping,) = [each for each in self.sender.frames if isinstance(each, PingFrame)]
        self.assertFalse(Farewell(self.sender, self.identifiers).heard(ping.opaque_data))

    def test_the_last_goodbye_names_the_last_request(self) -> None:
        self.farewell.announce(10.0)
        self.farewell.leave()
        self.farewell.leave()
        self.assertEqual(self.goodbyes(), [(2**31 - 1, 0), (5, 0)])
        self.assertEqual((self.farewell.by, self.farewell.is_final), (float("inf"), True))
        self.assertEqual(self.identifiers.last_accepted, 5)

    def test_nothing_is_announced_after_the_last_goodbye(self) -> None:
        self.farewell.leave()
        self.farewell.announce(10.0)
        self.assertEqual((self.goodbyes(), self.farewell.by), ([(5, 0)], float("inf")))
