"""The stop: what is in flight is answered, what is idle is not waited for, and nothing is left."""

from __future__ import annotations

import re
import signal
import socket
import time
from http.client import HTTPResponse

from tests.case import UnitTestCase
from tests.integration.server import LAUNCHERS, Answer, Server, serve, wait_until

_CLOSED = re.compile("Port [0-9]+ Closed")


def _gated(test: UnitTestCase, *options: str, launch: str = "twistd", **environ: str) -> Server:
    return serve(
        test, "--wsgi", "tests.integration.gated:application", *options, launch=launch, project=None, environ=environ
    )


def _open(server: Server) -> None:
    (server.directory / "gate").touch()


def _send(connection: socket.socket, path: str, body: bytes = b"") -> None:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    method = b"POST" if body else b"GET"
    connection.sendall(b"%b %b HTTP/1.1\r\nHost: test\r\n%b\r\n" % (method, path.encode(), length) + body)


def _answer(connection: socket.socket) -> Answer:
    response = HTTPResponse(connection)
    response.begin()
    return Answer(response.status, response.headers, response.read())


class DrainTests(UnitTestCase):
    def test_what_is_in_flight_and_what_nobody_has_read_yet_is_answered(self) -> None:
        server = _gated(self, "--threads", "80")
        slow = [server.connect() for _ in range(40)]
        for number, connection in enumerate(slow):
            _send(connection, f"/wait/{number}")
        for number in range(40):
            server.wait_for(f"waiting /wait/{number}\n")
        # A process that does not run reads nothing: these are only known to the system when the signal comes.
        server.send_signal(signal.SIGSTOP)
        fresh = [server.connect() for _ in range(40)]
        for number, connection in enumerate(fresh[:30]):
            _send(connection, f"/unread/{number}")
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGCONT)
        server.wait_for("stopping on SIGTERM")
        for number, connection in enumerate(fresh[30:], 30):
            _send(connection, f"/unread/{number}", b"x" * 10_000)
        unread = [_answer(connection) for connection in fresh]
        self.assertTrue(server.running)
        _open(server)
        waited = [_answer(connection) for connection in slow]
        for connection in slow + fresh:
            self.assertEqual(connection.recv(1), b"")
            connection.close()
        last = time.monotonic()
        server.exit()
        self.assertLess(time.monotonic() - last, 0.8)
        self.assertEqual([answer.text for answer in waited], [f"/wait/{number}" for number in range(40)])
        self.assertEqual(
            [answer.text for answer in unread],
            [f"/unread/{number}" + " 10000" * (number >= 30) for number in range(40)],
        )
        self.assertEqual({answer.headers["Connection"] for answer in waited + unread}, {"close"})
        self.assertEqual(server.left_behind(), [])

    def test_a_streamed_response_is_finished(self) -> None:
        server = _gated(self)
        connection = server.connect()
        _send(connection, "/drip")
        server.wait_for("dripping")
        server.send_signal(signal.SIGTERM)
        server.wait_for("stopping on SIGTERM")
        _open(server)
        self.assertEqual(_answer(connection).text, "/drip done")
        connection.close()
        server.exit()

    def test_an_upload_that_has_begun_is_finished(self) -> None:
        server = _gated(self)
        connection = server.connect()
        connection.sendall(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabc")
        server.send_signal(signal.SIGTERM)
        server.wait_for(_CLOSED)
        connection.sendall(b"def")
        answer = _answer(connection)
        self.assertEqual((answer.text, answer.headers["Connection"]), ("/up 6", "close"))
        connection.close()
        server.exit()

    def test_idle_connections_delay_the_exit_by_a_second_at_most(self) -> None:
        server = _gated(self)
        idle = [server.connect() for _ in range(20)]
        for connection in idle[:10]:
            _send(connection, "/first")
            self.assertEqual(_answer(connection).headers.get("Connection", "keep-alive"), "keep-alive")
        began = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - began, 1.8)
        for connection in idle:
            self.assertEqual(connection.recv(1), b"")
            connection.close()

    def test_a_kept_connection_may_speak_once_more(self) -> None:
        server = _gated(self)
        connection = server.connect()
        _send(connection, "/first")
        _answer(connection)
        server.send_signal(signal.SIGTERM)
        server.wait_for(_CLOSED)
        _send(connection, "/last")
        answer = _answer(connection)
        self.assertEqual((answer.text, answer.headers["Connection"]), ("/last", "close"))
        self.assertEqual(connection.recv(1), b"")
        connection.close()
        server.exit()

    def test_the_port_is_closed_while_it_drains(self) -> None:
        server = _gated(self)
        connection = server.connect()
        _send(connection, "/wait")
        server.wait_for("waiting /wait")
        server.send_signal(signal.SIGTERM)
        server.wait_for(_CLOSED)
        self.assertRaises(ConnectionRefusedError, server.connect)
        _open(server)
        self.assertEqual(_answer(connection).text, "/wait")
        connection.close()
        server.exit()


