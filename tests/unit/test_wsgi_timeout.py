from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from tests.unit.wsgi_case import (
    TEXT,
    Environ,
    GatewayTestCase,
    HeldPool,
    StartResponse,
    hello,
    parsed,
    to_send,
)

LONG = 20.0


class TimeOutTests(GatewayTestCase):
    """The deadline is past from the beginning; it is looked at when the clock says so."""

    def setUp(self) -> None:
        self.pool = HeldPool()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def stuck(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        self.begun.set()
        self.waiting_for_the_gate()
        return hello(environ, start_response)

    def waiting_for_the_gate(self) -> None:
        self.gate.wait(LONG)

    def test_a_stuck_thread_is_answered_for_with_504_and_its_stack_in_the_log(self) -> None:
        self.begun = threading.Event()
        self.serve(self.stuck, self.pool, request_timeout=1e-9)
        peer = self.connect()
        peer.ask("/slow?page")
        thread = self.pool.start_one()
        self.assertTrue(self.begun.wait(LONG))
        events = self.log_events()
        self.reactor.advance(1)
        answer = parsed(peer.raw)
        self.assertEqual((answer.code, answer.whole), (504, True))
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0]["asked"], "GET /slow?page")
        self.assertIn("waiting_for_the_gate", events[0]["stack"])
        # What comes late is thrown away, and the connection has gone on.
        peer.transport.clear()
        peer.ask()
        self.gate.set()
        thread.join(LONG)
        self.reactor.turn()
        self.assertEqual(peer.raw, b"")
        self.pool.run_one()
        self.reactor.turn()
        self.assertEqual(parsed(peer.raw).body, b"hello")
        self.assertEqual(len(events), 1)

    def test_late_results_of_every_kind_are_thrown_away(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"x" * 1000)
        closed = []

        class Pieces:
            def __iter__(self) -> Iterator[bytes]:
                yield b"piece"
                raise AssertionError("iterated on")

            def close(self) -> None:
                closed.append(1)

        def late(result: Any) -> Any:
            def application(environ: Environ, start_response: StartResponse) -> Any:
                self.begun.set()
                self.gate.wait(LONG)
                start_response("200 OK", TEXT)
                return result(environ)

            return application

        for result, errors in (
            (lambda environ: environ["wsgi.file_wrapper"](to_send(path)), 0),
            (lambda environ: Pieces(), 0),
            (lambda environ: 1 / 0, 1),
        ):
            self.begun, self.gate = threading.Event(), threading.Event()
            self.serve(late(result), self.pool, request_timeout=1e-9)
            peer = self.connect()
            peer.ask()
            thread = self.pool.start_one()
            self.assertTrue(self.begun.wait(LONG))
            self.reactor.advance(1)
            self.gate.set()
            thread.join(LONG)
            self.reactor.turn()
            self.assertEqual(parsed(peer.raw).code, 504)
            self.assertTrue(parsed(peer.raw).whole)
            self.assertEqual(len(self.flushLoggedErrors()), errors)
        self.assertEqual(closed, [1])

    def test_one_that_still_waits_for_a_thread_gets_504_and_is_never_run(self) -> None:
        ran = []

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            ran.append(1)
            return hello(environ, start_response)

        events = self.log_events()
        self.serve(application, self.pool, request_timeout=1e-9)
        peer = self.connect()
        peer.ask()
        self.reactor.advance(1)
        self.assertEqual(parsed(peer.raw).code, 504)
        self.assertIn("waiting for a thread", events[0]["stack"])
        self.pool.run_one()
        self.reactor.turn()
        self.assertEqual(ran, [])

    def test_a_response_that_has_begun_may_take_its_time(self) -> None:
        begun = threading.Event()

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            yield b"begun "
            begun.set()
            self.gate.wait(LONG)
            yield b"ended"

        self.serve(application, self.pool, request_timeout=1e-9)
        peer = self.connect()
        peer.ask()
        thread = self.pool.start_one()
        self.assertTrue(begun.wait(LONG))
        self.reactor.turn()
        events = self.log_events()
        self.reactor.advance(1)
        self.gate.set()
        thread.join(LONG)
        self.reactor.turn()
        self.assertEqual(parsed(peer.raw).body, b"begun ended")
        self.assertEqual(events, [])

    def test_nobody_looks_for_late_ones_when_there_are_none(self) -> None:
        self.serve(hello, self.pool, request_timeout=100)
        self.connect().ask()
        self.pool.run_one()
        self.reactor.turn()
        self.reactor.advance(1)
        self.assertIsNone(self.resource._tick)

    def test_without_a_time_out_nobody_looks(self) -> None:
        self.serve(hello, self.pool, request_timeout=0)
        self.connect().ask()
        self.assertIsNone(self.resource._tick)
