"""The WSGI gateway behind a listening site, with threads and sockets as in service."""

from __future__ import annotations

import gc
import hashlib
import http.client
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from wsgiref.validate import validator

import treq
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.threadpool import ThreadPool

from tests.integration.gateway_case import LARGE, LONG, Client, ServedTestCase, get
from tests.unit.wsgi_case import TEXT, Environ, StartResponse, parsed, to_send


def many_kinds(path: str) -> Any:
    """An application that answers in another way below each path."""

    def application(environ: Environ, start_response: StartResponse) -> Any:
        kind = environ["PATH_INFO"]
        if kind == "/echo":
            body = environ["wsgi.input"].read()
            start_response("200 OK", TEXT)
            return [hashlib.sha256(body).hexdigest().encode()]
        if kind == "/fails":
            raise ValueError("before the head")
        start_response("200 OK", TEXT)
        if kind == "/file":
            return environ["wsgi.file_wrapper"](to_send(path))
        if kind == "/stream":
            return (LARGE[start : start + 50_000] for start in range(0, len(LARGE), 50_000))
        if kind == "/breaks":
            return breaking()
        return [b"hello ", kind.encode()]

    return application


def breaking() -> Iterator[bytes]:
    yield b"some"
    raise ValueError("half-way")


class KindsTests(ServedTestCase):
    """Every kind of response, wherever the application is called."""

    threads: int | None = 4
    stock = False

    def setUp(self) -> None:
        super().setUp()
        self.path = self.mktemp()
        with open(self.path, "wb") as file:
            file.write(LARGE)
        pool = None
        if self.stock:
            pool = ThreadPool(1, 4)
            pool.start()
            self.stops.append(lambda: deferToThread(pool.stop))
        self.address = self.serve(many_kinds(self.path), self.threads, pool)

    async def test_requests_of_many_clients_at_once(self) -> None:
        def client(number: int) -> None:
            connection = http.client.HTTPConnection(self.address[0], self.address[1], timeout=LONG)
            for turn in range(30):
                target = f"/{number}/{turn}"
                if turn % 5 == 4:
                    body = os.urandom(turn * 1000)
                    connection.request("POST", "/echo", body)
                    expected = hashlib.sha256(body).hexdigest().encode()
                else:
                    connection.request("GET", target)
                    expected = b"hello " + target.encode()
                response = connection.getresponse()
                assert (response.status, response.read()) == (200, expected)
            connection.close()

        await gatherResults([deferToThread(client, number) for number in range(8)])

    async def test_files_and_streams_arrive_whole_at_any_pace(self) -> None:
        for target in ("/file", "/stream"):
            for pause in (0.0, 0.002):
                answer = parsed(await self.ask(self.address, get(target), pause))
                self.assertEqual((answer.code, answer.whole), (200, True))
                self.assertTrue(answer.body == LARGE)

    async def test_a_failure_is_500_before_the_head_and_a_cut_after_it(self) -> None:
        answer = parsed(await self.ask(self.address, get("/fails")))
        self.assertEqual((answer.code, answer.whole), (500, True))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        try:
            raw = await self.ask(self.address, get("/breaks"))
        except ConnectionResetError:
            raw = b""
        self.assertFalse(raw.endswith(b"0\r\n\r\n"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    async def test_treq_gets_what_was_made(self) -> None:
        url = "http://{}:{}/stream".format(*self.address)
        response = await treq.get(url, persistent=False)
        self.assertEqual(response.code, 200)
        self.assertTrue(await response.content() == LARGE)

    async def test_wsgiref_finds_nothing_wrong(self) -> None:
        await self.stop()

        def strict(environ: Environ, start_response: StartResponse) -> Any:
            start_response("200 OK", TEXT)
            taken = environ["wsgi.input"].read(10)
            return iter([b"got ", taken])

        pool = None
        if self.stock:
            pool = ThreadPool(1, 4)
            pool.start()
            self.stops.append(lambda: deferToThread(pool.stop))
        address = self.serve(validator(strict), self.threads, pool)
        raw = await self.ask(address, get("/?a=1", "Content-Length: 4\r\n") + b"body")
        self.assertEqual(parsed(raw).body, b"got body")


class KindsOnAStockPoolTests(KindsTests):
    stock = True


class KindsOnTheReactorThreadTests(KindsTests):
    threads = None


class StreamTests(ServedTestCase):
    async def test_each_piece_arrives_before_the_next_is_made(self) -> None:
        arrived = threading.Semaphore(0)

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            for number in range(5):
                yield b"piece %d." % number
                assert arrived.acquire(timeout=LONG)

        address = self.serve(application)

        def read() -> None:
            with Client(address) as client:
                client.send(get("/"))
                for number in range(5):
                    client.read_until(b"piece %d.\r\n" % number)
                    arrived.release()
                client.read_until(b"0\r\n\r\n")

        await deferToThread(read)

    async def test_a_slow_client_holds_no_thread_when_the_rest_fits(self) -> None:
        ended = threading.Event()

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            if environ["PATH_INFO"] == "/quick":
                yield b"quick"
                return
            for start in range(0, len(LARGE), 10_000):
                yield LARGE[start : start + 10_000]
            ended.set()

        address = self.serve(application, threads=1, response_memory=100_000, response_spool=len(LARGE))
        with await deferToThread(Client, address, small_buffer=True) as slow:
            slow.send(get("/"))
            await self.until(ended.is_set)
            answer = parsed(await self.ask(address, get("/quick")))
            self.assertEqual(answer.body, b"quick")
            raw = await deferToThread(slow.read_all)
            self.assertTrue(parsed(raw).body == LARGE)

    async def test_a_response_larger_than_memory_and_spool_waits_for_its_client(self) -> None:
        made = 0

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            nonlocal made
            start_response("200 OK", TEXT)
            for _ in range(10):
                for start in range(0, len(LARGE), 10_000):
                    made += 1
                    yield LARGE[start : start + 10_000]

        address = self.serve(application, response_memory=100_000, response_spool=200_000)
        with await deferToThread(Client, address, small_buffer=True) as slow:
            slow.send(get("/"))
            seen = -1
            while seen != made:
                seen = made
                await deferLater(self.reactor, 0.1)
            self.assertGreater(made, 30)
            self.assertLess(made, 1500)
            raw = await deferToThread(slow.read_all)
            self.assertTrue(parsed(raw).body == LARGE * 10)

    async def test_a_client_that_leaves_ends_the_iteration_wherever_it_is(self) -> None:
        closed = []

        class Endless:
            def __init__(self, kind: str) -> None:
                self.kind = kind

            def __iter__(self) -> Iterator[bytes]:
                yield b"begun"
                while True:
                    if self.kind == "quiet":
                        time.sleep(0.001)
                    yield b"" if self.kind == "quiet" else b"x" * 10_000

            def close(self) -> None:
                closed.append(self.kind)

        def application(environ: Environ, start_response: StartResponse) -> Endless:
            start_response("200 OK", TEXT)
            return Endless(environ["PATH_INFO"][1:])

        def leave(kind: str) -> None:
            client = Client(address, small_buffer=True)
            client.send(get("/" + kind))
            client.socket.recv(100)
            client.reset()

        address = self.serve(application, response_memory=10_000, response_spool=50_000)
        for kind in ("quiet", "busy"):
            await deferToThread(leave, kind)
            await self.until(partial(closed.__contains__, kind))
        await self.until(lambda: self.pool.working == 0)
        self.assertEqual(closed, ["quiet", "busy"])


class ThreadTests(ServedTestCase):
    async def test_requests_behind_a_client_that_left_are_not_run(self) -> None:
        gate, ran = threading.Event(), []

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            ran.append(environ["PATH_INFO"])
            if environ["PATH_INFO"] == "/block":
                gate.wait(LONG)
            start_response("200 OK", TEXT)
            return [b"done"]

        address = self.serve(application, threads=1)
        blocked = self.ask(address, get("/block"))
        await self.until(lambda: ran)
        with await deferToThread(Client, address) as leaving:
            leaving.send(get("/gone"))
            await self.until(lambda: self.pool.waiting == 1)
        await self.until(lambda: len(self.site.channels) == 1)
        gate.set()
        self.assertEqual(parsed(await blocked).body, b"done")
        self.assertEqual(parsed(await self.ask(address, get("/next"))).body, b"done")
        self.assertEqual(ran, ["/block", "/next"])

    async def test_blocked_threads_hold_up_nobody_while_there_are_others(self) -> None:
        gate = threading.Event()

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            if environ["PATH_INFO"] == "/block":
                gate.wait(LONG)
            start_response("200 OK", TEXT)
            return [b"done"]

        address = self.serve(application, threads=4)
        blocked = [self.ask(address, get("/block")) for _ in range(3)]
        await self.until(lambda: self.pool.working == 3)
        for _ in range(20):
            self.assertEqual(parsed(await self.ask(address, get("/"))).body, b"done")
        gate.set()
        for each in blocked:
            self.assertEqual(parsed(await each).body, b"done")

    async def test_a_stuck_thread_costs_its_request_504_and_its_late_result_goes_nowhere(self) -> None:
        gate = threading.Event()
        self.addCleanup(gate.set)

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            if environ["PATH_INFO"] == "/stuck":
                gate.wait(LONG)
            start_response("200 OK", TEXT)
            return [b"done"]

        address = self.serve(application, threads=1, request_timeout=0.2)
        stuck = self.ask(address, get("/stuck"))
        await self.until(lambda: self.pool.working == 1 and self.pool.waiting == 0)
        waiting = self.ask(address, get("/waiting"))
        self.assertEqual(parsed(await stuck).code, 504)
        self.assertEqual(parsed(await waiting).code, 504)
        gate.set()
        self.assertEqual(parsed(await self.ask(address, get("/"))).body, b"done")

    def waiting_is(self, count: int) -> bool:
        return bool(self.pool.waiting == count)

    async def test_too_many_waiting_are_sent_away_at_once(self) -> None:
        gate = threading.Event()

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            gate.wait(LONG)
            start_response("200 OK", TEXT)
            return [b"done"]

        address = self.serve(application, threads=1, max_waiting=2)
        asked = [self.ask(address, get("/"))]
        await self.until(lambda: self.pool.working == 1 and self.pool.waiting == 0)
        for waiting in (1, 2):
            asked.append(self.ask(address, get("/")))
            await self.until(partial(self.waiting_is, waiting))
        answer = parsed(await self.ask(address, get("/")))
        self.assertEqual((answer.code, answer.fields["retry-after"]), (503, "1"))
        gate.set()
        self.assertEqual([parsed(await each).code for each in asked], [200, 200, 200])


class UnixSocketTests(ServedTestCase):
    async def test_clients_on_a_unix_socket_are_answered(self) -> None:
        seen: list[Environ] = []
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(LARGE)

        def application(environ: Environ, start_response: StartResponse) -> Any:
            seen.append(environ)
            return many_kinds(path)(environ, start_response)

        # A Unix socket's path has room for about a hundred bytes.
        socket_path = os.path.relpath(self.mktemp())
        for served in (application, validator(application)):
            address = self.serve(served, unix=socket_path)
            for target, body in (("/x", b"hello /x"), ("/file", LARGE), ("/stream", LARGE)):
                answer = parsed(await self.ask(address, get(target)))
                self.assertTrue(answer.whole)
                self.assertTrue(answer.body == body, target)
            await self.stop()
        self.assertEqual({environ["REMOTE_ADDR"] for environ in seen}, {""})
        self.assertNotIn("HTTP_X_FORWARDED_FOR", seen[0])


class LeakTests(ServedTestCase):
    async def test_descriptors_and_calls_are_given_back_after_requests_of_every_kind(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(LARGE)
        address = self.serve(many_kinds(path), response_memory=10_000, response_spool=100_000)

        def some(rude: bool) -> None:
            for target in ("/x", "/file", "/stream", "/fails", "/breaks"):
                with Client(address) as client:
                    client.send(get(target))
                    if rude:
                        client.socket.recv(1000)
                        client.reset()
                        continue
                    try:
                        client.read_all()
                    except ConnectionResetError:
                        assert target == "/breaks"
            with Client(address) as client:
                body = b"x" * 2_000_000
                head = b"POST /echo HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                client.send(head % len(body) + body[rude:])
                if not rude:
                    client.read_all()

        async def settled() -> int:
            await self.until(lambda: not self.site.channels and self.pool.working == 0 and not self.resource._calls)
            gc.collect()
            return len(os.listdir("/dev/fd"))

        await deferToThread(some, False)
        before = await settled()
        for turn in range(10):
            await gatherResults([deferToThread(some, bool(turn % 2)) for _ in range(3)])
        self.assertEqual(await settled(), before)
        self.flushLoggedErrors(ValueError)
