"""The limits and deadlines of bodies that are handed over while they come."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

from tests.unit.http2_frames import Code, block, data, frame, headers
from tests.unit.http2_live import LiveCase, Taker

LENGTH = b"content-length"


class LimitTests(LiveCase):
    limits: ClassVar[dict[str, Any]] = {"max_body": 1000, "body_timeout": 20.0, "body_min_rate": 100}

    def statuses(self, taker: Taker) -> list[int]:
        return [rejected.status if rejected is not None else 0 for rejected in taker.failed]

    def test_a_body_that_grows_too_large_gets_413_in_place_of_an_answer(self) -> None:
        client = self.started()
        asked, _, taker = self.taking(client)
        lost: list[Failure] = []
        asked.notifyFinish().addErrback(lost.append)
        client.send(data(1, bytes(900)), data(1, bytes(900)), data(1, bytes(900), end=True))
        response = client.response(1)
        self.assertEqual((response.status, response.complete, response.resets), (413, True, []))
        self.assertEqual((len(taker.content), self.statuses(taker), self.site.refused[413]), (900, [413], 1))
        self.assertIsInstance(lost[0].value, ConnectionAborted)
        asked.write(b"late")
        self.proves_alive(client)

    def test_a_response_that_has_begun_is_cut(self) -> None:
        client = self.started()
        asked, _, taker = self.taking(client)
        asked.write(b"qu")
        client.send(data(1, bytes(1001)))
        self.assertEqual((client.response(1).complete, client.resets), (False, {1: [Code.CANCEL]}))
        self.assertEqual(self.statuses(taker), [413])
        asked.write(b"ack")
        self.proves_alive(client)

    def test_a_producer_of_it_is_stopped(self) -> None:
        client = self.started()
        asked, _, _ = self.taking(client)
        told = []

        class Source:
            def resumeProducing(self) -> None:
                told.append("resume")

            def pauseProducing(self) -> None:
                told.append("pause")

            def stopProducing(self) -> None:
                told.append("stop")

        asked.registerProducer(Source(), True)
        client.send(data(1, bytes(1001), end=True))
        self.assertEqual((client.response(1).status, client.resets, told), (413, {}, ["stop"]))

    def test_another_length_than_was_declared_is_malformed(self) -> None:
        client = self.started()
        for stream, sent in (
            (1, data(1, b"quacks")),
            (3, data(3, b"q", end=True)),
            (5, headers(5, block((b"x", b"1")))),
        ):
            _, _, taker = self.taking(client, (LENGTH, b"5"), stream=stream)
            client.send(sent)
            self.assertEqual(client.response(stream).resets, [Code.PROTOCOL_ERROR])
            self.assertEqual((self.statuses(taker), taker.ended), ([400], None))
        self.proves_alive(client)

    def test_trailers_that_are_malformed_or_too_many(self) -> None:
        client = self.started()
        for stream, fields, status in ((1, [(b":path", b"/")], 400), (3, [(b"x", b"1")] * 200, 431)):
            _, _, taker = self.taking(client, stream=stream)
            client.send(headers(stream, block(*fields)))
            self.assertEqual((self.statuses(taker), taker.ended), ([status], None))
        self.assertEqual((client.resets, client.response(3).status), ({1: [Code.PROTOCOL_ERROR]}, 431))
        self.proves_alive(client)

    def test_a_body_that_stops_gets_408(self) -> None:
        client = self.started()
        _, _, taker = self.taking(client)
        client.send(data(1, bytes(500)))
        client.wait(18)
        client.send(frame(0, 0, 1, bytes(300), length=400))
        client.wait(8)
        self.assertEqual(taker.failed, [])
        client.wait(4)
        self.assertEqual((client.response(1).status, self.statuses(taker)), (408, [408]))

    def test_a_body_that_dribbles_gets_408(self) -> None:
        client = self.started()
        _, _, taker = self.taking(client)
        for _ in range(30):
            client.send(data(1, b"q"))
            client.wait(1)
        self.assertEqual((client.response(1).status, self.statuses(taker)), (408, [408]))

    def test_time_in_which_nothing_is_taken_is_not_the_clients(self) -> None:
        client = self.started()
        asked = self.begun(client)
        client.send(data(1, b"qu"))
        client.wait(300)
        taker, body = Taker(), asked.body_stream()
        body.start(taker)
        for _ in range(5):
            client.wait(3)
            body.pause()
            client.wait(300)
            body.resume()
            client.send(data(1, bytes(195)))
        self.assertEqual((len(taker.content), taker.failed, client.resets), (977, [], {}))
        client.wait(25)
        self.assertEqual((client.response(1).status, self.statuses(taker)), (408, [408]))

    def test_time_is_not_excused_twice(self) -> None:
        client = self.started()
        _, body, taker = self.taking(client)
        body.pause()
        client.wait(10)
        client.protocol.streams[1].excuse(10.0)
        body.resume()
        client.wait(22)
        self.assertEqual(self.statuses(taker), [408])

    def test_a_whole_body_waits_for_its_taker(self) -> None:
        client = self.started()
        asked, body, taker = self.taking(client)
        body.pause()
        client.send(data(1, b"quack", end=True))
        client.wait(300)
        body.resume()
        self.assertEqual((bytes(taker.content), taker.ended), (b"quack", []))
        client.wait(300)
        asked.finish()
        client.settle()
        self.assertTrue(client.response(1).complete)
