from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.address import UNIXAddress
from twisted.python.threadpool import ThreadPool
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

from duck_tx.gateway.both import NotHere
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from tests.case import UnitTestCase
from tests.unit.wsgi_case import (
    TEXT,
    Environ,
    GatewayTestCase,
    HeldPool,
    ManualReactor,
    StartResponse,
    hello,
    parsed,
    to_send,
)

LONG = 20.0


class WebSocketTests(GatewayTestCase):
    """WSGI knows nothing of WebSockets."""

    fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")

    def test_who_asks_for_one_is_told_that_there_are_none(self) -> None:
        answer = self.get(hello, fields=self.fields)
        self.assertEqual((answer.code, answer.body), (501, b"501 Not Implemented\n\nThere are no WebSockets here.\n"))

    def test_or_goes_to_what_has_them(self) -> None:
        self.serve(hello, sockets=NotHere("Elsewhere."))
        peer = self.connect()
        peer.ask(fields=self.fields)
        self.assertIn(b"Elsewhere.", peer.raw)

    def test_it_says_beforehand_whether_it_has_them(self) -> None:
        class Sockets(NotHere):
            def streams(self, request: Request) -> bool:
                return True

        pool = ThreadPool()
        for sockets, protocol, expected in (
            (Sockets(""), b"websocket", True),
            (Sockets(""), b"", False),
            (None, b"websocket", False),
        ):
            resource = WSGIResource(ManualReactor(), pool, hello, sockets=sockets)
            self.assertIs(resource.streams(cast(Request, SimpleNamespace(upgrade=protocol))), expected)

    def test_other_protocols_are_not_spoken(self) -> None:
        answer = self.get(hello, fields=("Connection: Upgrade", "Upgrade: h2c"))
        self.assertEqual((answer.code, answer.body), (200, b"hello"))


