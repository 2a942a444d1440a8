"""The restart of a server that is one process: no request is lost, and code that cannot be loaded is not."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import time

from tests.authority import trusting
from tests.case import UnitTestCase
from tests.integration.clients import KINDS
from tests.integration.https_server import serve_https
from tests.integration.load import Load
from tests.integration.restart_case import descriptors, lives_of, next_life, restart, restart_with_duckctl
from tests.integration.server import LAUNCHERS, Server, serve, wait_until

_GATED = "tests.integration.gated:application"
_SEED = 20_261

_LONGEST = 12.0
"""Seconds that a request may wait here: the machine may be busy with anything.  On an idle one it is less than 2."""

_SITE = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{}"]
"""

_SLOW_TO_LOAD = """
import os, time
open("loading", "w").close()
while os.path.exists("hold"):
    time.sleep(0.01)
"""


def _gated(test: UnitTestCase, *options: str, launch: str | list[str] = "module", **environ: str) -> Server:
    variables = {"DUCK_GATEWAY__WSGI": _GATED, **environ}
    return serve(test, *options, launch=launch, project=None, environ=variables)


def _ask(connection: socket.socket, path: str) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


class LoadTests(UnitTestCase):
    def test_ten_restarts_in_a_row_lose_no_request_and_refuse_no_connection(self) -> None:
        server = _gated(self, "--no-access-log", "--threads", "16")
        load = Load(server.port, chance=random.Random(_SEED))
        # The first life has bound its socket, those after it have inherited theirs.
        restart(server)
        before = descriptors(server.pid)

        with load:
            for _ in range(10):
                restart(server)
                # They are not to be all alike.
                time.sleep(load.chance.random() * 0.2)
        self.assertEqual(load.lost, [], server.log)
        self.assertLess(load.longest, _LONGEST, server.log)
        self.assertEqual(len(load.answered), len(KINDS))
        self.assertGreater(load.answered.total(), 500)
        self.assertEqual(lives_of(server.log), 12)
        wait_until(lambda: len(descriptors(server.pid)) <= len(before), 10, "no more descriptors than before")
        self.assertEqual({line.split(" at ")[1].split()[0] for line in server.lines("ready: ")}, {server.uri})
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])
        self.assertNotIn("Traceback", server.log)

    def test_nor_do_they_over_tls(self) -> None:
        server = serve_https(
            self, "--force-https", "--no-access-log", "--threads", "16", "--redirect-port", "0", project=None,
            environ={"DUCK_GATEWAY__WSGI": _GATED},
        )  # fmt: skip
        load = Load(server.port, chance=random.Random(_SEED), context=trusting())
        with load:
            for _ in range(3):
                restart(server)
        self.assertEqual(load.lost, [], server.log)
        self.assertLess(load.longest, _LONGEST, server.log)
        self.assertEqual(
            len({line.rpartition(" redirected from ")[2].split()[1] for line in server.lines("ready: ")}), 1
        )
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])


