"""Starlette alone, and Django Channels beside WSGI."""

from __future__ import annotations

import atexit
import hashlib
import json
import signal
from functools import cache
from pathlib import Path

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT, Server, wait_until

_CHAT = CHECKOUT / "tests" / "channels_site"


@cache
def _starlette() -> Server:
    server = Server("--asgi", "tests.integration.starlette_site:application", project=None)
    atexit.register(server.close)
    return server.start()


@cache
def _channels() -> Server:
    environ = {"DUCK_GATEWAY__ASGI_PATHS": '["/events"]'}
    server = Server(project=Path(_CHAT), environ=environ)
    atexit.register(server.close)
    return server.start()


def websocket(server: Server, path: str, *protocols: str) -> ClientConnection:
    return connect(
        f"ws://localhost:{server.port}{path}",
        origin=Origin("http://localhost"),
        subprotocols=[Subprotocol(each) for each in protocols] or None,
        open_timeout=20,
    )


class StarletteTests(UnitTestCase):
    def setUp(self) -> None:
        self.server = _starlette()

    def test_requests_with_bodies(self) -> None:
        data = b"quack" * 300_000
        answer = self.server.request("POST", "/whole?a=%20b", data).json()
        self.assertEqual(answer["sha256"], hashlib.sha256(data).hexdigest())
        self.assertEqual(answer["url"], f"http://localhost:{self.server.port}/whole?a=%20b")
        self.assertEqual(self.server.request("POST", "/pieces", data).text, str(len(data)))

    def test_a_mount_of_its_own(self) -> None:
        self.assertEqual(self.server.get("/below/whole").json()["root"], "/below")

    def test_streams_and_files(self) -> None:
        self.assertEqual(self.server.get("/streamed").text, "".join(f"{number}\n" for number in range(100)))
        answer = self.server.get("/file")
        self.assertEqual((answer.body, answer.headers["Content-Length"]), (b"duck" * 500_000, "2000000"))
        part = self.server.get("/file", {"Range": "bytes=4-9"})
        self.assertEqual((part.status, part.body), (206, b"duckdu"))
        self.assertEqual(self.server.request("HEAD", "/file").headers["Content-Length"], "2000000")

    def test_a_task_in_the_background_is_done_after_the_response(self) -> None:
        self.assertEqual(self.server.get("/later").text, "soon")
        wait_until(lambda: "background" in self.server.get("/seen").json(), 20)

    def test_a_client_that_leaves_half_way(self) -> None:
        with self.server.connect() as client:
            client.sendall(b"POST /pieces HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome")
        wait_until(lambda: "disconnect" in self.server.get("/seen").json(), 20)

    def test_websockets(self) -> None:
        with websocket(self.server, "/echo", "a", "b") as client:
            assert client.response is not None
            self.assertEqual((client.subprotocol, client.response.headers["x-duck"]), ("a", "yes"))
            client.send("quack")
            self.assertEqual(client.recv(20), "quack")

    def test_a_websocket_that_is_denied(self) -> None:
        with self.assertRaises(InvalidStatus) as caught:
            websocket(self.server, "/denied")
        response = caught.exception.response
        assert response.body is not None
        self.assertEqual((response.status_code, json.loads(response.body)), (401, {"why": "no ducks"}))

    def test_a_path_that_is_not_there(self) -> None:
        self.assertEqual(self.server.get("/nowhere").status, 404)
        with self.assertRaises(InvalidStatus) as caught:
            websocket(self.server, "/nowhere")
        self.assertEqual(caught.exception.response.status_code, 403)

    def test_a_start_that_fails_says_why(self) -> None:
        server = Server(
            "--asgi", "tests.integration.starlette_site:application", project=None, environ={"STARLETTE_SITE": "fails"}
        )
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(), 1)
        said = "could not start: ConnectionError: the database is not there."
        self.assertTrue(any(line.endswith(said) for line in server.lines("could not start")), server.log)


class ChannelsTests(UnitTestCase):
    def setUp(self) -> None:
        self.server = _channels()

    def test_pages_through_wsgi_and_events_through_asgi(self) -> None:
        self.assertEqual(self.server.get("/hello").text, "Hello, world!")
        self.assertEqual(
            self.server.get("/events?count=2&every=0").text, "id: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n"
        )

    def test_two_talk_in_a_room(self) -> None:
        with websocket(self.server, "/ws/chat/pond") as one, websocket(self.server, "/ws/chat/pond") as other:
            one.send(json.dumps({"message": "quack"}))
            for each in (one, other):
                self.assertEqual(json.loads(each.recv(20)), {"message": "quack"})

    def test_an_echo(self) -> None:
        with websocket(self.server, "/ws/echo") as client:
            for message in ("text", b"bytes"):
                client.send(message)
                self.assertEqual(client.recv(20), message)

    def test_a_stop_says_goodbye(self) -> None:
        server = Server(project=_CHAT)
        self.addCleanup(server.close)
        server.start()
        with websocket(server, "/ws/chat/pond") as client:
            server.send_signal(signal.SIGTERM)
            with self.assertRaises(ConnectionClosed) as caught:
                client.recv(20)
            assert caught.exception.rcvd is not None
            self.assertEqual(caught.exception.rcvd.code, 1001)
        server.exit()
        self.assertEqual(server.left_behind(), [])