class ConstructorTests(UnitTestCase):
    def test_it_takes_what_twisteds_own_takes(self) -> None:
        for pool in (ThreadPool(), None):
            resource = WSGIResource(ManualReactor(), pool, hello)
            self.assertTrue(verifyObject(IResource, resource))
            self.assertTrue(resource.isLeaf)

    def test_it_has_no_children(self) -> None:
        resource = WSGIResource(ManualReactor(), None, hello)
        self.assertRaises(RuntimeError, resource.getChildWithDefault, b"x", None)
        self.assertRaises(RuntimeError, resource.putChild, b"x", resource)

    def test_the_application_may_be_any_callable(self) -> None:
        class Application:
            def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
                return hello(environ, start_response)

            def method(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
                return hello(environ, start_response)

        for application in (Application(), Application().method, lambda environ, start: hello(environ, start)):
            case = GatewayTestCase()
            self.assertEqual(case.get(application).body, b"hello")


class KindsOfServerTests(GatewayTestCase):
    def flags(self, pool: Any, **options: Any) -> tuple[bool, bool]:
        seen: list[Environ] = []

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            seen.append(environ)
            return hello(environ, start_response)

        self.serve(application, pool, request_timeout=0, **options)
        self.connect().ask()
        if pool is not None:
            pool.run_one()
        return seen[0]["wsgi.multithread"], seen[0]["wsgi.multiprocess"]

    def test_the_environment_tells_of_threads_and_processes(self) -> None:
        self.assertEqual(self.flags(None), (False, False))
        self.assertEqual(self.flags(HeldPool()), (True, False))
        self.assertEqual(self.flags(None, multiprocess=True), (False, True))


class OnThreadsTests(GatewayTestCase):
    def setUp(self) -> None:
        self.pool = HeldPool()

    def ask(self, application: Any, **options: Any) -> None:
        self.serve(application, self.pool, **options)
        self.peer = self.connect()
        self.peer.ask()

    def test_a_small_response_takes_one_hop_in_and_one_out(self) -> None:
        class Page:
            streaming = False

            def __iter__(self) -> Iterator[bytes]:
                return iter([b"a ", b"page"])

        def page(environ: Environ, start_response: StartResponse) -> Page:
            start_response("200 OK", TEXT)
            return Page()

        for application in (hello, page):
            self.ask(application)
            self.assertEqual(len(self.pool.calls), 1)
            self.pool.run_one()
            self.assertEqual((self.reactor.woken, self.peer.raw), (1, b""))
            self.reactor.turn()
            self.assertTrue(parsed(self.peer.raw).whole)
            self.assertEqual(self.reactor.woken, 1)

    def test_responses_that_are_ready_together_need_one_wake_up(self) -> None:
        self.ask(hello)
        peers = [self.connect() for _ in range(5)]
        for peer in peers:
            peer.ask()
        for _ in range(6):
            self.pool.run_one()
        self.assertEqual(self.reactor.woken, 1)
        self.reactor.turn()
        self.assertEqual({parsed(peer.raw).body for peer in peers}, {b"hello"})

    def test_a_request_whose_client_left_is_never_run(self) -> None:
        ran = []

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            ran.append(1)
            return hello(environ, start_response)

        self.ask(application)
        self.peer.leave()
        self.pool.run_one()
        self.reactor.turn()
        self.assertEqual(ran, [])

    def test_the_body_of_a_request_whose_client_left_is_closed_though_its_turn_has_not_come(self) -> None:
        self.serve(hello, self.pool)
        peer = self.connect()
        peer.ask(method="POST", body=b"x" * 2_000_000)
        assert peer.channel.request is not None
        call = next(iter(self.resource._calls))
        body = call._body
        assert body is not None
        self.assertFalse(body.closed)
        peer.leave()
        self.assertTrue(body.closed)

    def test_a_response_for_a_client_that_left_meanwhile_is_dropped(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"x" * 1000)

        def with_file(environ: Environ, start_response: StartResponse) -> Any:
            start_response("200 OK", TEXT)
            return environ["wsgi.file_wrapper"](to_send(path))

        def failing(environ: Environ, start_response: StartResponse) -> Any:
            raise ValueError

        def streaming(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            yield b"piece"

        for application in (hello, with_file, failing, streaming):
            self.ask(application)
            self.pool.run_one()
            self.peer.leave()
            self.reactor.turn()
            self.assertEqual(self.peer.raw, b"")
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_nothing_is_kept_of_requests_that_are_done(self) -> None:
        def streaming(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            yield b"piece"
            yield b"piece"

        for application in (hello, streaming, lambda environ, start_response: 1 / 0):
            self.ask(application)
            self.assertEqual(len(self.resource._calls), 1)
            self.pool.run_one()
            self.reactor.turn()
            self.assertTrue(parsed(self.peer.raw).whole)
            self.assertEqual(len(self.resource._calls), 0)
        self.flushLoggedErrors(ZeroDivisionError)


class BusyTests(GatewayTestCase):
    def test_one_request_too_many_is_answered_with_503(self) -> None:
        self.serve(hello, HeldPool(), max_waiting=3)
        peers = [self.connect() for _ in range(4)]
        for peer in peers:
            peer.ask()
        self.assertEqual([peer.raw for peer in peers[:3]], [b"", b"", b""])
        answer = parsed(peers[3].raw)
        self.assertEqual((answer.code, answer.fields["retry-after"], answer.whole), (503, "1", True))

    def test_the_connection_is_served_again_when_there_is_room(self) -> None:
        pool = HeldPool()
        self.serve(hello, pool, max_waiting=1)
        first, second = self.connect(), self.connect()
        first.ask()
        second.ask()
        self.assertEqual(parsed(second.raw).code, 503)
        pool.run_one()
        second.transport.clear()
        second.ask()
        pool.run_one()
        self.reactor.turn()
        self.assertEqual(parsed(second.raw).body, b"hello")

    def test_the_waiting_are_counted_for_a_pool_that_does_not_tell(self) -> None:
        gate, begun = threading.Event(), threading.Event()

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            begun.set()
            gate.wait(LONG)
            return hello(environ, start_response)

        pool = ThreadPool(1, 1)
        pool.start()
        self.addCleanup(pool.stop)
        self.addCleanup(gate.set)
        self.serve(application, pool, max_waiting=2)
        peers = [self.connect() for _ in range(4)]
        peers[0].ask()
        self.assertTrue(begun.wait(LONG))
        for peer in peers[1:]:
            peer.ask()
        self.assertEqual([peer.raw for peer in peers[:3]], [b"", b"", b""])
        self.assertEqual(parsed(peers[3].raw).code, 503)


class DirectTests(GatewayTestCase):
    """The application runs on the reactor thread."""

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", [*TEXT, ("Content-Length", "2")])
            for letter in environ["PATH_INFO"]:
                yield letter.encode()

        self.serve(application)
        peer = self.connect()
        peer.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % number for number in range(9)))
        bodies = [part[-2:] for part in peer.raw.split(b"HTTP/1.1 200")[1:]]
        self.assertEqual(bodies, [b"/%d" % number for number in range(9)])

    def test_a_response_larger_than_memory_and_spool_is_taken_whole_for_a_slow_client(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            for _ in range(100):
                yield b"x" * 100
                if peer.transport.producerState != "paused":
                    peer.stop_reading()
            ended.append(1)

        ended: list[int] = []
        self.serve(application, response_memory=100, response_spool=100)
        peer = self.connect()
        peer.ask()
        self.assertEqual(ended, [1])
        peer.read_on()
        self.assertEqual(len(parsed(peer.raw).body), 10_000)

    def test_a_unix_socket_peer_is_answered(self) -> None:
        self.serve(hello)
        peer = self.connect(UNIXAddress(None), UNIXAddress("/tmp/duck"))
        peer.ask()
        self.assertEqual(parsed(peer.raw).body, b"hello")

    def test_it_can_be_a_child_of_a_plain_resource(self) -> None:
        from twisted.web.resource import Resource

        seen: list[Environ] = []

        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            seen.append(environ)
            return hello(environ, start_response)

        self.serve(application)
        root = Resource()
        root.putChild(b"app", self.resource)
        self.site = Site(root, reactor=self.reactor)
        for target in ("/app", "/app/", "/app//x%2Fy/?q"):
            self.connect().ask(target)
        names = [(environ["SCRIPT_NAME"], environ["PATH_INFO"]) for environ in seen]
        self.assertEqual(names, [("/app", ""), ("/app", "/"), ("/app", "//x/y/")])
