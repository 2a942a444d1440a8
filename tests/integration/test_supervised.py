"""Under a supervisor: it hears how the server fares, and its listening sockets are served and left as they are."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory

from duck_tx.process.port import bind
from tests.case import UnitTestCase
from tests.integration.example import EXAMPLE
from tests.integration.restart_case import next_life
from tests.integration.server import LAUNCHERS, START_TIMEOUT, Server

_TAKE_SOCKETS = """
import fcntl, os, socket, sys
path, names, *command = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as supervisor:
    supervisor.connect(path)
    received = socket.recv_fds(supervisor, 1, 9)[1]
high = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in received]
for number in received:
    os.close(number)
for index, number in enumerate(high):
    os.dup2(number, 3 + index)
    os.close(number)
os.environ |= {"LISTEN_FDS": str(len(high)), "LISTEN_PID": str(os.getpid())}
if names:
    os.environ["LISTEN_FDNAMES"] = names
os.execv(sys.executable, [sys.executable, *command])
"""
"""Does what systemd does between fork and exec, with sockets that come through another."""


class _Case(UnitTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="duck-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def server(self, *options: str, environ: Mapping[str, str] | None = None, launch: Sequence[str] = ()) -> Server:
        server = Server(*options, launch=launch or "twistd", environ=environ)
        self.addCleanup(server.close)
        return server


class NotifyTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.supervisor.close)
        self.supervisor.bind(str(self.folder / "notify"))
        self.supervisor.settimeout(START_TIMEOUT)
        self.environ = {"NOTIFY_SOCKET": str(self.folder / "notify")}

    def heard(self) -> list[str]:
        return self.supervisor.recv(4096).decode().splitlines()

    def test_a_supervisor_hears_that_the_port_accepts_and_that_the_stop_begins(self) -> None:
        server = self.server(environ=self.environ).begin()
        state, main, status = self.heard()
        server.start()
        self.assertEqual((state, main), ("READY=1", f"MAINPID={server.pid}"))
        self.assertRegex(status, rf"^STATUS=serving example\S* at {server.uri}$")
        self.assertTrue(server.accepts)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(self.heard()[0], "STOPPING=1")
        server.exit()
        self.assertEqual(server.left_behind(), [])

    def test_signs_of_life_come_while_it_serves(self) -> None:
        server = self.server(environ=self.environ | {"WATCHDOG_USEC": "100000"}).start()
        self.assertEqual(self.heard()[0], "READY=1")
        for _ in range(3):
            self.assertEqual(self.heard(), ["WATCHDOG=1"])
        server.send_signal(signal.SIGTERM)
        while (heard := self.heard()) == ["WATCHDOG=1"]:
            pass
        self.assertEqual(heard[0], "STOPPING=1")
        server.exit()

    def test_a_restart_is_a_reload_and_the_next_life_says_that_it_is_over(self) -> None:
        server = self.server(environ=self.environ | {"WATCHDOG_USEC": "2000000"}).start()
        self.assertEqual(self.heard()[:2], ["READY=1", f"MAINPID={server.pid}"])
        before = time.monotonic_ns() // 1000
        server.send_signal(signal.SIGHUP)
        begun = self.news()
        self.assertEqual(begun[0], "RELOADING=1")
        self.assertGreater(int(begun[1].partition("MONOTONIC_USEC=")[2]), before)
        self.assertEqual(self.news()[:2], ["READY=1", f"MAINPID={server.pid}"])
        self.assertEqual(len(server.lines("ready: ")), 2)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(self.news()[0], "STOPPING=1")
        server.exit()
        self.assertEqual(server.left_behind(), [])

    def test_a_restart_that_is_refused_is_a_reload_that_is_over(self) -> None:
        server = self.server(environ=self.environ).start()
        self.assertEqual(self.heard()[0], "READY=1")
        (server.directory / "duck.toml").write_text("nonsense = 1\n")
        server.send_signal(signal.SIGHUP)
        self.assertEqual([self.heard()[0], self.heard()[0]], ["RELOADING=1", "READY=1"])
        self.assertEqual(server.get("/hello").status, 200)

    def news(self) -> list[str]:
        """What is heard next that is no sign of life."""
        while (heard := self.heard()) == ["WATCHDOG=1"]:
            pass
        return heard

    def test_a_start_that_fails_is_never_called_ready(self) -> None:
        taken = bind("127.0.0.1", 0)
        self.addCleanup(taken.close)
        taken.listen()
        server = self.server("--port", str(taken.getsockname()[1]), environ=self.environ).begin()
        self.assertEqual(server.exit(START_TIMEOUT), 1)
        self.supervisor.setblocking(False)
        self.assertRaises(BlockingIOError, self.heard)


class InheritedTests(_Case):
    def listening(self) -> socket.socket:
        """A listening socket as a supervisor has it: open before and after the server."""
        sock = bind("127.0.0.1", 0)
        self.addCleanup(sock.close)
        sock.listen()
        return sock

    def activated(
        self,
        sockets: Sequence[socket.socket],
        *options: str,
        names: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> Server:
        """A server on its way up that has been handed these sockets."""
        path = self.folder / f"hand-over-{len(os.listdir(self.folder))}"
        handing = socket.socket(socket.AF_UNIX)
        self.addCleanup(handing.close)
        handing.bind(str(path))
        handing.listen()

        def hand_over() -> None:
            with handing.accept()[0] as child:
                socket.send_fds(child, [b"x"], [sock.fileno() for sock in sockets])

        threading.Thread(target=hand_over, daemon=True).start()
        command = [*LAUNCHERS["twistd"], "--project", str(EXAMPLE)]
        launch = ["-c", _TAKE_SOCKETS, str(path), names, *command]
        return self.server(*options, launch=launch, environ=environ).begin()

    def ask(self, sock: socket.socket) -> socket.socket:
        """A connection with a request on it, which may have to wait for a server."""
        client = socket.create_connection(sock.getsockname(), START_TIMEOUT)
        self.addCleanup(client.close)
        client.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client

    def status(self, client: socket.socket) -> int:
        answer = HTTPResponse(client)
        answer.begin()
        return answer.status

    def test_a_socket_is_found_by_its_name_whatever_its_port(self) -> None:
        sock = self.listening()
        early = self.ask(sock)
        server = self.activated([sock], names="http").start()
        self.assertEqual(server.port, sock.getsockname()[1])
        self.assertEqual(self.status(early), 200)
        self.assertEqual(server.get("/hello").status, 200)
        self.assertTrue(server.lines(f"server: inherited 127.0.0.1:{server.port} (http)"))

    def test_a_socket_is_found_by_its_port_which_is_taken_and_no_trouble(self) -> None:
        sock = self.listening()
        port = sock.getsockname()[1]
        server = self.activated([sock], "--port", str(port)).start()
        self.assertEqual((server.port, server.get("/hello").status), (port, 200))

    def test_connections_queue_while_one_server_stops_and_the_next_starts(self) -> None:
        sock = self.listening()
        first = self.activated([sock], names="http").start()
        self.assertEqual(first.get("/hello").status, 200)
        first.stop()
        self.assertEqual(first.left_behind(), [f"port {first.port}"])
        between = [self.ask(sock) for _ in range(5)]
        self.activated([sock], names="http").start()
        self.assertEqual([self.status(client) for client in between], [200] * 5)

    def test_it_is_kept_in_a_restart(self) -> None:
        sock = self.listening()
        server = self.activated([sock], names="http").start()
        for lives in (1, 2):
            server.send_signal(signal.SIGHUP)
            next_life(server, lives)
            self.assertEqual(self.status(self.ask(sock)), 200)
        self.assertEqual(len(server.lines(f"server: inherited 127.0.0.1:{server.port} ")), 3)
        self.assertEqual(_passed_on(server.pid), {0, 1, 2})

    def test_a_socket_that_fits_nothing_is_named_and_nobody_waits_on_it(self) -> None:
        sock = self.listening()
        server = self.activated([sock], names="metrics").start()
        port = sock.getsockname()[1]
        sock.close()
        self.assertNotEqual(server.port, port)
        self.assertTrue(server.lines(f"the inherited socket metrics (127.0.0.1:{port}) is not used: nothing here"))
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)

    def test_https_and_its_redirect_each_have_theirs(self) -> None:
        public, plain = self.listening(), self.listening()
        server = self.activated(
            [plain, public], "--https", "--force-https", names="http:https", environ={"DUCK_SERVER__DEBUG": "1"}
        ).start()
        self.assertEqual((server.scheme, server.port), ("https", public.getsockname()[1]))
        answer = HTTPResponse(self.ask(plain))
        answer.begin()
        self.assertEqual(answer.headers["Location"], f"https://localhost:{server.port}/hello")

    def test_no_socket_is_passed_on_to_children(self) -> None:
        server = self.activated([self.listening(), self.listening()], names="http:metrics").start()
        self.assertEqual(_passed_on(server.pid), {0, 1, 2})


def _passed_on(pid: int) -> set[int]:
    """The descriptors of a process that a program which it starts would have too."""
    passed_on = set()
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = path.read_text()
        except FileNotFoundError:
            # Closed since it was listed.
            continue
        flags = re.search(r"(?m)^flags:\s+(\d+)$", text)
        if flags is not None and not int(flags[1], 8) & os.O_CLOEXEC:
            passed_on.add(int(path.name))
    return passed_on