class NewCodeTests(UnitTestCase):
    def site(self, *options: str, launch: str | list[str] = "module", **files: str) -> Server:
        return serve(
            self, *options, launch=launch, project=None, files={"site_.py": _SITE.format("old"), **files},
            environ={"DUCK_GATEWAY__WSGI": "site_:application"},
        )  # fmt: skip

    def write(self, server: Server, source: str, name: str = "site_.py") -> None:
        (server.directory / name).write_text(source)

    def test_code_that_cannot_be_loaded_leaves_the_old_serving_and_says_why(self) -> None:
        server = self.site()
        self.write(server, "def application(:\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for("not restarted: the old code serves on")
        self.assertTrue(server.lines("duck: --wsgi site_:application: site_.py line 1: invalid syntax."), server.log)
        self.assertEqual(server.get("/").text, "old")
        self.write(server, _SITE.format("mended"))
        restart(server)
        self.assertEqual(server.get("/").text, "mended")
        self.assertTrue(server.running)

    def test_settings_that_are_wrong_leave_the_old_serving_and_are_named(self) -> None:
        server = self.site()
        self.write(server, "[http]\nmax_headers = 'many'\n[log]\nfromat = 'json'\n", "duck.toml")
        server.send_signal(signal.SIGHUP)
        server.wait_for("not restarted: the old code serves on")
        for key in ("http.max_headers", "log.fromat"):
            self.assertEqual(len(server.lines(f"duck: {key}")), 1, server.log)
        self.assertEqual(server.get("/").text, "old")
        self.write(server, "[http]\nserver_header = 'after the restart'\n", "duck.toml")
        restart(server)
        self.assertEqual(server.get("/").headers["Server"], "after the restart")

    def test_another_port_is_looked_at_first_and_then_served(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            free = taken.getsockname()[1]
            server = serve(
                self, launch="module", project=None,
                environ={"DUCK_GATEWAY__WSGI": _GATED, "DUCK_SERVER__PORT": None},
                files={"duck.toml": "server.port = 0"},
            )  # fmt: skip
            (server.directory / "duck.toml").write_text(f"server.port = {free}\n")
            server.send_signal(signal.SIGHUP)
            server.wait_for(f"duck: port {free} is in use")
            server.wait_for("not restarted")
            self.assertEqual(server.get("/here").text, "/here")
        restart(server)
        self.assertFalse(server.accepts)
        server.port = free
        self.assertEqual(server.get("/there").text, "/there")

    def test_duckctl_waits_for_the_new_code_or_says_why_there_is_none(self) -> None:
        server = self.site()
        self.write(server, _SITE.format("by duckctl"))
        status, said = restart_with_duckctl(server)
        self.assertEqual(status, 0, said + server.log)
        self.assertEqual(server.get("/").text, "by duckctl")
        self.write(server, "import nowhere\n")
        status, said = restart_with_duckctl(server)
        self.assertEqual(status, 1, said)
        self.assertIn("nowhere", said)
        self.assertEqual(server.get("/").text, "by duckctl")


class LaunchTests(UnitTestCase):
    def check(self, server: Server) -> None:
        restart(server)
        self.assertEqual(server.get("/here").text, "/here")
        self.assertEqual(server.stop(), -signal.SIGTERM, server.log)
        self.assertEqual(server.left_behind(), [])
        self.assertNotIn("Traceback", server.log)

    def test_twistd_and_twist(self) -> None:
        for launch in ("twistd", "twist"):
            self.check(_gated(self, launch=launch))

    def test_a_tac_and_a_pidfile(self) -> None:
        tac = (
            "from twisted.application.service import Application\nfrom duck_tx import App\n"
            "application = Application('duck')\nApp(port=0).service.setServiceParent(application)\n"
        )
        twistd = [*LAUNCHERS["twistd"][:2], "-noy", "site.tac", "--pidfile", "site.pid", "-d", "run"]
        server = serve(
            self, launch=twistd, project=None, files={"site.tac": tac, "run/x": ""},
            environ={"DUCK_GATEWAY__WSGI": _GATED},
        )  # fmt: skip
        self.assertEqual((server.directory / "site.pid").read_text(), str(server.pid))
        restart(server)
        self.assertEqual((server.directory / "site.pid").read_text(), str(server.pid))
        self.check(server)

    def test_a_program_of_one_s_own(self) -> None:
        script = (
            "import sys\nsys.argv.append('changed')\nfrom duck_tx import App\n"
            "try:\n    App(port=0).run()\nfinally:\n    print('left', flush=True)\n"
        )
        server = serve(
            self, launch=["run.py"], project=None, files={"run.py": script}, environ={"DUCK_GATEWAY__WSGI": _GATED}
        )
        self.check(server)
        self.assertEqual(len(server.lines("left")), 2)

    def test_a_daemon_stays_one_with_its_number_its_pidfile_and_its_log(self) -> None:
        twistd = [*LAUNCHERS["twistd"][:2], "--pidfile", "duck.pid", "duck"]
        server = Server(launch=twistd, project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(30), 0, server.log)
        log, pidfile = server.directory / "twistd.log", server.directory / "duck.pid"
        wait_until(lambda: log.exists() and lives_of(log.read_text()) == 1, 30, "the daemon is ready")
        pid = int(pidfile.read_text())
        server.port = json.loads((server.state / "meta.json").read_text())["port"]
        for lives in (2, 3):
            subprocess.run(["kill", "-HUP", str(pid)], check=True)
            wait_until(lambda lives=lives: lives_of(log.read_text()) == lives, 30, "the next life")  # type: ignore[misc]
            self.assertEqual(int(pidfile.read_text()), pid)
            self.assertEqual(server.get("/here").text, "/here")
            self.assertEqual(descriptors(pid)["1"], "/dev/null")
        subprocess.run(["kill", "-USR1", str(pid)], check=True)
        wait_until((server.directory / "twistd.log.1").exists, what="the log that twistd has rotated")
        subprocess.run(["kill", "-TERM", str(pid)], check=True)
        wait_until(lambda: not server.left_behind(), 20, "the daemon is gone")
        self.assertNotIn("Traceback", log.read_text())


class SignalTests(UnitTestCase):
    def test_a_stop_while_it_drains_is_a_stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            server = _gated(self)
            connection = server.connect()
            _ask(connection, "/wait")
            server.wait_for("waiting /wait")
            server.send_signal(signal.SIGHUP)
            server.wait_for("finishing what is in flight")
            self.assertEqual(server.get("/meanwhile").headers["Connection"], "close")
            server.send_signal(number)
            server.wait_for(f"stopping on {number.name}")
            (server.directory / "gate").touch()
            self.assertTrue(connection.recv(4096).endswith(b"/wait"))
            connection.close()
            self.assertEqual(server.exit(), -number, server.log)
            self.assertEqual((server.left_behind(), lives_of(server.log)), ([], 1))

    def held(self) -> Server:
        """A server whose new code takes its time to load."""
        server = serve(
            self, launch="module", project=None, files={"site_.py": _SITE.format("old"), "hold": ""},
            environ={"DUCK_GATEWAY__WSGI": "site_:application"},
        )  # fmt: skip
        (server.directory / "site_.py").write_text(_SLOW_TO_LOAD + _SITE.format("new"))
        return server

    def loading(self, server: Server) -> None:
        """Wait until somebody loads the slow code."""
        wait_until((server.directory / "loading").exists, 30, "somebody loads it")

    def test_a_stop_while_the_new_code_is_tried_takes_that_along(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.held()
            server.send_signal(signal.SIGHUP)
            self.loading(server)
            self.assertEqual(server.stop(number), -number, server.log)
            self.assertEqual(server.left_behind(), [])

    def test_one_restart_at_a_time(self) -> None:
        server = self.held()
        server.send_signal(signal.SIGHUP)
        self.loading(server)
        server.send_signal(signal.SIGHUP)
        server.wait_for("a restart is under way already")
        self.assertEqual(server.get("/").text, "old")
        (server.directory / "hold").unlink()
        next_life(server, 1)
        self.assertEqual(server.get("/").text, "new")
        self.assertEqual(server.stop(), -signal.SIGTERM)

    def test_hanging_up_before_it_is_up_is_no_harm(self) -> None:
        server = Server(
            launch="module", project=None, files={"site_.py": _SLOW_TO_LOAD + _SITE.format("up"), "hold": ""},
            environ={"DUCK_GATEWAY__WSGI": "site_:application"},
        )  # fmt: skip
        self.addCleanup(server.close)
        server.begin()
        self.loading(server)
        server.send_signal(signal.SIGHUP)
        server.wait_for("the server is not up")
        (server.directory / "hold").unlink()
        server.start()
        self.assertEqual(server.get("/").text, "up")

    def test_hanging_up_again_and_again_ends_nothing(self) -> None:
        server = _gated(self)

        def lived() -> bool:
            server.send_signal(signal.SIGHUP)
            return lives_of(server.log) >= 2

        wait_until(lived, 60, "a second life")
        self.assertTrue(server.running)
        self.assertEqual(server.stop(), -signal.SIGTERM, server.log)
        self.assertEqual(server.left_behind(), [])


class Http2Tests(UnitTestCase):
    def test_a_connection_is_told_and_has_the_answers_that_it_waits_for(self) -> None:
        server = serve_https(self, "--no-access-log", project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})
        client = subprocess.Popen(
            ["nghttp", "--no-verify-peer", "-nv", f"{server.uri}/wait"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        server.wait_for("waiting /wait")
        server.send_signal(signal.SIGHUP)
        server.wait_for("finishing what is in flight")
        (server.directory / "gate").touch()
        said, _ = client.communicate(timeout=60)
        self.assertLess(said.index("recv GOAWAY"), said.index(":status: 200"))
        next_life(server, 1)
        self.assertEqual(server.get("/here").text, "/here")


class GraceTests(UnitTestCase):
    def test_what_is_stuck_is_cut_and_nobody_else_waits_for_it(self) -> None:
        server = _gated(self, DUCK_SERVER__GRACE="1.0")
        connection = server.connect()
        _ask(connection, "/stuck")
        server.wait_for("stuck")
        restart(server)
        self.assertIn("1 connections were cut", server.log)
        self.assertRaises(ConnectionResetError, connection.recv, 1)
        connection.close()
        self.assertEqual(server.get("/here").text, "/here")
