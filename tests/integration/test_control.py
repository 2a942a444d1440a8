"""The real server and ``duckctl``: asked from another terminal, stopped by it, and one per state directory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from http.client import HTTPResponse
from pathlib import Path
from stat import S_IMODE
from typing import Any

from tests.case import UnitTestCase
from tests.integration.example import EXAMPLE
from tests.integration.server import CHECKOUT, LAUNCHERS, Server, serve, wait_until


def _begin(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DUCK_", "DJANGO_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "duck_tx.cli", *arguments],
        cwd=directory,
        env=environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _duckctl(server: Server, *arguments: str) -> tuple[int, str]:
    """Exit status, and all that was said."""
    process = _begin(server.directory, *arguments, "--state-dir", str(server.state))
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def _status(server: Server) -> Any:
    status, said = _duckctl(server, "status", "--json")
    return json.loads(said) if status == 0 else status


class StatusTests(UnitTestCase):
    def test_every_command_that_serves_can_be_asked_and_stopped(self) -> None:
        for launch in LAUNCHERS:
            server = serve(self, launch=launch)
            self.assertEqual(S_IMODE((server.state / "control.sock").lstat().st_mode), 0o600)
            found = _status(server)
            self.assertEqual((found["pid"], found["url"]), (server.pid, server.uri))
            self.assertEqual(_duckctl(server, "stop"), (0, f"the server (pid {server.pid}) has stopped.\n"))
            self.assertEqual(server.exit(), 0, launch)
            self.assertEqual(server.left_behind(), [], launch)
            self.assertEqual(_status(server), 3)

    def test_it_can_be_asked_from_the_folder_of_the_project(self) -> None:
        files = {
            "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
            "site_settings.py": "SECRET_KEY = 'x'\nROOT_URLCONF = 'site_urls'\nALLOWED_HOSTS = ['*']\n",
            "site_urls.py": "urlpatterns = []\n",
        }
        server = serve(self, project=None, files=files, environ={"DUCK_SERVER__STATE_DIR": None})
        process = _begin(server.directory, "status")
        said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)
        self.assertTrue(said.startswith(f"running   pid {server.pid}, for "), said)
        self.assertIn("\nproject   site_settings\n", said)
        self.assertIn(f"\nstate in  {server.directory}/.duck\n", said)

    def test_a_signal_removes_the_socket_too(self) -> None:
        server = serve(self)
        server.stop()
        self.assertEqual(server.left_behind(), [])


class StopTests(UnitTestCase):
    def test_what_is_in_flight_is_answered_before_it_is_gone(self) -> None:
        server = serve(self, "--wsgi", "tests.integration.gated:application", project=None)
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.sendall(b"GET /wait/1 HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for("waiting /wait/1\n")
        status, said = _duckctl(server, "stop", "--timeout", "0.2")
        self.assertEqual(status, 1)
        self.assertIn("is still there after 0.2 s", said)
        # It goes on being asked while it stops.
        self.assertEqual(_status(server)["pid"], server.pid)
        stopping = _begin(server.directory, "stop", "--state-dir", str(server.state))
        (server.directory / "gate").touch()
        response = HTTPResponse(connection)
        response.begin()
        self.assertEqual((response.status, response.getheader("Connection")), (200, "close"))
        self.assertTrue(response.read())
        connection.close()
        # Whoever asks a moment too late finds none.
        self.assertIn((stopping.wait(60)), (0, 3))
        assert stopping.stdout is not None
        stopping.stdout.close()
        self.assertEqual(server.exit(), 0)
        self.assertEqual(server.left_behind(), [])

    def test_a_daemon_can_be_stopped(self) -> None:
        launch = ["-c", LAUNCHERS["twistd"][1], "--logfile", "twistd.log", "duck", "--project", str(EXAMPLE)]
        server = Server(launch=launch)
        self.addCleanup(server.close)
        self.assertEqual(server.begin().exit(30), 0)
        log = server.directory / "twistd.log"
        wait_until(lambda: log.exists() and "ready: " in log.read_text(), 30, "the daemon is ready")
        found = re.search(r" pid (\d+)", log.read_text())
        assert found is not None
        self.assertEqual(_status(server)["pid"], int(found[1]))
        self.assertEqual(_duckctl(server, "stop"), (0, f"the server (pid {found[1]}) has stopped.\n"))
        self.assertEqual(server.left_behind(), [])


class TogetherTests(UnitTestCase):
    def test_a_second_server_in_the_same_state_directory_is_refused_by_name(self) -> None:
        first = serve(self)
        second = Server(environ={"DUCK_SERVER__STATE_DIR": str(first.state)})
        self.addCleanup(second.close)
        self.assertEqual(second.begin().exit(30), 1)
        told = f"duck: a server (pid {first.pid}) uses the state directory {first.state}; stop it, or choose another"
        self.assertEqual(len(second.lines(told)), 1, second.log)
        self.assertNotIn("Traceback", second.log)
        self.assertEqual(first.get("/hello").status, 200)
        self.assertEqual(_status(first)["pid"], first.pid)

    def test_one_that_was_killed_is_in_nobody_s_way(self) -> None:
        first = serve(self)
        first.process.kill()
        first.process.wait()
        self.assertEqual(_status(first), 3)
        second = serve(self, environ={"DUCK_SERVER__STATE_DIR": str(first.state)})
        self.assertEqual(_status(first)["pid"], second.pid)


class CertificatesTests(UnitTestCase):
    def test_those_that_are_shown_are_listed_and_reloaded(self) -> None:
        server = serve(self, "--https", environ={"DUCK_SERVER__DEBUG": "1"})
        for verb in ("list", "reload"):
            status, said = _duckctl(server, "certificates", verb, "--json")
            self.assertEqual(status, 0, said)
            self.assertIn("localhost", json.loads(said)[0]["names"])

    def test_what_cannot_be_reloaded_is_said_and_the_old_one_stays(self) -> None:
        made = serve(self, "--https", environ={"DUCK_SERVER__DEBUG": "1"})
        pem = (made.state / "development" / "server.pem").read_text()
        server = serve(self, "--https", "--certfile", "own.pem", files={"own.pem": pem})
        (server.directory / "own.pem").write_text("no certificate")
        status, said = _duckctl(server, "certificates", "reload")
        self.assertEqual((status, len(said.splitlines())), (1, 1), said)
        self.assertIn(f"{server.directory}/own.pem", said)
        self.assertEqual(_duckctl(server, "certificates", "list")[0], 0)

    def test_without_https_there_are_none(self) -> None:
        server = serve(self)
        for verb in ("list", "reload"):
            self.assertEqual(
                _duckctl(server, "certificates", verb),
                (1, "duckctl: HTTPS is off: there are no certificates. Turn it on with --https.\n"),
            )