class GraceTests(UnitTestCase):
    def test_what_is_stuck_is_cut_when_the_grace_is_over(self) -> None:
        server = _gated(self, DUCK_SERVER__GRACE="0.5")
        connection = server.connect()
        _send(connection, "/stuck")
        server.wait_for("stuck")
        began = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - began, 2.5)
        self.assertGreater(time.monotonic() - began, 0.5)
        self.assertIn("1 connections were cut", server.log)
        self.assertIn("gateway threads did not end", server.log)
        self.assertRaises(ConnectionResetError, connection.recv, 1)
        self.assertEqual(server.left_behind(), [])
        connection.close()

    def test_a_thread_that_is_stuck_for_a_client_that_left_has_the_grace_as_well(self) -> None:
        server = _gated(self, DUCK_SERVER__GRACE="0.5")
        connection = server.connect()
        _send(connection, "/stuck")
        server.wait_for("stuck")
        connection.close()
        began = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - began, 2.5)

    def test_the_reactor_thread_may_be_the_application_s(self) -> None:
        server = _gated(self, "--threads", "0")
        self.assertEqual(server.get("/here").text, "/here")
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])


class SecondSignalTests(UnitTestCase):
    def test_a_second_interrupt_stops_at_once(self) -> None:
        server = _gated(self)
        connection = server.connect()
        _send(connection, "/stuck")
        server.wait_for("stuck")
        server.send_signal(signal.SIGINT)
        server.wait_for("stopping on SIGINT")
        began = time.monotonic()
        status = server.stop(signal.SIGINT)
        self.assertLess(time.monotonic() - began, 1.0)
        self.assertEqual(status, -signal.SIGINT)
        self.assertEqual(server.left_behind(), [])
        connection.close()

    def test_an_interrupt_after_sigterm_stops_at_once(self) -> None:
        server = _gated(self)
        connection = server.connect()
        _send(connection, "/stuck")
        server.wait_for("stuck")
        server.send_signal(signal.SIGTERM)
        server.wait_for("stopping on SIGTERM")
        began = time.monotonic()
        self.assertEqual(server.stop(signal.SIGINT), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 1.0)
        connection.close()

    def test_interrupts_end_a_view_that_keeps_the_reactor_thread(self) -> None:
        server = _gated(self, "--threads", "0")
        connection = server.connect()
        _send(connection, "/stuck")
        server.wait_for("stuck")

        def gone() -> bool:
            if server.running:
                server.send_signal(signal.SIGINT)
                time.sleep(0.1)
            return not server.running

        wait_until(gone, 10.0, "the server is gone")
        self.assertEqual(server.exit(), -signal.SIGINT)
        self.assertEqual(server.left_behind(), [])
        connection.close()

    def test_a_second_sigterm_changes_nothing(self) -> None:
        server = _gated(self)
        connection = server.connect()
        _send(connection, "/wait")
        server.wait_for("waiting /wait")
        for _ in range(3):
            server.send_signal(signal.SIGTERM)
        server.wait_for("stopping on SIGTERM")
        _open(server)
        self.assertEqual(_answer(connection).text, "/wait")
        connection.close()
        server.exit()


