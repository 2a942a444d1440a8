"""What goes out beside heads and bodies: interim responses, trailers, and responses that are cut."""

from __future__ import annotations

from typing import Any

from duck_tx.http.response import ResponseError, serialise, status_line
from tests.unit.http2_client import Client
from tests.unit.http2_frames import Code, Setting, request
from tests.unit.http2_live import LiveCase
from tests.unit.logged import logged_lines

HINT = (b"Link", b"</style.css>; rel=preload")


class AnswerCase(LiveCase):
    def asked(self, client: Client, method: bytes = b"GET") -> Any:
        client.send(request(1, b"/live/", method=method))
        return self.live.requests[-1]


class InterimTests(AnswerCase):
    def test_hints_come_before_the_response(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.send_interim(103, [HINT, (b"Connection", b"close")])
        asked.send_interim(102, [])
        client.settle()
        self.assertEqual(
            client.response(1).interim,
            [[(b":status", b"103"), (b"link", HINT[1])], [(b":status", b"102")]],
        )
        asked.write(b"quack")
        asked.send_interim(103, [HINT])
        asked.finish()
        client.settle()
        response = client.response(1)
        self.assertEqual((len(response.interim), bytes(response.body), response.complete), (2, b"quack", True))

    def test_nobody_waits_for_100_without_a_body(self) -> None:
        client = self.started()
        self.asked(client).send_interim(100, [])
        client.settle()
        self.assertEqual(client.response(1).interim, [])

    def test_what_is_no_interim_response_is_not_sent(self) -> None:
        client = self.started()
        asked = self.asked(client)
        for code, fields in ((101, []), (200, []), (103, [(b"a b", b"1")]), (103, [(b"a", b"\r\n")])):
            self.assertRaises(ResponseError, asked.send_interim, code, fields)
        client.settle()
        self.assertEqual(client.response(1).interim, [])


class TrailerTests(AnswerCase):
    def test_trailers_come_behind_the_body(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.write(b"quack")
        asked.trailers.append((b"X-Sum", b"5"))
        asked.trailers += [(b"Content-Length", b"7"), (b"Server-Timing", b"db;dur=53")]
        asked.finish()
        client.settle()
        response = client.response(1)
        self.assertEqual((bytes(response.body), response.complete), (b"quack", True))
        self.assertEqual(response.trailers, [(b"x-sum", b"5"), (b"server-timing", b"db;dur=53")])
        self.proves_alive(client)

    def test_they_wait_with_the_body_for_a_window(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 3))
        asked = self.asked(client)
        asked.trailers = [(b"x-sum", b"5")]
        asked.write(b"quack")
        asked.finish()
        client.settle()
        self.assertEqual((bytes(client.response(1).body), client.response(1).trailers), (b"qua", None))
        client.grant(1, 10)
        self.assertEqual((bytes(client.response(1).body), client.response(1).trailers), (b"quack", [(b"x-sum", b"5")]))

    def test_they_may_come_behind_nothing_and_behind_a_length(self) -> None:
        for length in (None, b"0"):
            client = self.started()
            asked = self.asked(client)
            if length is not None:
                asked.setHeader(b"Content-Length", length)
            asked.trailers = [(b"x-sum", b"5")]
            asked.finish()
            client.settle()
            response = client.response(1)
            self.assertEqual((response.trailers, response.complete, client.sizes), ([(b"x-sum", b"5")], True, []))

    def test_where_there_is_no_body_there_are_none(self) -> None:
        for method, code in ((b"HEAD", 200), (b"GET", 204), (b"GET", 304)):
            client = self.started()
            asked = self.asked(client, method)
            asked.setResponseCode(code)
            asked.trailers = [(b"x-sum", b"5")]
            asked.finish()
            client.settle()
            response = client.response(1)
            self.assertEqual((response.status, response.trailers, response.complete), (code, None, True))

    def test_trailers_that_are_left_out_are_none(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.write(b"quack")
        asked.trailers = [(b"Content-Length", b"7")]
        asked.finish()
        client.settle()
        self.assertEqual((client.response(1).trailers, client.response(1).complete), (None, True))

    def test_what_cannot_be_sent_is_left_out_and_logged(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.write(b"quack")
        asked.trailers = [(b"x sum", b"5")]
        with logged_lines() as lines:
            asked.finish()
        client.settle()
        self.assertEqual((client.response(1).trailers, client.response(1).complete), (None, True))
        self.assertEqual(lines, ["GET /live/: no trailers are sent: header name b'x sum' is not a token"])

    def test_long_ones_are_continued(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.write(b"quack")
        asked.trailers = [(b"x-%d" % number, b"a" * 5000) for number in range(9)]
        asked.finish()
        client.settle()
        self.assertEqual(client.response(1).trailers, asked.trailers)


class CutTests(AnswerCase):
    def test_a_response_that_has_begun_is_reset(self) -> None:
        for length in (None, b"50"):
            client = self.started()
            asked = self.asked(client)
            fields = [] if length is None else [(b"Content-Length", length)]
            asked.begin(status_line(200), 200, serialise(fields))
            asked.write(b"quack")
            asked.cut()
            asked.write(b"late")
            asked.finish()
            client.settle()
            response = client.response(1)
            self.assertEqual((bytes(response.body), response.complete), (b"quack", False))
            self.assertEqual(response.resets, [Code.INTERNAL_ERROR])
            self.proves_alive(client)
            self.leaves_nothing(client)

    def test_what_was_written_goes_out_before(self) -> None:
        for length in (None, b"50"):
            client = self.started()

            def answer(asked: Any, length: bytes | None = length) -> None:
                if length is not None:
                    asked.setHeader(b"Content-Length", length)
                asked.write(b"quack")
                asked.cut()

            self.live.then = answer
            self.asked(client)
            self.assertEqual(bytes(client.response(1).body), b"quack")
            self.assertEqual(client.response(1).resets, [Code.INTERNAL_ERROR])

    def test_one_that_has_not_is_reset_too(self) -> None:
        client = self.started()
        self.asked(client).cut()
        client.settle()
        self.assertEqual((client.response(1).status, client.resets), (0, {1: [Code.INTERNAL_ERROR]}))
        self.proves_alive(client)

    def test_one_that_is_whole_stays_so(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.write(b"quack")
        asked.finish()
        asked.cut()
        client.settle()
        self.assertEqual((client.response(1).complete, client.resets), (True, {}))
