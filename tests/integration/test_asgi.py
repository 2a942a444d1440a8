"""Django through ASGI and WSGI at once, in processes of its own."""

from __future__ import annotations

import atexit
import hashlib
import http.client
import signal
from functools import cache
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.case import UnitTestCase
from tests.integration.https_server import serve_https
from tests.integration.server import LAUNCHERS, Server, serve, wait_until
from tests.integration.websocket_clients import Http2Client
from tests.unit.websocket_frames import text

_SITE = "tests.integration.async_site"
_ENVIRON = {"DUCK_GATEWAY__ASGI_PATHS": '["/async/"]'}


def serve_site(test: UnitTestCase, *options: str, launch: Any = "twistd", **environ: str) -> Server:
    options = ("--django-settings", _SITE, *options)
    return serve(test, *options, project=None, launch=launch, environ={**_ENVIRON, **environ})


def websocket(server: Server, path: str = "/echo", **options: Any) -> ClientConnection:
    """A WebSocket to the server; to compress would only take time."""
    return connect(f"ws://localhost:{server.port}{path}", compression=None, open_timeout=20, **options)


@cache
def _shared(loop: str) -> Server:
    """A server for tests that leave it as it is; it is killed when the test run ends."""
    environ = {**_ENVIRON, "DUCK_GATEWAY__EVENT_LOOP": loop}
    server = Server("--django-settings", _SITE, project=None, environ=environ)
    atexit.register(server.close)
    return server.start()