class StatusTests(UnitTestCase):
    def test_a_process_that_was_asked_to_end_ends_by_that_signal(self) -> None:
        for launch in LAUNCHERS:
            for number in (signal.SIGTERM, signal.SIGINT):
                server = _gated(self, launch=launch)
                self.assertEqual(server.stop(number), -number, launch)
                self.assertEqual(server.left_behind(), [], launch)
                self.assertNotIn("Traceback", server.log)


class StartUpSignalTests(UnitTestCase):
    """A signal while the project is being imported, or migrates."""

    def _stop_while_loading(self, source: str, number: signal.Signals, launch: str, *options: str) -> Server:
        server = Server("--wsgi", "slow:application", *options, launch=launch, project=None, files={"slow.py": source})
        self.addCleanup(server.close)
        server.begin()
        server.wait_for("loading")
        began = time.monotonic()
        self.assertEqual(server.stop(number), -number, server.log)
        self.assertLess(time.monotonic() - began, 2.0)
        self.assertNotIn("Traceback", server.log)
        self.assertNotIn("ready", server.log)
        self.assertNotIn("could not", server.log)
        self.assertEqual(server.left_behind(), [])
        return server

    def test_an_import_that_never_ends_does_not_hold_it(self) -> None:
        source = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
        for launch in LAUNCHERS:
            self._stop_while_loading(source, signal.SIGTERM, launch)
        self._stop_while_loading(source, signal.SIGINT, "module")

    def test_the_port_is_bound_and_refuses_meanwhile(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        source = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
        server = Server("--wsgi", "slow:application", "--port", str(port), project=None, files={"slow.py": source})
        self.addCleanup(server.close)
        server.begin()
        server.wait_for("loading")
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)
        with socket.socket() as other, self.assertRaises(OSError):
            # Without SO_REUSEADDR: somebody has it.
            other.bind(("127.0.0.1", port))
        server.stop()

    def test_a_startup_command_can_be_interrupted(self) -> None:
        files = {
            "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
            "site_settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['slow']\nROOT_URLCONF = 'slow'\n",
            "slow/__init__.py": "urlpatterns = []\n",
            "slow/management/__init__.py": "",
            "slow/management/commands/__init__.py": "",
            "slow/management/commands/tarry.py": (
                "import time\nfrom django.core.management.base import BaseCommand\n"
                "class Command(BaseCommand):\n"
                "    def handle(self, **options):\n"
                "        self.stdout.write('loading')\n"
                "        time.sleep(60)\n"
            ),
        }
        server = Server(project=None, files=files, environ={"DUCK_GATEWAY__COMMANDS_ON_STARTUP": '["tarry"]'})
        self.addCleanup(server.close)
        server.begin()
        server.wait_for("loading")
        began = time.monotonic()
        self.assertEqual(server.stop(signal.SIGINT), -signal.SIGINT, server.log)
        self.assertLess(time.monotonic() - began, 2.0)
        self.assertEqual(server.left_behind(), [])


class HandlerTests(UnitTestCase):
    def test_earlier_handlers_are_put_back(self) -> None:
        script = (
            "from signal import getsignal, signal, SIGTERM, SIGUSR1\n"
            "from twisted.internet import reactor\n"
            "from duck_tx import App\n"
            "mine = lambda number, frame: None\n"
            "signal(SIGUSR1, mine)\n"
            "app = App(disable_ipc_handler=True)\n"
            "async def live():\n"
            "    await app.start()\n"
            "    print('taken', getsignal(SIGTERM) != before, getsignal(SIGUSR1) is not mine)\n"
            "    await app.stop(no_exit=True)\n"
            "    print('given back', getsignal(SIGTERM) == before, getsignal(SIGUSR1) is mine)\n"
            "    reactor.stop()\n"
            "def begin():\n"
            "    global before\n"
            "    before = getsignal(SIGTERM)\n"
            "    from twisted.internet.defer import Deferred\n"
            "    Deferred.fromCoroutine(live()).addErrback(lambda failure: failure.printTraceback())\n"
            "reactor.callWhenRunning(begin)\n"
            "reactor.run()\n"
        )
        server = Server(launch=["-c", script], project=None)
        self.addCleanup(server.close)
        server.begin()
        server.wait_for("given back True True")
        self.assertIn("taken True True", server.log)
        self.assertEqual(server.exit(), 0)
