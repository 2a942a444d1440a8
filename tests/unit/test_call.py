from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

from duck_tx.gateway.filewrapper import FileWrapper
from tests.unit.wsgi_case import (
    TEXT,
    Closing,
    Environ,
    GatewayTestCase,
    StartResponse,
    Whole,
    failing,
    just,
    parsed,
)


class WholeTests(GatewayTestCase):
    def test_a_list_gets_its_length(self) -> None:
        answer = self.get(just([b"one ", b"two"]))
        self.assertEqual(answer.fields["content-length"], "7")
        self.assertNotIn("transfer-encoding", answer.fields)

    def test_what_says_it_is_not_streaming_is_sent_whole_and_closed(self) -> None:
        result = Whole([b"one ", b"two"])
        answer = self.get(just(result))
        self.assertAnswers(answer, b"one two")
        self.assertEqual(answer.fields["content-length"], "7")
        self.assertEqual(result.closed, 1)

    def test_a_whole_body_after_write_follows_what_was_written(self) -> None:
        for result in ([b"two"], Whole([b"two"])):

            def application(environ: Environ, start_response: StartResponse, result: Any = result) -> Any:
                start_response("200 OK", TEXT)(b"one ")
                return result

            self.assertAnswers(self.get(application), b"one two")

    def test_a_single_piece_of_the_declared_length_leaves_whole(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"four"
            made.append(self.peer_raw())

        made: list[bytes] = []
        self.serve(just(pieces, fields=[("Content-Length", "4")]))
        self.peer = self.connect()
        self.peer.ask()
        self.assertIn(b"\r\n\r\nfour", made[0])
        self.assertAnswers(parsed(self.peer.raw), b"four")

    def peer_raw(self) -> bytes:
        return self.peer.raw

    def test_a_longer_body_is_cut_to_its_content_length(self) -> None:
        for result in ([b"four", b"five"], Whole([b"fourfive"])):
            self.assertAnswers(self.get(just(result, fields=[("Content-Length", "4")])), b"four")
            self.assertFalse(self.peer.transport.disconnecting)

    def test_a_longer_iteration_is_cut_to_its_content_length_and_ended(self) -> None:
        for first in (b"fo", b"four", b"four or more"):
            made: list[Any] = []

            def pieces(first: bytes = first, made: list[int] = made) -> Iterator[bytes]:
                yield first
                while True:
                    made.append(1)
                    assert len(made) < 10
                    yield b"urrr"

            events = self.log_events()
            self.assertAnswers(self.get(just(pieces, fields=[("Content-Length", "4")])), b"four")
            self.assertLessEqual(len(made), 1)
            self.assertEqual(len(events), 1)

    def test_code_after_the_last_piece_of_the_declared_length_is_run(self) -> None:
        for parts in ([b"four"], [b"fo", b"ur"]):
            made: list[Any] = []

            def pieces(parts: list[bytes] = parts, made: list[str] = made) -> Iterator[bytes]:
                yield from parts
                made.append("after")

            self.assertAnswers(self.get(just(pieces, fields=[("Content-Length", "4")])), b"four")
            self.assertEqual(made, ["after"])

    def test_writing_more_than_the_content_length_is_an_error_for_the_application(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            write = start_response("200 OK", [("Content-Length", "4")])
            write(b"fo")
            for data in (b"urr", b"more"):
                self.assertRaises(ValueError, write, data)
            return []

        self.assertAnswers(self.get(application), b"four")

    def test_a_shorter_body_closes_the_connection_after_it(self) -> None:
        for result in ([b"two"], lambda: iter([b"t", b"wo"]), lambda: FileWrapper(io.BytesIO(b"two"))):
            answer = self.get(just(result, fields=[("Content-Length", "4")]))
            self.assertEqual((answer.body, answer.whole), (b"two", False))
            self.assertTrue(self.peer.transport.disconnecting)

    def test_head_stops_an_iteration_when_the_head_is_known(self) -> None:
        made: list[Any] = []

        def pieces() -> Iterator[bytes]:
            while True:
                made.append(1)
                assert len(made) < 10
                yield b"piece"

        self.assertAnswers(self.get(just(pieces), "HEAD"), b"")
        self.assertEqual(len(made), 1)

    def test_bodies_of_statuses_that_have_none_are_left_out(self) -> None:
        for status in ("204 No Content", "304 Not Modified"):
            for result in ([b"body"], lambda: iter([b"body", b"more"])):
                answer = self.get(just(result, status))
                self.assertEqual((answer.code, answer.body), (int(status[:3]), b""))
                self.peer.ask()
                self.assertEqual(self.peer.raw.count(b"HTTP/1.1 "), 2)


class StartResponseTests(GatewayTestCase):
    def test_it_may_come_with_the_first_iteration(self) -> None:
        for streaming in (None, False):
            for pieces in ([b"late"], [b"", b"la", b"te"]):

                class Late:
                    def __init__(self, start_response: StartResponse, pieces: list[bytes]) -> None:
                        self._start_response = start_response
                        self._pieces = pieces

                    def __iter__(self) -> Iterator[bytes]:
                        self._start_response("201 Created", TEXT)
                        yield from self._pieces

                if streaming is not None:
                    Late.streaming = streaming  # type: ignore[attr-defined]

                def application(
                    environ: Environ, start: StartResponse, late: Any = Late, pieces: list[bytes] = pieces
                ) -> Any:
                    return late(start, pieces)

                self.assertAnswers(self.get(application), b"late", 201)

    def test_it_may_come_with_the_iteration_of_nothing(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("201 Created", TEXT)
            yield b""

        self.assertAnswers(self.get(application), b"", 201)

    def test_without_it_the_answer_is_500(self) -> None:
        for result in ([b"body"], iter([b"body"]), [], FileWrapper(io.BytesIO(b"body"))):
            self.assertEqual(self.get(lambda environ, start_response, result=result: result).code, 500)
            self.assertOneFailureLogged(AssertionError)

    def test_a_second_call_needs_exc_info(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            start_response("200 OK", TEXT)
            start_response("201 Created", TEXT)
            return [b"body"]

        self.assertEqual(self.get(application).code, 500)
        self.assertOneFailureLogged(AssertionError)

    def test_with_exc_info_the_first_head_is_forgotten_while_nothing_is_sent(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", [*TEXT, ("X-First", "1")])
            yield b""
            try:
                raise ValueError
            except ValueError:
                start_response("503 Later", TEXT, sys.exc_info())
            yield b"sorry"

        answer = self.get(application)
        self.assertAnswers(answer, b"sorry", 503)
        self.assertNotIn("x-first", answer.fields)

    def test_with_exc_info_the_exception_is_raised_again_once_something_was_sent(self) -> None:
        def pieces(start_response: StartResponse) -> Iterator[bytes]:
            yield b"some"
            try:
                raise KeyError("the cause")
            except KeyError:
                start_response("500 Oops", TEXT, sys.exc_info())
            yield b"never"

        def of_unknown_length(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            return pieces(start_response)

        def sent_already(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Length", "4")])
            return pieces(start_response)

        for application, whole in ((of_unknown_length, False), (sent_already, True)):
            answer = self.get(application)
            self.assertEqual((answer.code, answer.body, answer.whole), (200, b"some", whole))
            self.assertOneFailureLogged(KeyError)

    def test_an_invalid_head_is_500_and_never_on_the_wire(self) -> None:
        for status, fields in (
            ("200 OK", [("X-Split", "a\r\nSet-Cookie: b")]),
            ("200 OK\r\nX: y", []),
            ("99 Low", []),
            ("200 OK", [("Bad Name", "x")]),
            ("200 OK", [("Content-Length", "-1")]),
            ("200 OK", [("X", "\u20ac")]),
        ):
            answer = self.get(just([b"body"], status, fields))
            self.assertEqual(answer.code, 500)
            self.assertNotIn(b"Set-Cookie", self.peer.raw)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_an_application_may_recover_from_an_invalid_head(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            self.assertRaises(ValueError, start_response, "200 OK", [("X", "\n")])
            start_response("200 OK", TEXT)
            return [b"better"]

        self.assertAnswers(self.get(application), b"better")

    def test_write_of_nothing_sends_the_head(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            start_response("200 OK", TEXT)(b"")
            heads.append(self.peer.raw)
            return [b"body"]

        heads: list[bytes] = []
        self.serve(application)
        self.peer = self.connect()
        self.peer.ask()
        self.assertIn(b"HTTP/1.1 200 OK\r\n", heads[0])
        self.assertAnswers(parsed(self.peer.raw), b"body")


class FailureTests(GatewayTestCase):
    def test_an_exception_before_the_head_is_a_plain_500_and_one_log_entry(self) -> None:
        for error in (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit):

            def application(
                environ: Environ, start_response: StartResponse, error: type[BaseException] = error
            ) -> list[bytes]:
                start_response("200 OK", [("X-Secret", "1")])
                raise error("a secret")

            answer = self.get(application)
            self.assertEqual((answer.code, answer.whole), (500, True))
            self.assertNotIn(b"ecret", self.peer.raw)
            self.assertOneFailureLogged(error)

    def test_an_exception_of_the_iterator_before_its_first_piece_is_a_500(self) -> None:
        self.assertEqual(self.get(just(lambda: failing([b""]))).code, 500)
        self.assertOneFailureLogged(ValueError)

    def test_an_exception_after_the_head_cuts_the_connection(self) -> None:
        for error in (ValueError, SystemExit):
            answer = self.get(just(lambda error=error: failing([b"some"], error)))
            self.assertEqual((answer.code, answer.body, answer.whole), (200, b"some", False))
            self.assertTrue(self.peer.cut)
            self.assertOneFailureLogged(error)

    def test_the_connection_serves_on_after_a_500(self) -> None:
        self.get(lambda environ, start_response: 1 / 0)
        self.peer.ask()
        self.assertEqual(self.peer.raw.count(b"HTTP/1.1 500 "), 2)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_a_result_of_the_wrong_kind_is_a_500(self) -> None:
        for result in (None, 5, "text", b"bytes", ["text"], iter(["text"]), iter([5]), iter([bytearray(b"x")])):
            self.assertEqual(self.get(just(result)).code, 500)
            self.assertOneFailureLogged(TypeError)

    def test_a_piece_of_the_wrong_kind_half_way_cuts_the_connection(self) -> None:
        self.get(just(iter([b"bytes", "text"])))
        self.assertTrue(self.peer.cut)
        self.assertOneFailureLogged(TypeError)


class CloseTests(GatewayTestCase):
    def assertClosed(self, result: Closing, application: Any = None) -> None:
        self.answer = self.get(application or just(result))
        self.assertEqual(result.closed, 1)

    def test_after_the_response(self) -> None:
        for result in (Closing([b"x"]), Closing([]), Whole([b"x"])):
            self.assertClosed(result)

    def test_after_an_exception_of_the_iterator(self) -> None:
        for pieces in ([], [b"some"]):
            for kind in (Closing, Whole):
                self.assertClosed(kind(failing(pieces)))
                self.assertOneFailureLogged(ValueError)

    def test_after_an_iteration_that_could_not_begin(self) -> None:
        self.assertClosed(Closing(None))  # type: ignore[arg-type]
        self.assertOneFailureLogged(TypeError)

    def test_when_start_response_was_not_called(self) -> None:
        result = Closing([b"x"])
        self.assertClosed(result, lambda environ, start_response: result)
        self.assertOneFailureLogged(AssertionError)

    def test_when_the_client_leaves(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"some"
            self.peer.leave()
            yield b"more"
            raise AssertionError("asked for more")

        result = Closing(pieces())
        self.serve(just(result))
        self.peer = self.connect()
        self.peer.ask()
        self.assertEqual(result.closed, 1)

    def test_its_exception_does_no_harm_to_a_response_that_is_whole(self) -> None:
        for result in (
            Closing([b"so", b"me"], ValueError),
            Whole([b"some"], ValueError),
            Closing([b"some"], SystemExit),
        ):
            self.assertClosed(result)
            self.assertAnswers(self.answer, b"some")
            self.assertFalse(self.peer.cut)
            assert result.error is not None
            self.assertOneFailureLogged(result.error)

    def test_its_exception_does_no_harm_to_a_file_on_its_way(self) -> None:
        class Unclosable(io.FileIO):
            def close(self) -> None:
                super().close()
                raise ValueError("closed badly")

        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"x" * 1_000_000)
        answer = self.get(just(lambda: FileWrapper(Unclosable(path))))
        self.reactor.turn()
        self.assertEqual(answer.code, 200)
        self.assertAnswers(parsed(self.peer.raw), b"x" * 1_000_000)
        self.assertOneFailureLogged(ValueError)


class BodyTests(GatewayTestCase):
    def test_the_body_may_be_read_after_the_client_has_left(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            self.peer.leave()
            read.append(environ["wsgi.input"].read())
            start_response("200 OK", TEXT)
            return [b"body"]

        read: list[bytes] = []
        self.serve(application)
        self.peer = self.connect()
        self.peer.ask(method="POST", body=b"sent")
        self.assertEqual(read, [b"sent"])

    def test_the_body_may_be_read_while_the_response_is_made_and_is_closed_after_it(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            taken.append(environ["wsgi.input"])
            start_response("200 OK", [*TEXT, ("Content-Length", "4")])
            yield taken[0].read(2)
            yield taken[0].read(2)

        taken: list[io.BytesIO] = []
        answer = self.get(application, "POST", body=b"four")
        self.assertAnswers(answer, b"four")
        self.assertTrue(taken[0].closed)