class BothTests(UnitTestCase):
    """Pages through WSGI, WebSockets and some paths through ASGI; the reactor turns the loop."""

    loop = "reactor"

    def setUp(self) -> None:
        self.server = _shared(self.loop)

    def test_each_path_goes_its_way(self) -> None:
        self.assertEqual(self.server.get("/").text, "WSGIRequest")
        self.assertEqual(self.server.get("/async/kind").text, "ASGIRequest")

    def test_sessions_go_both_ways(self) -> None:
        first = self.server.get("/async/count")
        cookie = first.headers["Set-Cookie"].partition(";")[0]
        second = self.server.get("/async/count", {"Cookie": cookie})
        self.assertEqual((first.text, second.text), ("1", "2"))

    def test_bodies_of_any_kind(self) -> None:
        data = bytes(range(256)) * 12_000
        wanted = hashlib.sha256(data).hexdigest()
        self.assertEqual(self.server.request("POST", "/async/digest", data).text, wanted)
        client = self.server.client()
        self.addCleanup(client.close)
        pieces = (data[start : start + 50_000] for start in range(0, len(data), 50_000))
        client.request("POST", "/async/digest", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(client.getresponse().read().decode(), wanted)

    def test_a_view_that_fails_is_answered_and_logged(self) -> None:
        self.assertEqual(self.server.get("/async/fails").status, 500)

    def test_events_come_one_by_one_and_end_with_their_client(self) -> None:
        client = self.server.client()
        client.request("GET", "/async/events")
        response = client.getresponse()
        self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
        self.assertEqual([response.readline(), response.readline()], [b"data: 0\n", b"\n"])
        self.assertEqual(response.readline(), b"data: 1\n")
        if self.loop == "reactor":
            self.assertEqual(self.server.get("/open").json()["open"], 1)
        response.close()
        client.close()
        wait_until(lambda: self.server.get("/open").json()["open"] == 0, 20)

    def test_websockets_talk(self) -> None:
        with websocket(self.server, subprotocols=["duck"]) as client:
            self.assertEqual(client.subprotocol, "duck")
            for message in ("quack", b"\0quack", "ü" * 100_000, b"x" * 300_000):
                client.send(message)
                self.assertEqual(client.recv(20), message)

    def test_websockets_know_the_state_of_the_lifespan(self) -> None:
        with websocket(self.server, "/greeting") as client:
            self.assertEqual(client.recv(20), f"quack {self.server.get('/open').json()['pid']}")

    def test_what_the_application_does_not_accept_is_forbidden(self) -> None:
        self.assertRefused(403, "/closed")

    def test_pages_of_other_sites_may_open_none(self) -> None:
        self.assertRefused(403, "/echo", origin="https://evil.example")
        with websocket(self.server, origin="http://localhost:8000") as client:
            client.send("ours")
            self.assertEqual(client.recv(20), "ours")

    def assertRefused(self, status: int, path: str, **options: Any) -> None:
        with self.assertRaises(InvalidStatus) as caught:
            websocket(self.server, path, **options)
        self.assertEqual(caught.exception.response.status_code, status)


class ThreadTests(BothTests):
    """The same, with the loop on a thread."""

    loop = "thread"


class StreamThroughWsgiTests(UnitTestCase):
    """What streams asynchronously below a path that nobody has named."""

    def test_events_come_one_by_one_end_with_their_client_and_the_log_has_a_hint(self) -> None:
        server = _shared("reactor")
        client = server.client()
        self.addCleanup(client.close)
        client.request("GET", "/events")
        response = client.getresponse()
        self.assertEqual([response.readline() for _ in range(3)], [b"data: 0\n", b"\n", b"data: 1\n"])
        response.close()
        client.close()
        wait_until(lambda: server.get("/open").json()["open"] == 0, 20)
        hint = " /events: this view streams asynchronously, and holds a gateway thread until it ends"
        wait_until(lambda: hint in server.log, 20)

    def test_a_head_request_leaves_the_connection_to_others(self) -> None:
        server = _shared("reactor")
        client = server.client()
        self.addCleanup(client.close)
        for path in ("/events", "/async/events"):
            client.request("HEAD", path)
            response = client.getresponse()
            self.assertEqual((response.status, response.read()), (200, b""))
            client.request("GET", "/")
            self.assertEqual(client.getresponse().read(), b"WSGIRequest")
        wait_until(lambda: server.get("/open").json()["open"] == 0, 20)


class LifeTests(UnitTestCase):
    def test_a_stop_says_goodbye_and_ends_the_lifespan(self) -> None:
        server = serve_site(self)
        events = server.client()
        self.addCleanup(events.close)
        events.request("GET", "/async/events")
        response = events.getresponse()
        response.readline()
        with websocket(server) as client:
            server.send_signal(signal.SIGTERM)
            # A stream of events ends, so that whoever reads it comes again.
            response.read()
            with self.assertRaises(ConnectionClosed) as caught:
                client.recv(20)
            assert caught.exception.rcvd is not None
            self.assertEqual(caught.exception.rcvd.code, 1001)
        server.exit()
        self.assertEqual(server.left_behind(), [])
        said = server.log
        self.assertLess(said.index("the WebSocket ends with 1001"), said.index("the lifespan ends"))

    def test_what_does_not_end_is_cancelled_when_the_grace_is_over(self) -> None:
        server = serve_site(self, DUCK_SERVER__GRACE="0.5")
        numbers = server.client()
        self.addCleanup(numbers.close)
        numbers.request("GET", "/async/endless")
        response = numbers.getresponse()
        response.readline()
        with websocket(server, "/stuck"):
            server.stop()
        self.assertEqual(server.log.count("what is stuck is cancelled"), 2)
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        self.assertIn("the lifespan ends", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_a_lifespan_that_fails_stops_the_start(self) -> None:
        server = Server("--django-settings", _SITE, project=None, environ={"ASYNC_SITE": "fails"})
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(), 1)
        said = f" the ASGI application {_SITE}:application could not start: the ducks are not in a row."
        lines = server.lines("could not start")
        self.assertEqual([line for line in lines if not line.endswith(said)], [], lines)
        self.assertTrue(lines)
        self.assertNotIn("Traceback", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_a_restart_of_workers_says_goodbye_and_goes_on_with_new_ones(self) -> None:
        server = serve_site(self, "--workers", "1", "--processes", DUCK_AUTOMATIONS__ENABLED="0")
        with websocket(server, "/greeting") as client:
            before = client.recv(20)
            server.send_signal(signal.SIGHUP)
            with self.assertRaises(ConnectionClosed) as caught:
                client.recv(30)
            assert caught.exception.rcvd is not None
            self.assertEqual(caught.exception.rcvd.code, 1001)
        with websocket(server, "/greeting") as client:
            self.assertNotEqual(client.recv(20), before)
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def test_the_loop_is_the_reactors_own_where_that_is_one(self) -> None:
        launch = (*LAUNCHERS["twistd"][:2], "--reactor", "asyncio", *LAUNCHERS["twistd"][2:])
        server = serve_site(self, launch=[*launch, "--django-settings", _SITE])
        with websocket(server) as client:
            client.send("quack")
            self.assertEqual(client.recv(20), "quack")
        self.assertEqual(server.get("/async/kind").text, "ASGIRequest")
        self.assertEqual(server.get("/").text, "WSGIRequest")
        server.stop()
        self.assertIn("the lifespan ends", server.log)
        self.assertEqual(server.left_behind(), [])


class SecureTests(UnitTestCase):
    def test_websockets_over_http_2_and_pages_beside_them(self) -> None:
        server = serve_https(self, "--django-settings", _SITE, project=None, environ=_ENVIRON)
        client = Http2Client(server, "/echo", [("sec-websocket-protocol", "duck"), ("origin", "https://localhost")])
        self.addCleanup(client.close)
        self.assertEqual(client.status, "200")
        client.send(text("quack"))
        client.until(lambda: client.frames)
        self.assertEqual(client.frames[0].payload, b"quack")
        stranger = Http2Client(server, "/echo", [("origin", "https://evil.example")])
        self.addCleanup(stranger.close)
        self.assertEqual(stranger.status, "403")
        answer = server.get("/async/kind")
        self.assertEqual((answer.status, answer.text), (200, "ASGIRequest"))


class OffTests(UnitTestCase):
    def test_asgi_may_be_off(self) -> None:
        server = serve_site(self, DUCK_GATEWAY__ASGI_BESIDE_WSGI="0")
        self.assertEqual(server.get("/").text, "WSGIRequest")
        answer = server.get("/async/kind")
        self.assertEqual((answer.status, "asgi_beside_wsgi" in answer.text), (501, True))
        with self.assertRaises(InvalidStatus) as caught:
            websocket(server)
        self.assertEqual(caught.exception.response.status_code, 501)

    def test_all_may_go_through_asgi(self) -> None:
        server = serve_site(self, DUCK_GATEWAY__ASGI_ONLY="1")
        self.assertEqual(server.get("/").text, "ASGIRequest")
