"""What surrounds a response: interim ones before it, trailers behind it, and its end where it is not whole."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import capturedLogs

from duck_tx.http.response import ResponseError
from tests.unit.streaming_case import Streaming, begin
from tests.unit.wire_case import GET, Connection, WireCase

_HEAD = GET.replace(b"GET", b"HEAD")
_OLD = GET.replace(b"1.1", b"1.0")
_HINT = (b"Link", b"</style.css>; rel=preload")


class OutgoingCase(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.resource = Streaming()
        self.logged: list[Any] = []
        self.site = self.site_of(self.resource)
        self.site.access_log = self.logged.append
        self.connection: Connection = self.connect()

    def ask(self, sent: bytes = GET) -> Any:
        self.connection.send(sent)
        return self.resource.requests[-1]


class InterimTests(OutgoingCase):
    def test_hints_go_before_the_response(self) -> None:
        request = self.ask()
        request.send_interim(103, [_HINT])
        self.assertEqual(self.connection.take(), b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
        request.send_interim(102, [])
        request.finish()
        self.assertTrue(
            self.connection.received.startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nServer: ")
        )

    def test_a_code_without_a_name_has_one_all_the_same(self) -> None:
        self.ask().send_interim(199, [])
        self.assertEqual(self.connection.take(), b"HTTP/1.1 199 Interim\r\n\r\n")

    def test_nothing_goes_where_it_would_be_misread(self) -> None:
        old = self.ask(_OLD)
        old.send_interim(103, [_HINT])
        self.assertEqual(self.connection.received, b"")
        self.connection = self.connect()
        begun = self.ask()
        begin(begun)
        begun.send_interim(103, [_HINT])
        begun.write(b"x")
        begun.send_interim(103, [_HINT])
        begun.finish()
        begun.send_interim(103, [_HINT])
        self.assertNotIn(b"103", self.connection.received)
        gone = self.ask()
        self.connection.lose()
        gone.send_interim(103, [_HINT])

    def test_what_is_not_interim_is_an_error(self) -> None:
        request = self.ask()
        for code in (99, 101, 200, 404):
            self.assertRaises(ResponseError, request.send_interim, code, [])
        self.assertRaises(ResponseError, request.send_interim, 103, [(b"A", b"b\r\nc")])

    def test_fields_about_the_connection_and_the_body_are_left_out(self) -> None:
        about = [(b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3"), _HINT]
        self.ask().send_interim(103, about)
        self.assertEqual(self.connection.take().count(b"\r\n"), 3)


class TrailerTests(OutgoingCase):
    def test_they_stand_behind_the_last_chunk(self) -> None:
        request = self.ask()
        begin(request)
        request.write(b"body")
        request.trailers.append((b"X-Sum", b"1"))
        request.finish()
        self.assertTrue(self.connection.received.endswith(b"\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n"))
        self.ask().finish()
        self.assertTrue(self.connection.received.endswith(b"0\r\n\r\n"))

    def test_a_response_without_chunks_has_none(self) -> None:
        for sent, fields in ((GET, [(b"Content-Length", b"4")]), (_HEAD, []), (_OLD, [])):
            self.connection = self.connect()
            request = self.ask(sent)
            begin(request, 200, *fields)
            request.write(b"body")
            request.trailers = [(b"X-Sum", b"1")]
            request.finish()
            self.assertNotIn(b"X-Sum", self.connection.received)

    def test_fields_that_are_not_allowed_there_are_left_out(self) -> None:
        request = self.ask()
        begin(request)
        names = (
            b"Set-Cookie",
            b"content-length",
            b"Transfer-Encoding",
            b"Host",
            b"Trailer",
            b"X-Forwarded-For",
            b"a_b",
        )
        request.trailers = [*((name, b"1") for name in names), (b"Server-Timing", b"db;dur=5")]
        request.finish()
        self.assertTrue(self.connection.received.endswith(b"\r\n\r\n0\r\nServer-Timing: db;dur=5\r\n\r\n"))

    def test_those_that_cannot_be_sent_are_left_out_and_logged(self) -> None:
        request = self.ask()
        begin(request)
        request.trailers = [(b"X-Sum", b"a\r\nb")]
        with capturedLogs() as events:
            request.finish()
        self.assertTrue(self.connection.received.endswith(b"\r\n\r\n0\r\n\r\n"))
        self.assertEqual(len(events), 1)


class CutTests(OutgoingCase):
    def test_chunks_end_without_the_last(self) -> None:
        request = self.ask()
        begin(request)
        request.write(b"part")
        request.cut()
        self.assertTrue(self.connection.received.endswith(b"4\r\npart\r\n"))
        self.assertTrue(self.connection.wire.disconnecting)
        self.assertFalse(self.connection.wire.aborted)
        self.assertEqual([each.sentLength for each in self.logged], [4])

    def test_a_length_is_not_reached(self) -> None:
        request = self.ask()
        begin(request, 200, (b"Content-Length", b"10"))
        request.cut()
        self.assertIn(b"\r\nContent-Length: 10\r\n", self.connection.received)
        self.assertTrue(self.connection.wire.disconnecting)
        self.assertFalse(self.connection.wire.aborted)

    def test_where_the_end_is_the_end_of_the_connection_that_is_reset(self) -> None:
        request = self.ask(_OLD)
        begin(request)
        request.write(b"part")
        request.cut()
        self.assertTrue(self.connection.wire.aborted)

    def test_so_it_is_where_all_was_sent_or_nothing(self) -> None:
        request = self.ask()
        request.cut()
        self.assertTrue(self.connection.wire.aborted)
        self.connection = self.connect()
        request = self.ask()
        begin(request, 200, (b"Content-Length", b"4"))
        request.write(b"body")
        request.cut()
        self.assertTrue(self.connection.wire.aborted)

    def test_what_follows_is_left_out(self) -> None:
        request = self.ask()
        begin(request)
        request.cut()
        before = self.connection.received
        request.write(b"more")
        request.cut()
        request.fail(500, "late")
        request.finish()
        self.assertEqual(self.connection.received, before)

    def test_nothing_is_cut_that_is_over(self) -> None:
        request = self.ask()
        request.finish()
        request.cut()
        self.assertFalse(self.connection.wire.closed)
        request = self.ask()
        finished = request.notifyFinish()
        self.connection.lose()
        request.cut()
        self.failureResultOf(finished, ConnectionDone)


class UpgradeTests(OutgoingCase):
    def test_it_is_found_on_http_1_1_only(self) -> None:
        asks = b"\r\nConnection: upgrade\r\nUpgrade: Quack\r\n\r\n"
        self.assertEqual(self.ask(GET.replace(b"\r\n\r\n", asks)).upgrade, b"quack")
        self.connection = self.connect()
        self.assertEqual(self.ask(GET).upgrade, b"")
        self.connection = self.connect()
        self.assertEqual(self.ask(_OLD.replace(b"\r\n\r\n", asks)).upgrade, b"")
