"""Django at an address of its own: behind a port or a Unix socket of this server, or in somebody else's."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import stat
import tempfile
from pathlib import Path

from tests.case import UnitTestCase
from tests.integration.server import Server, serve
from tests.integration.upstream_process import UpstreamProcess, Visitors
from tests.integration.websocket_clients import SocketClient
from tests.unit.websocket_frames import close


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


class OwnAddressTests(UnitTestCase):
    def socket_path(self) -> Path:
        """Where a Unix socket can be: a short path."""
        folder = Path(tempfile.mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, folder)
        return folder / "django.sock"

    def test_django_behind_a_port_is_asked_over_http_and_knows_its_clients(self) -> None:
        port = _free_port()
        server = serve(self, environ={"DUCK_GATEWAY__ADDR": f"127.0.0.1:{port}"})
        seen = server.request("POST", "/echo/a%2Fb?c=%20", b"x" * 300_000, {"X-Forwarded-For": "192.0.2.1"}).json()
        self.assertEqual((seen["remote_addr"], seen["host"]), ("127.0.0.1", f"localhost:{server.port}"))
        self.assertEqual((seen["path"], seen["query"], seen["body_size"]), ("/echo/a/b", {"c": [" "]}, 300_000))
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.addCleanup(client.close)
        client.request("GET", "/hello")
        answer = client.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b"Hello, world!"))
        client.close()
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(len(server.lines('"POST /echo')), 1)
        self.assertEqual(server.left_behind(), [])
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port))

    def test_workers_share_a_unix_socket_and_a_restart_loses_nothing(self) -> None:
        path = self.socket_path()
        server = serve(self, "--processes", "--workers", "2", environ={"DUCK_GATEWAY__ADDR": f"unix:{path}"})
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with Visitors(server.port, "/hello", 3) as visitors:
            visitors.wait_for(20)
            server.send_signal(signal.SIGHUP)
            server.wait_for("restarted: the workers serve the new code", 60)
            visitors.wait_for(20)
        self.assertEqual(visitors.lost, [])
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertFalse(path.exists())

    def test_a_stop_is_said_to_websockets_and_ends_streams_of_events(self) -> None:
        path = self.socket_path()
        server = serve(
            self,
            "--django-settings", "tests.integration.async_site",
            project=None,
            environ={"DUCK_GATEWAY__ADDR": f"unix:{path}", "DUCK_GATEWAY__ASGI_PATHS": '["/async/"]'},
        )  # fmt: skip
        client = SocketClient(server)
        self.addCleanup(client.close)
        reader = http.client.HTTPConnection("localhost", server.port, timeout=10)
        self.addCleanup(reader.close)
        reader.request("GET", "/async/events")
        events = reader.getresponse()
        self.assertEqual(events.read(6), b"data: ")
        server.send_signal(signal.SIGTERM)
        client.until(lambda: client.close_code is not None)
        self.assertEqual(client.close_code, 1001)
        client.send(close(1001))
        client.until(lambda: False)
        client.close()
        # One that is cut would be an IncompleteRead.
        self.assertTrue(events.read().endswith(b"\n\n"))
        self.assertEqual(server.exit(), -signal.SIGTERM)
        self.assertEqual(len(server.lines("the WebSocket ends with 1001")), 1)

    def test_what_a_dead_server_left_is_replaced_and_a_living_one_is_respected(self) -> None:
        path = self.socket_path()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        environ = {"DUCK_GATEWAY__ADDR": f"unix:{path}"}
        server = serve(self, environ=environ)
        self.assertEqual(server.get("/hello").text, "Hello, world!")
        other = Server(environ=environ)
        self.addCleanup(other.close)
        other.begin()
        self.assertEqual(other.exit(), 1)
        self.assertIn(
            f"duck: {path} is in use by pid {server.pid}. Stop it, or choose another with gateway.addr.", other.log
        )
        self.assertEqual(server.get("/hello").status, 200)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertFalse(path.exists())


class ExternalTests(UnitTestCase):
    def begun(self, port: int, wait: str) -> Server:
        environ = {
            "DUCK_GATEWAY__ADDR": f"127.0.0.1:{port}",
            "DUCK_GATEWAY__EXTERNAL": "1",
            "DUCK_GATEWAY__WAIT_TIME": wait,
        }
        server = Server(project=None, environ=environ)
        self.addCleanup(server.close)
        return server.begin()

    def test_a_start_waits_for_somebody_else_s_server_and_then_serves_what_it_says(self) -> None:
        upstream = UpstreamProcess(self, "django", port=_free_port(), starts=False)
        server = self.begun(upstream.port, "30")
        server.wait_for("reactor class: ")
        self.assertNotIn("ready: ", server.log)
        upstream.start()
        server.start()
        self.assertIn(f"ready: the application at 127.0.0.1:{upstream.port} at ", server.log)
        self.assertEqual(server.get("/a?b").text, "django GET /a?b 0")
        upstream.kill()
        self.assertEqual(server.get("/a").status, 502)
        upstream.start()
        self.assertEqual(server.get("/a").status, 200)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_one_that_does_not_answer_in_time_fails_the_start(self) -> None:
        port = _free_port()
        server = self.begun(port, "0.5")
        self.assertEqual(server.exit(), 1)
        self.assertIn(f"duck: Django at 127.0.0.1:{port} has not answered within 0.5 s (", server.log)
        self.assertIn("see that it runs there, or give it longer with gateway.wait_time.", server.log)
        self.assertNotIn("ready: ", server.log)
        self.assertEqual(server.left_behind(), [])
