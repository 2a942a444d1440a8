"""``--reload`` with the real command: edits, errors and their mending, signals, and what is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial
from http.client import RemoteDisconnected

from tests.case import UnitTestCase
from tests.integration.pebble import free_port
from tests.integration.reload_case import HTML, ReloadingServer, reloading, serve_reloading
from tests.integration.server import CHECKOUT, LAUNCHERS, Server, wait_until

_VIEW = "pages/views.py"
_HELLO = '"Hello, world!", content_type="text/plain"'
_PID = re.compile(r"pid (\d+),")


_RESTARTS = 12


def _has_lives(server: ReloadingServer, number: int) -> bool:
    return server.lives == number


def _is_last(text: str, answers: list[str]) -> bool:
    return text in answers[-1:]


class EditTests(UnitTestCase):
    def test_edits_are_served_while_requests_wait_and_none_is_refused(self) -> None:
        server = serve_reloading(self)
        answers: list[str] = []
        problems: list[Exception] = []
        late: list[bool] = []
        done = threading.Event()

        def visit() -> None:
            while not done.is_set():
                try:
                    answers.append(server.get("/hello", timeout=30).text)
                except (ConnectionResetError, RemoteDisconnected):
                    # Connected, and then too slow to ask: such a client is not waited for.
                    late.append(True)
                except Exception as error:
                    problems.append(error)

        visitor = threading.Thread(target=visit)
        visitor.start()
        self.addCleanup(visitor.join)
        self.addCleanup(done.set)
        texts = ["Hello, world!", "Hello, pond 1", "Hello, pond 2", "Hello, pond 3"]
        self.at_rest(server)
        for number, text in enumerate(texts[1:]):
            server.edit(_VIEW, texts[number], text)
            wait_until(partial(_is_last, text, answers), 30, server.log)
        done.set()
        visitor.join()
        self.assertEqual(problems, [])
        self.assertLess(len(late), len(texts))
        self.assertEqual(sorted(set(answers)), sorted(texts))
        self.assertEqual(server.lives, 4)
        self.at_rest(server)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def at_rest(self, server: ReloadingServer) -> None:
        """There are the monitor, the server, and the one that waits for its turn."""
        wait_until(lambda: len(server.processes) == 3, 30, server.log)

    def test_an_error_is_shown_on_every_page_until_it_is_mended(self) -> None:
        server = serve_reloading(self, launch=("-m", "duck_tx", "--reload"))
        server.edit(_VIEW, "def hello(", "def hello((")
        page = server.wait_for_answer("/any/page", "SyntaxError", HTML)
        self.assertEqual(page.status, 500)
        self.assertIn("text/html", page.headers["Content-Type"])
        for text in ("pages/views.py", "def hello(<mark>(</mark>", "/__duck__/script.js"):
            self.assertIn(text, page.text)
        self.assertEqual(server.get("/__duck__/script.js").status, 200)
        server.edit(_VIEW, "def hello((", "import pond\ndef hello(")
        server.wait_for_answer("/", "No module named 'pond'")
        # What was missing comes.
        (server.project / "pond.py").write_text("")
        server.wait_for_answer("/hello", "Hello, world!")
        self.assertEqual(server.stop(signal.SIGINT), -signal.SIGINT)
        self.assertEqual(server.left_behind(), [])

    def test_settings_are_taken_anew_and_wrong_ones_leave_the_server_alone(self) -> None:
        server = serve_reloading(self)
        file = server.directory / "duck.toml"
        file.write_text("[http]\nserver_header = 7\n")
        server.wait_for("duck: http.server_header = 7")
        self.assertEqual((server.get("/hello").text, server.lives), ("Hello, world!", 1))
        file.write_text('[http]\nserver_header = "mended"\n')
        wait_until(lambda: server.get("/hello", timeout=30).headers["Server"] == "mended", 30, server.log)
        # As Ctrl-C does: a terminal tells all of them.
        os.killpg(server.pid, signal.SIGINT)
        self.assertEqual(server.exit(), -signal.SIGINT)
        self.assertEqual(server.left_behind(), [])

    def test_pages_through_asgi_listen_too(self) -> None:
        server = serve_reloading(self, environ={"DUCK_GATEWAY__ASGI_PATHS": '["/page"]'})
        page = server.get("/page", HTML)
        self.assertIn('<script src="/__duck__/script.js"', page.text)
        self.assertEqual(int(page.headers["Content-Length"]), len(page.body))

    def test_pages_listen_and_hear_of_a_template_that_is_read_anew_without_a_new_process(self) -> None:
        server = serve_reloading(self)
        page = server.get("/page", HTML)
        self.assertNotIn("Pond life", page.text)
        self.assertIn('<script src="/__duck__/script.js"', page.text)
        self.assertEqual(int(page.headers["Content-Length"]), len(page.body))
        head = server.request("HEAD", "/page", headers=HTML)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertNotIn("script", server.get("/hello").text)
        listener = server.connect(30)
        self.addCleanup(listener.close)
        listener.sendall(b"GET /__duck__/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = listener.makefile("rb")
        self.assertIn(b"event: hello\n", iter(said.readline, b""))
        # The folders are watched soon after the server is ready.
        template = server.project / "pages/templates/pages/list.html"
        changed = threading.Event()

        def listen() -> None:
            if b"event: page\n" in iter(said.readline, b""):
                changed.set()

        threading.Thread(target=listen, daemon=True).start()

        def edited() -> bool:
            template.write_text("Pond life")
            return changed.wait(0.2)

        wait_until(edited, 30, server.log)
        self.assertIn("Pond life", server.get("/page").text)
        self.assertEqual(server.lives, 1)
        # Nobody who listens holds up the stop.
        server.stop(timeout=10)
        self.assertEqual(server.left_behind(), [])


class LifeTests(UnitTestCase):
    def test_debug_alone_is_enough_and_a_restart_is_a_new_life(self) -> None:
        server = serve_reloading(
            self, "--threads", "2", environ={"DUCK_SERVER__DEBUG": "1", "DUCK_RELOAD__ENABLED": None}
        )
        self.assertGreater(len(server.processes), 1)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: server.lives == 2, 30, server.log)
        asked = subprocess.run(
            [sys.executable, "-m", "duck_tx.cli", "stop", "--state-dir", str(server.state)],
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            timeout=60,
        )
        self.assertEqual((asked.returncode, server.exit()), (0, 0), asked.stderr)
        self.assertEqual(server.left_behind(), [])

    def test_a_server_that_was_killed_comes_back_at_the_next_edit(self) -> None:
        server = serve_reloading(self, environ={"DUCK_SERVER__DEBUG": None})
        self.assertEqual(server.get("/hello").text, "Hello, world!")
        # Nothing is added to the pages of a project that is not in development.
        self.assertNotIn("__duck__", server.get("/page", HTML).text)
        os.kill(self.pid(server), signal.SIGKILL)
        server.wait_for("the server has failed (signal 9)")
        page = server.get("/page", HTML)
        self.assertEqual((page.status, page.headers["Connection"]), (503, "close"))
        self.assertIn("The server has failed (signal 9).", page.text)
        server.edit(_VIEW, "Hello, world!", "Hello again!")
        server.wait_for_answer("/hello", "Hello again!")
        # One that is asked to end takes the monitor with it.
        os.kill(self.pid(server), signal.SIGTERM)
        self.assertEqual(server.exit(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_a_project_that_ends_the_first_server_is_mended_by_the_next_save(self) -> None:
        server = reloading(self, "--reload", "--port", str(port := free_port()))
        server.edit(_VIEW, "def hello(", "import os\nos._exit(9)\ndef hello(")
        server.begin()
        server.wait_for("the server has failed (exit status 9)")
        server.port = port
        self.assertIn("exit status 9", server.get("/").text)
        server.edit(_VIEW, "os._exit(9)", "")
        server.wait_for_answer("/hello", "Hello, world!")
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def test_restarts_leave_no_process_and_no_descriptor_behind(self) -> None:
        server = serve_reloading(self, environ={"DUCK_GATEWAY__ENABLED": "0"})

        def at_rest(lives: int) -> bool:
            return server.lives == lives and len(server.processes) == 3

        def descriptors() -> int:
            return len(os.listdir(f"/proc/{server.pid}/fd"))

        wait_until(partial(at_rest, 1), 30, server.log)
        before = descriptors()
        for number in range(2, _RESTARTS + 2):
            server.send_signal(signal.SIGHUP)
            wait_until(partial(_has_lives, server, number), 30, server.log)
        wait_until(partial(at_rest, _RESTARTS + 1), 30, server.log)
        # Those of the last one may be about to close.
        wait_until(lambda: descriptors() <= before, 30, "as few descriptors as before")
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def pid(self, server: Server) -> int:
        return int(_PID.findall(server.log)[-1])

    def test_no_server_outlives_its_monitor(self) -> None:
        server = serve_reloading(self)
        server.send_signal(signal.SIGKILL)
        server.exit()
        # What is twistd's own stays, as it does wherever that is killed.
        pidfile = str(server.directory / "twistd.pid")
        wait_until(lambda: server.left_behind() == [pidfile], 20, server.log)

    def test_in_the_background_it_is_refused(self) -> None:
        twistd = [word for word in LAUNCHERS["twistd"] if word != "-n"]
        server = Server("--reload", launch=twistd, project=None)
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(), 1)
        self.assertEqual(
            server.log, "duck: --reload is for a server in front: start it with twistd -n, or leave --reload out.\n"
        )
