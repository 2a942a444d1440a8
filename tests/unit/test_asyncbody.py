"""Responses that an asynchronous view makes bit by bit, through WSGI."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from twisted.logger import formatEvent

from duck_tx.gateway import asyncbody
from tests.unit.wsgi_case import GatewayTestCase, HeldPool, Peer, dechunked, just, parsed

_WAIT = 20.0


class Streaming:
    """A streaming response as Django makes them of an asynchronous iterator."""

    streaming = is_async = True

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self.streaming_content = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"collected"])

    def close(self) -> None:
        self.closed += 1


class AsyncBodyTests(GatewayTestCase):
    def setUp(self) -> None:
        self.patch(asyncbody, "_LOOK", 0.01)
        self.patch(asyncbody, "_named", set())
        self.events = self.log_events()
        self.pool = HeldPool()
        self.seen: list[str] = []
        self.first = threading.Event()

    def begin(self, pieces: AsyncIterator[bytes], target: str = "/", method: str = "GET") -> threading.Thread:
        """Ask for a page of these pieces, which are made beside the test."""
        self.response = Streaming(pieces)
        self.serve(just(self.response), self.pool)
        self.peer = self.connect()
        self.peer.ask(target, method)
        return self.pool.start_one()

    def finish(self, thread: threading.Thread) -> None:
        self.wait(lambda: not thread.is_alive())
        self.assertEqual(self.response.closed, 1)

    def wait(self, until: Callable[[], object]) -> None:
        """Turn the reactor until this is so."""
        deadline = time.monotonic() + _WAIT
        while not until():
            self.assertLess(time.monotonic(), deadline, (self.peer.raw, self.seen))
            self.reactor.turn()
            time.sleep(0.001)
        self.reactor.turn()

    async def endless(self, wait: bool = False) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                self.first.set()
                await (asyncio.Event().wait() if wait else asyncio.sleep(0))
        finally:
            self.seen.append("ended")

    def sent(self, peer: Peer) -> bytes:
        return peer.raw.partition(b"\r\n\r\n")[2]

    def test_pieces_leave_as_they_are_made(self) -> None:
        go = threading.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            await sync_to_async(go.wait)()
            yield b""
            yield b"two"

        thread = self.begin(pieces())
        self.wait(lambda: self.sent(self.peer))
        self.assertEqual(self.sent(self.peer), b"3\r\none\r\n")
        go.set()
        self.finish(thread)
        self.assertEqual(dechunked(self.sent(self.peer)), (b"onetwo", True))

    def test_what_is_synchronous_in_it_runs_on_the_gateway_thread(self) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"%d" % await sync_to_async(threading.get_ident)()

        thread = self.begin(pieces())
        ident = thread.ident
        self.finish(thread)
        self.assertEqual(dechunked(self.sent(self.peer)), (b"%d" % (ident or 0), True))

    def test_it_ends_with_its_client_though_no_piece_comes(self) -> None:
        for wait in (False, True):
            self.first.clear()
            thread = self.begin(self.endless(wait))
            self.wait(self.first.is_set)
            self.peer.leave()
            self.finish(thread)
        self.assertEqual(self.seen, ["ended", "ended"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_head_request_does_not_wait_for_it(self) -> None:
        self.finish(self.begin(self.endless(), method="HEAD"))
        self.assertTrue(self.peer.raw.startswith(b"HTTP/1.1 200 OK"))
        self.assertEqual(self.seen, ["ended"])

    def test_one_that_fails_does_not_pass_for_whole(self) -> None:
        async def pieces(error: type[BaseException]) -> AsyncIterator[bytes]:
            yield b"one"
            raise error

        for error in (LookupError, asyncio.CancelledError):
            self.finish(self.begin(pieces(error)))
            self.assertTrue(self.peer.cut)
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_each_path_is_named_once(self) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"

        for target in ("/a?1", "/a?2", "/b"):
            self.finish(self.begin(pieces(), target))
        said = ": this view streams asynchronously, and holds a gateway thread until it ends; name its path in"
        self.assertEqual([formatEvent(each).partition(said)[0] for each in self.events], ["GET /a?1", "GET /b"])

    def test_paths_are_not_named_without_end(self) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"

        self.patch(asyncbody, "_MANY", 2)
        for number in range(4):
            self.finish(self.begin(pieces(), f"/{number}"))
        self.assertEqual(len(self.events), 2)

    def test_without_threads_django_collects_it(self) -> None:
        response: Any = Streaming(self.endless())
        self.serve(just(response))
        self.peer = self.connect()
        self.peer.ask()
        self.wait(lambda: response.closed)
        self.assertEqual(parsed(self.peer.raw).body, b"collected")
