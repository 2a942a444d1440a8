"""Bodies that are handed over while they come."""

from __future__ import annotations

from twisted.python.failure import Failure

from duck_tx.http.response import serialise, status_line
from duck_tx.http2.limits import Http2Limits
from tests.unit.http2_frames import LARGEST, Code, block, data, headers, post, request, reset
from tests.unit.http2_live import LiveCase, Taker

WINDOW = Http2Limits().stream_window
LENGTH = b"content-length"


class HandingOverTests(LiveCase):
    def test_a_request_is_handed_over_with_its_head_and_the_body_as_it_comes(self) -> None:
        client = self.started()
        asked, _, taker = self.taking(client)
        self.assertEqual((asked.method, taker.sizes), (b"POST", []))
        client.send(data(1, b"qu"), data(1, b"ack", pad=7))
        self.assertEqual((bytes(taker.content), taker.sizes, taker.ended), (b"quack", [2, 3], None))
        client.send(data(1, b"!", end=True))
        self.assertEqual((bytes(taker.content), taker.ended, taker.failed), (b"quack!", [], []))
        asked.write(b"heard")
        asked.finish()
        client.settle()
        self.assertEqual((bytes(client.response(1).body), client.response(1).complete), (b"heard", True))
        self.assertEqual(client.resets, {})
        self.proves_alive(client)
        self.leaves_nothing(client)

    def test_the_length_is_known_as_far_as_the_client_has_said_it(self) -> None:
        client = self.started()
        self.assertIsNone(self.begun(client).body_stream().length)
        self.assertEqual(self.begun(client, (LENGTH, b"5"), stream=3).body_stream().length, 5)
        client.send(request(5, b"/live/"))
        self.assertEqual(self.live.requests[-1].body_stream().length, 0)

    def test_a_request_without_a_body_has_one_that_is_over(self) -> None:
        client = self.started()
        client.send(request(1, b"/live/"))
        taker = Taker()
        self.live.requests[0].body_stream().start(taker)
        self.assertEqual((taker.content, taker.ended), (b"", []))

    def test_what_came_before_there_was_a_taker_comes_at_once(self) -> None:
        client = self.started()
        asked = self.begun(client)
        client.send(data(1, b"qu"), data(1, b"ack"), data(1, end=True))
        taker = Taker()
        asked.body_stream().start(taker)
        self.assertEqual((bytes(taker.content), taker.ended), (b"quack", []))

    def test_trailers_are_handed_over_but_those_that_are_not_allowed(self) -> None:
        client = self.started()
        _, _, taker = self.taking(client)
        client.send(data(1, b"quack"), headers(1, block((b"x-sum", b"5"), (b"host", b"evil"), (b"x-b", b"c"))))
        self.assertEqual(taker.ended, [(b"x-sum", b"5"), (b"x-b", b"c")])

    def test_a_large_body_comes_whole(self) -> None:
        client = self.started()
        _, _, taker = self.taking(client)
        client.upload(1, b"duck" * 1_000_000)
        self.assertEqual((len(taker.content), taker.ended), (4_000_000, []))
        self.assertLessEqual(max(taker.sizes), LARGEST)

    def test_the_response_may_come_while_the_body_does(self) -> None:
        client = self.started()
        asked, _, taker = self.taking(client)
        taker.then = lambda: asked.write(bytes(taker.content[-2:]))
        client.send(data(1, b"qu"))
        self.assertEqual(bytes(client.response(1).body), b"qu")
        client.send(data(1, b"ck", end=True))
        asked.finish()
        client.settle()
        self.assertEqual((bytes(client.response(1).body), client.resets), (b"quck", {}))

    def test_what_does_not_stream_has_its_trailers_beside_its_body(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"), data(1, b"quack"), headers(1, block((b"x-sum", b"5"), (b"te", b"trailers"))))
        asked = self.waiting.requests[0]
        taker = Taker()
        asked.body_stream().start(taker)
        self.assertEqual((bytes(taker.content), taker.ended), (b"quack", [(b"x-sum", b"5")]))


class InvitationTests(LiveCase):
    EXPECTS = (b"expect", b"100-continue")

    def test_a_client_that_expects_it_is_told_to_go_on_when_there_is_a_taker(self) -> None:
        client = self.started()
        asked = self.begun(client, self.EXPECTS)
        self.assertEqual(client.response(1).interim, [])
        asked.body_stream().start(Taker())
        client.settle()
        self.assertEqual(client.response(1).interim, [[(b":status", b"100")]])

    def test_nobody_else_is(self) -> None:
        client = self.started()
        self.taking(client)
        asked = self.begun(client, self.EXPECTS, stream=3)
        client.send(data(3, b"quack"))
        asked.body_stream().start(Taker())
        asked = self.begun(client, self.EXPECTS, stream=5)
        asked.write(b"no")
        asked.body_stream().start(Taker())
        client.settle()
        self.assertEqual([client.response(stream).interim for stream in (1, 3, 5)], [[], [], []])

    def test_a_body_that_is_never_taken_is_never_asked_for(self) -> None:
        client = self.started()
        asked = self.begun(client, self.EXPECTS)
        asked.setResponseCode(403)
        asked.finish()
        client.settle()
        response = client.response(1)
        self.assertEqual((response.interim, response.status, response.complete), ([], 403, True))


class EndingTests(LiveCase):
    def test_a_client_that_resets_or_leaves_is_told_of(self) -> None:
        client = self.started()
        first, _, taker = self.taking(client)
        lost: list[Failure] = []
        first.notifyFinish().addErrback(lost.append)
        client.send(data(1, b"qu"), reset(1))
        _, body, second = self.taking(client, stream=3)
        body.pause()
        client.send(data(3, b"qu"))
        client.lose()
        self.assertEqual((taker.failed, second.failed, len(lost)), ([None], [None], 1))
        body.resume()
        self.assertEqual(second.sizes, [])
        self.leaves_nothing(client)

    def test_nobody_takes_what_comes_after_the_client_has_gone(self) -> None:
        client = self.started()
        asked = self.begun(client)
        client.send(data(1, b"qu"), reset(1))
        taker = Taker()
        asked.body_stream().start(taker)
        self.assertEqual((taker.failed, taker.sizes), ([None], []))

    def test_after_an_answer_nothing_is_heard_of_the_rest(self) -> None:
        client = self.started()
        asked, _, taker = self.taking(client)
        client.send(data(1, b"qu"))
        asked.write(b"enough")
        asked.finish()
        client.send(data(1, b"ack"), data(1, end=True))
        response = client.response(1)
        self.assertEqual((bytes(response.body), response.complete), (b"enough", True))
        self.assertEqual((response.resets, bytes(taker.content)), ([], b"qu"))
        self.assertEqual((taker.ended, taker.failed), (None, []))
        self.proves_alive(client)

    def test_nor_of_what_was_waiting(self) -> None:
        for end in (False, True):
            client = self.started()
            asked, body, taker = self.taking(client)
            body.pause()
            client.send(data(1, b"quack", end=end))
            asked.send(status_line(200), 200, serialise([]), b"enough")
            client.settle()
            body.resume()
            self.assertEqual((client.response(1).complete, taker.sizes, taker.ended), (True, [], None))
            self.assertEqual(taker.failed, [])

    def test_a_taker_that_answers_at_the_last_piece_resets_nothing(self) -> None:
        client = self.started()
        asked, _, taker = self.taking(client)
        taker.then = asked.finish
        client.send(data(1, b"quack", end=True))
        self.assertEqual((client.response(1).complete, client.resets, taker.ended), (True, {}, None))

    def test_a_body_that_nobody_wants_is_read_away_until_there_is_an_answer(self) -> None:
        client = self.started()
        asked, body, taker = self.taking(client)
        client.send(data(1, b"qu"))
        body.discard()
        client.upload(1, bytes(WINDOW), end=False)
        client.wait(100)
        self.assertEqual((taker.sizes, taker.failed, client.resets), ([2], [], {}))
        asked.finish()
        client.wait(1)
        self.assertEqual((client.response(1).complete, client.resets), (True, {}))
        client.wait(3)
        self.assertEqual(client.resets, {1: [Code.NO_ERROR]})
        self.proves_alive(client)

    def test_its_end_is_noticed_all_the_same(self) -> None:
        client = self.started()
        asked, body, _ = self.taking(client, (LENGTH, b"500"))
        body.discard()
        client.send(data(1, b"ack", end=True))
        asked.finish()
        client.settle()
        self.assertEqual((client.response(1).complete, client.resets), (True, {}))

    def test_a_taker_that_fails_is_a_500_or_a_cut(self) -> None:
        for stream, begun in ((1, False), (3, True)):
            client = self.started()
            asked, _, taker = self.taking(client, stream=stream)
            if begun:
                asked.write(b"qu")
            taker.then = lambda: 1 // 0
            client.send(data(stream, b"ack"))
            response = client.response(stream)
            self.assertEqual(response.status, 200 if begun else 500)
            self.assertEqual(response.resets, [Code.INTERNAL_ERROR] if begun else [])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.proves_alive(client)

    def test_a_body_that_waits_for_a_client_that_does_not_take_its_responses(self) -> None:
        client = self.started((4, 0))
        self.flow.size = 100_000
        client.send(*(request(stream, b"/flow") for stream in range(1, 201, 2)))
        client.send(post(201, b"/live/"), data(201, b"quack", end=True))
        self.assertEqual(self.live.requests, [])
        client.send(*(reset(stream) for stream in range(1, 101, 2)))
        taker = Taker()
        self.live.requests[0].body_stream().start(taker)
        self.assertEqual((bytes(taker.content), taker.ended), (b"quack", []))
