"""Worker processes: whatever becomes of one of them, the others answer, and in the end nothing is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from functools import partial

from tests.integration.server import LAUNCHERS, serve, wait_until
from tests.integration.workers_case import NOT_FOR_WORKERS, WorkersTestCase, send_together
from tests.unit.spawning import lives


class LifeTests(WorkersTestCase):
    def test_both_answer_and_a_stop_leaves_nothing(self) -> None:
        for launch in LAUNCHERS:
            server = self.served(launch=launch)
            self.assertRegex(server.log, r"ready: crew:application at .* \(2 workers, each 10 threads, pid ")
            with self.load(server) as load:
                load.wait_for_answers_of(self.pids(server))
                load.wait_for(100)
            self.assertEqual(load.lost, [])
            seen = set(load.answered_by)
            self.assertNotIn(server.pid, seen)
            # The log of ``twist`` is JSON here.
            self.assertIn(set(self.pids(server)), (seen, set()))
            self.stop(server)

    def test_ctrl_c_in_a_terminal_reaches_all_and_ends_clean(self) -> None:
        program = "from duck_tx import App\nApp(force_worker_processes=True, workers=2).run()"
        for launch in ("twistd", ["-c", program]):
            server = self.served(launch=launch, GATEWAY__WSGI="crew:application")
            os.killpg(server.pid, signal.SIGINT)
            self.assertEqual(server.exit(), -signal.SIGINT, server.log)
            self.assertEqual(server.left_behind(), [])
            for word in ("Traceback", "KeyboardInterrupt", "replaced"):
                self.assertNotIn(word, server.log)

    def test_ctrl_c_while_they_start_ends_clean(self) -> None:
        server = self.begun("--workers", "2", application="import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
        server.wait_for("loading")
        os.killpg(server.pid, signal.SIGINT)
        began = time.monotonic()
        self.assertEqual(server.exit(), -signal.SIGINT, server.log)
        self.assertLess(time.monotonic() - began, 10.0)
        self.assertEqual(server.left_behind(), [])
        for word in ("Traceback", "KeyboardInterrupt", "replaced", "before it was ready"):
            self.assertNotIn(word, server.log)

    def test_a_stop_answers_what_is_in_flight_and_what_nobody_has_read(self) -> None:
        server = self.served()
        slow = [server.connect() for _ in range(10)]
        for connection in slow:
            connection.sendall(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_until(lambda: server.log.count("waiting") == 10, 20)
        workers = self.pids(server)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        unread = [server.connect() for _ in range(20)]
        for connection in unread:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        # As systemd does it: to every process.
        for pid in (*workers, server.pid):
            os.kill(pid, signal.SIGTERM)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        for connection in unread:
            self.assertIn(b"200 OK", _all_of(connection))
        (server.directory / "gate").touch()
        for connection in slow:
            self.assertIn(b"200 OK", _all_of(connection))
        self.assertEqual(server.exit(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_when_the_main_process_is_killed_they_finish_and_end(self) -> None:
        server = self.served()
        connection = server.connect()
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for("waiting")
        workers = self.pids(server)
        server.process.kill()
        wait_until(lambda: not server.accepts, 30)
        self.assertTrue(any(lives(pid) for pid in workers))
        (server.directory / "gate").touch()
        self.assertIn(b"200 OK", _all_of(connection))
        wait_until(lambda: not any(lives(pid) for pid in workers), 30)

    def test_even_one_that_is_stuck_ends_when_the_main_process_is_killed(self) -> None:
        server = self.served("--threads", "0", SERVER__GRACE="0.2")
        connection = server.connect()
        connection.sendall(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
        workers = self.pids(server)
        server.process.kill()
        wait_until(lambda: not any(lives(pid) for pid in workers), 30)
        connection.close()

    def test_startup_commands_run_once(self) -> None:
        command = (
            "from django.core.management.base import BaseCommand\n"
            "class Command(BaseCommand):\n"
            "    def handle(self, **options):\n"
            "        print('counted', file=open('count', 'a'))\n"
        )
        server = serve(
            self, "--processes", "--workers", "3", project=None,
            files={
                "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
                "site_settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['counting']\nROOT_URLCONF = 'counting'\n",
                "counting/__init__.py": "urlpatterns = []\n",
                "counting/management/__init__.py": "",
                "counting/management/commands/__init__.py": "",
                "counting/management/commands/note.py": command,
            },
            environ={"DUCK_GATEWAY__COMMANDS_ON_STARTUP": '["note"]'},
        )  # fmt: skip
        self.assertEqual(len(self.pids(server)), 3)
        self.stop(server)
        self.assertEqual((server.directory / "count").read_text(), "counted\n")

    def test_the_welcome_project_is_prepared_by_the_first(self) -> None:
        server = serve(self, "--processes", "--workers", "2", project=None)
        for _ in range(4):
            self.assertEqual(server.get("/").status, 200)
        self.stop(server)


class BadProjectTests(WorkersTestCase):
    def test_a_project_that_cannot_be_loaded_fails_the_start(self) -> None:
        for launch in ("twistd", "module"):
            server = self.begun("--workers", "2", launch=launch, application="application = (\n")
            self.assertEqual(server.exit(), 1, server.log)
            self.assertRegex(server.log, r"duck: .*crew\.py line 1: '\(' was never closed")
            self.assertEqual(len(server.lines("never closed")), 1)
            self.assertNotIn("Traceback", server.log)
            self.assertEqual(server.left_behind(), [])

    def test_one_that_ends_the_process_fails_it_too(self) -> None:
        server = self.begun("--workers", "2", application="import os\nos._exit(7)\n")
        self.assertEqual(server.exit(), 1, server.log)
        self.assertIn("duck: worker 1: exit status 7 before it was ready.", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_a_port_that_is_taken_is_named(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            server = self.begun("--workers", "2", "--port", str(port), "--addr", "127.0.0.1")
            self.assertEqual(server.exit(), 1, server.log)
        self.assertIn(f"port {port} is in use by pid {os.getpid()}", server.log)
        self.assertNotIn("worker", server.log)


class DeathTests(WorkersTestCase):
    def test_killed_under_load_one_takes_only_its_own_with_it(self) -> None:
        server = self.served()
        killed: set[int] = set()
        with self.load(server) as load:
            for number in range(2):
                load.wait_for(100)
                before = len(load.lost)
                victim = self.pids(server)[-1]
                killed.add(victim)
                os.kill(victim, signal.SIGKILL)
                self.wait_for_ready(server, 3 + number)
                load.wait_for(100)
                # Those that had it, and those that it had taken but not answered.
                self.assertLessEqual(len(load.lost) - before, 12)
        self.assertEqual([each for each in load.lost if each[0] not in {0, *killed}], [])
        self.assertEqual(load.refused, 0)
        self.assertGreaterEqual(len(load.answered_by), 3)
        self.stop(server)

    def test_one_that_dies_again_and_again_waits_longer_and_longer_while_the_other_serves(self) -> None:
        server = self.served()
        first, second = self.pids(server)
        (server.directory / "broken").touch()
        os.kill(second, signal.SIGKILL)
        server.wait_for(re.compile(r"worker 2: exit status 3 after [0-9.]+ s, replaced in [0-9.]+ s \(3 failures"))
        for _ in range(10):
            self.assertEqual(int(server.get("/").text), first)
        (server.directory / "broken").unlink()
        self.wait_for_ready(server, 3)
        (server.directory / "broken").touch()
        os.kill(self.pids(server)[-1], signal.SIGKILL)
        server.wait_for(re.compile(r"\(([5-9]|\d\d) failures in a row"))
        delays = [float(found[1]) for found in re.finditer(r"replaced in ([0-9.]+) s \(\d+ failures", server.log)]
        self.assertEqual(delays, sorted(delays))
        # Half of the last bound at least, which has doubled with each failure: no draw makes it shorter.
        self.assertGreaterEqual(delays[-1], 2.0)
        self.stop(server)

    def test_one_that_is_asked_to_end_is_replaced_without_a_loss(self) -> None:
        server = self.served()
        workers = self.pids(server)
        with self.load(server) as load:
            # More at once than the small stack has room for that faulthandler brings along.
            send_together(workers, *NOT_FOR_WORKERS)
            load.wait_for(100)
            self.assertEqual(self.pids(server), workers)
            for number in range(2):
                load.wait_for(50)
                self.assertTrue(lives(workers[number]), server.log)
                os.kill(workers[number], signal.SIGTERM)
                self.wait_for_ready(server, 3 + number)
            load.wait_for(100)
        self.assertEqual((load.lost, load.refused), ([], 0))
        self.stop(server)


class StuckTests(WorkersTestCase):
    def test_one_that_is_stuck_shows_where_and_is_replaced_and_so_is_one_that_does_not_run(self) -> None:
        server = self.served("--threads", "0", SERVER__WORKER_TIMEOUT="3")
        connection = server.connect()
        connection.sendall(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for("has not answered for 3 s")
        server.wait_for(re.compile(r'\[worker \d\] .*crew\.py", line 10 in application'))
        self.wait_for_ready(server, 3)
        connection.close()
        os.kill(self.pids(server)[-1], signal.SIGSTOP)
        server.wait_for(re.compile(r"worker \d: ended by SIGKILL after .* s, replaced "))
        self.wait_for_ready(server, 4)
        self.assertEqual(server.get("/").status, 200)
        self.stop(server)


class TenureTests(WorkersTestCase):
    def test_recycling_under_load_loses_nothing(self) -> None:
        server = self.served(SERVER__MAX_REQUESTS="150", SERVER__MAX_REQUESTS_JITTER="50")
        with self.load(server) as load:
            self.wait_for_ready(server, 5)
        self.assertEqual((load.lost, load.refused), ([], 0))
        self.assertGreaterEqual(len(server.lines("is replaced after")), 3)
        wait_until(partial(self.are_left, server, 2), 30)
        self.stop(server)


class NumberTests(WorkersTestCase):
    def test_signals_make_one_more_and_one_fewer_and_nothing_is_lost(self) -> None:
        server = self.served()
        with self.load(server) as load:
            server.send_signal(signal.SIGTTIN)
            self.wait_for_ready(server, 3)
            wait_until(lambda: len(load.answered_by) == 3, 30)
            for left in (2, 1):
                server.send_signal(signal.SIGTTOU)
                wait_until(partial(self.are_left, server, left), 30)
            server.send_signal(signal.SIGTTOU)
            server.wait_for("one worker is the least")
            load.wait_for(50)
        self.assertEqual((load.lost, load.refused), ([], 0))
        self.stop(server)


def _all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(4096), b""))
