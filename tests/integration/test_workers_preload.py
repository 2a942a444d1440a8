"""Workers that are forked: from a nursery that has loaded the project, of which nothing is left in the end either."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from tests.integration.server import LAUNCHERS, Server, serve, wait_until
from tests.integration.workers_case import APPLICATION, NOT_FOR_WORKERS, WorkersTestCase, send_together
from tests.unit.spawning import lives

_NURSERY = re.compile(r"the nursery is ready, pid (\d+)")
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)

_LOADING = """
import os
print("loading", os.getpid(), flush=True)
import time
time.sleep(60)
"""

_OPENING = """
import os

files = [open(f"opened-{number}", "w") for number in range(20)]

def application(environ, start_response):
    for file in files:
        print(os.getpid(), file=file, flush=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class PreloadTestCase(WorkersTestCase):
    def nurseries(self, server: Server) -> list[int]:
        """Those that have loaded the project, in that order."""
        return [int(found[1]) for found in _NURSERY.finditer(server.log)]

    def wait_for_nurseries(self, server: Server, count: int) -> None:
        """Wait until so many have loaded the project since the start."""
        wait_until(lambda: len(self.nurseries(server)) >= count, 60, f"{count} nurseries:\n{server.log}")


class LifeTests(PreloadTestCase):
    def test_both_answer_and_a_stop_leaves_nothing(self) -> None:
        for launch in LAUNCHERS:
            server = self.served("--preload", launch=launch)
            with self.load(server) as load:
                load.wait_for_answers_of(self.pids(server))
            self.assertEqual(load.lost, [])
            self.stop(server)

    def test_signals_that_are_not_for_them_do_nothing(self) -> None:
        server = self.served("--preload")
        send_together([*self.pids(server), *self.nurseries(server)], *NOT_FOR_WORKERS)
        self.assertEqual(server.get("/page").status, 200)
        self.stop(server)
        self.assertNotIn("ended by", server.log)

    def test_they_share_what_is_loaded(self) -> None:
        def memory(*options: str) -> int:
            server = serve(self, "--processes", "--workers", "2", *options)
            for _ in range(20):
                self.assertEqual(server.get("/page").status, 200)
            found = sum(_pss(pid) for pid in self.pids(server))
            self.stop(server)
            return found

        self.assertLess(memory("--preload"), 0.8 * memory())

    def test_ctrl_c_in_a_terminal_reaches_all_and_ends_clean(self) -> None:
        server = self.served("--preload")
        os.killpg(server.pid, signal.SIGINT)
        self.assertEqual(server.exit(), -signal.SIGINT, server.log)
        self.assertEqual(server.left_behind(), [])
        for word in ("Traceback", "KeyboardInterrupt", "replaced", "nursery: "):
            self.assertNotIn(word, server.log)

    def test_ctrl_c_while_the_project_is_loaded_ends_clean(self) -> None:
        server = self.begun("--workers", "2", "--preload", application=_LOADING)
        server.wait_for("loading")
        began = time.monotonic()
        os.killpg(server.pid, signal.SIGINT)
        self.assertEqual(server.exit(), -signal.SIGINT, server.log)
        self.assertLess(time.monotonic() - began, 10.0)
        self.assertEqual(server.left_behind(), [])
        for word in ("Traceback", "KeyboardInterrupt", "Unhandled"):
            self.assertNotIn(word, server.log)

    def test_when_the_main_process_is_killed_all_end(self) -> None:
        server = self.served("--preload")
        everybody = [*self.pids(server), *self.nurseries(server)]
        server.process.kill()
        wait_until(lambda: not any(map(lives, everybody)), 30)

    def test_so_they_do_while_the_project_is_loaded(self) -> None:
        server = self.begun("--workers", "2", "--preload", application=_LOADING)
        server.wait_for(re.compile(r"loading \d+"))
        found = re.search(r"loading (\d+)", server.log)
        assert found is not None
        server.process.kill()
        wait_until(lambda: not lives(int(found[1])), 30)

    def test_startup_commands_run_once_and_before_the_project_is_loaded(self) -> None:
        command = (
            "from django.core.management.base import BaseCommand\n"
            "class Command(BaseCommand):\n"
            "    def handle(self, **options):\n"
            "        print('noted', file=open('count', 'a'))\n"
        )
        server = serve(
            self, "--processes", "--workers", "3", "--preload", project=None,
            files={
                "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
                "site_settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['counting']\nROOT_URLCONF = 'site_urls'\n",
                "site_urls.py": "print('the count is', open('count').read(), flush=True)\nurlpatterns = []\n",
                "counting/__init__.py": "",
                "counting/management/__init__.py": "",
                "counting/management/commands/__init__.py": "",
                "counting/management/commands/note.py": command,
            },
            environ={"DUCK_GATEWAY__COMMANDS_ON_STARTUP": '["note"]'},
        )  # fmt: skip
        self.assertEqual(len(self.pids(server)), 3)
        self.stop(server)
        self.assertEqual((server.directory / "count").read_text(), "noted\n")

    def test_the_welcome_project_can_be_preloaded(self) -> None:
        server = serve(self, "--processes", "--workers", "2", "--preload", project=None)
        for _ in range(4):
            self.assertEqual(server.get("/").status, 200)
        self.stop(server)


class ProjectTests(PreloadTestCase):
    """What a project does while it is loaded."""

    def test_files_that_it_opens_are_its_own_in_every_worker(self) -> None:
        server = self.begun("--workers", "2", "--preload", application=_OPENING).start()
        pid = server.get("/").text
        for number in range(20):
            self.assertEqual((server.directory / f"opened-{number}").read_text(), f"{pid}\n")
        self.stop(server)

    def test_threads_that_it_starts_are_told(self) -> None:
        thread = (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True, name='own').start()\n"
        )
        server = self.begun("--workers", "2", "--preload", application=thread + APPLICATION).start()
        server.wait_for("has started threads while it was loaded, which no worker will have: own")
        self.assertEqual(server.get("/").status, 200)
        self.stop(server)

    def test_workers_draw_numbers_of_their_own(self) -> None:
        drawing = "import random\nrandom.seed(1)\n" + APPLICATION.replace("str(os.getpid())", "str(random.random())")
        server = self.begun("--workers", "2", "--preload", application=drawing).start()
        self.assertEqual(len({server.get("/").text for _ in range(20)}), 20)
        self.stop(server)

    def test_one_with_a_reactor_is_refused(self) -> None:
        application = "from twisted.internet import reactor\n" + APPLICATION
        server = self.begun("--workers", "2", "--preload", application=application)
        self.assertEqual(server.exit(), 1, server.log)
        self.assertIn("cannot be forked: turn server.preload off.", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_one_that_cannot_be_loaded_fails_the_start(self) -> None:
        for application, word in (
            ("application = (\n", r"duck: .*crew\.py line 1: '\(' was never closed"),
            ("import os\nos._exit(7)\n", r"duck: the \w+.*: exit status 7 before it "),
        ):
            server = self.begun("--workers", "2", "--preload", application=application)
            self.assertEqual(server.exit(), 1, server.log)
            self.assertRegex(server.log, word)
            self.assertNotIn("Traceback", server.log)
            self.assertEqual(server.left_behind(), [])


class DeathTests(PreloadTestCase):
    def test_a_worker_that_is_killed_takes_only_its_own_with_it(self) -> None:
        server = self.served("--preload")
        killed: set[int] = set()
        with self.load(server) as load:
            for number in range(3):
                load.wait_for(100)
                victim = self.pids(server)[-1]
                killed.add(victim)
                os.kill(victim, signal.SIGKILL)
                self.wait_for_ready(server, 3 + number)
                server.wait_for(re.compile(f"(?s)(ended by SIGKILL.*){{{number + 1}}}"))
            load.wait_for(100)
        self.assertEqual([each for each in load.lost if each[0] not in {0, *killed}], [])
        self.assertEqual(load.refused, 0)
        self.stop(server)

    def test_one_that_is_stuck_shows_where_and_is_replaced(self) -> None:
        server = self.served("--preload", "--threads", "0", SERVER__WORKER_TIMEOUT="3")
        connection = server.connect()
        connection.sendall(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for(re.compile(r'\[worker \d\] .*crew\.py", line 10 in application'))
        server.wait_for(re.compile(r"worker \d: ended by SIG\w+ after .* s, replaced "))
        self.wait_for_ready(server, 3)
        connection.close()
        self.stop(server)

    def test_a_nursery_that_is_killed_is_replaced_and_its_workers_serve_on(self) -> None:
        server = self.served("--preload")
        with self.load(server) as load:
            load.wait_for(50)
            os.kill(self.nurseries(server)[0], signal.SIGKILL)
            server.wait_for("the nursery: ended by SIGKILL: its workers serve on, and another is started")
            self.wait_for_nurseries(server, 2)
            load.wait_for(50)
        self.assertEqual((load.lost, load.refused), ([], 0))
        orphans = self.pids(server)
        os.kill(orphans[0], signal.SIGKILL)
        server.wait_for(re.compile(r"worker 1: ended, and nobody saw how after .* s, replaced"))
        os.kill(orphans[1], signal.SIGTERM)
        self.wait_for_ready(server, 4)
        wait_until(lambda: not any(map(lives, orphans)), 30)
        self.assertEqual(server.get("/").status, 200)
        self.stop(server)

    def test_a_worker_that_is_missed_while_there_is_no_nursery_comes_when_there_is(self) -> None:
        server = self.served("--preload")
        for pid in (*self.nurseries(server), self.pids(server)[0]):
            os.kill(pid, signal.SIGKILL)
        self.wait_for_nurseries(server, 2)
        self.wait_for_ready(server, 3)
        self.stop(server)

    def test_a_stop_ends_workers_whose_nursery_is_gone(self) -> None:
        server = self.served("--preload")
        os.kill(self.nurseries(server)[0], signal.SIGKILL)
        server.wait_for("the nursery: ended by SIGKILL")
        self.stop(server)

    def test_one_that_does_not_run_is_killed_and_replaced_and_keeps_nobody_from_stopping(self) -> None:
        server = self.served("--preload")
        os.kill(self.nurseries(server)[0], signal.SIGSTOP)
        os.kill(self.pids(server)[0], signal.SIGKILL)
        server.wait_for(re.compile(r"worker 1: ended, and nobody saw how"))
        self.assertEqual(server.get("/").status, 200)
        server.wait_for("the nursery: ended by SIGKILL: its workers serve on, and another is started")
        self.wait_for_nurseries(server, 2)
        self.wait_for_ready(server, 3)
        os.kill(self.nurseries(server)[1], signal.SIGSTOP)
        before = server.log.count("nobody saw how")
        os.kill(self.pids(server)[2], signal.SIGKILL)
        wait_until(lambda: server.log.count("nobody saw how") > before, 30)
        self.stop(server)


class RestartTests(PreloadTestCase):
    def test_new_code_is_loaded_once_and_nothing_is_lost(self) -> None:
        server = self.served("--preload")
        with self.load(server) as load:
            for number in range(1, 3):
                load.wait_for(50)
                server.send_signal(signal.SIGHUP)
                server.wait_for(re.compile(f"(?s)(the workers serve the new code.*){{{number}}}"))
                load.wait_for_answers_of(self.pids(server)[-2:])
        self.assertEqual((load.lost, load.refused), ([], 0))
        nurseries = self.nurseries(server)
        self.assertEqual(len(nurseries), 3)
        wait_until(lambda: [pid for pid in nurseries if lives(pid)] == nurseries[2:], 30)
        self.assertTrue(self.are_left(server, 2))
        self.stop(server)

    def test_code_that_cannot_be_loaded_leaves_the_old_serving_and_mended_it_is_taken(self) -> None:
        server = self.served("--preload")
        before = self.pids(server)
        file = server.directory / "crew.py"
        file.write_text("application = (\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for("the old code serves on")
        self.assertIn("never closed", server.log)
        self.assertEqual(self.pids(server), before)
        # Of the old code, even now.
        os.kill(before[1], signal.SIGKILL)
        self.wait_for_ready(server, 3)
        self.assertEqual(server.get("/").status, 200)
        file.write_text(APPLICATION)
        server.send_signal(signal.SIGHUP)
        server.wait_for("the workers serve the new code")
        self.assertIn(int(server.get("/").text), self.pids(server)[3:])
        self.stop(server)


def _pss(pid: int) -> int:
    """The memory of a process in kB; what several share is divided among them."""
    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    assert found is not None
    return int(found[1])
