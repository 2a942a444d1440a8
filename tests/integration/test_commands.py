"""All that starts the tree: ``twistd duck``, ``twist duck``, ``python -m duck_tx``, a ``.tac`` file, a script."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from duck_tx import __version__
from tests.case import UnitTestCase
from tests.integration.example import EXAMPLE
from tests.integration.server import CHECKOUT, LAUNCHERS, Server, serve, wait_until

_TWISTD = LAUNCHERS["twistd"][1]


def _run(test: UnitTestCase, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DUCK_")}
    directory = test.mktemp()
    Path(directory).mkdir()
    return subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env=variables | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "80"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class ServingTests(UnitTestCase):
    def test_every_command_serves_the_project(self) -> None:
        for launch in LAUNCHERS:
            server = serve(self, "--threads", "3", launch=launch)
            self.assertEqual(server.get("/hello").text, "Hello, world!", launch)
            self.assertIn("(3 threads, pid ", server.log)
            server.stop()
            self.assertEqual(server.left_behind(), [], launch)

    def test_a_tac_file_serves_the_project(self) -> None:
        launch = ["-c", _TWISTD, "-n", "-y", str(CHECKOUT / "examples" / "duck.tac")]
        server = serve(self, launch=launch, environ={"DUCK_GATEWAY__PROJECT": str(EXAMPLE)})
        self.assertEqual(server.get("/hello").text, "Hello, world!")
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_a_script_serves_the_project(self) -> None:
        script = (CHECKOUT / "examples" / "run.py").read_text().replace("port=8000", "port=0")
        server = serve(self, launch=["-c", script], project=None)
        self.assertEqual(server.get("/").status, 200)
        self.assertIn(f"{server.uri}/ is up", server.log)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertIn("the site is going down", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_a_manage_py_in_the_working_directory_is_found(self) -> None:
        files = {
            "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
            "site_settings.py": "SECRET_KEY = 'x'\nROOT_URLCONF = 'site_urls'\nALLOWED_HOSTS = ['*']\n",
            "site_urls.py": (
                "from django.http import HttpResponse\nfrom django.urls import path\n"
                "urlpatterns = [path('', lambda request: HttpResponse('mine'))]\n"
            ),
        }
        server = serve(self, project=None, files=files)
        self.assertEqual(server.get("/").text, "mine")
        self.assertIn("ready: site_settings at", server.log)

    def test_without_a_project_the_welcome_project_is_served_and_the_log_says_so(self) -> None:
        server = serve(self, project=None)
        answer = server.get("/")
        self.assertEqual(answer.status, 200)
        self.assertIn("duck_tx", answer.text)
        self.assertIn(
            "ready: the welcome project (no manage.py was found here: choose yours with --project)", server.log
        )

    def test_no_application_may_be_served(self) -> None:
        server = serve(self, environ={"DUCK_GATEWAY__ENABLED": "0"})
        self.assertEqual(server.get("/").status, 404)
        self.assertIn("ready: no application at", server.log)
        server.stop()
        self.assertEqual(server.left_behind(), [])


class SettingsTests(UnitTestCase):
    def test_options_win_over_variables_and_variables_over_the_file(self) -> None:
        files = {"duck.toml": '[server]\nprocess_name = "by-file"\ndomain = "file.example"\nport = 1\n'}
        server = serve(
            self, "--domain", "option.example", files=files, environ={"DUCK_SERVER__DOMAIN": "variable.example"}
        )
        self.assertIn("at http://option.example:", server.log)
        self.assertIn("by-file", Path(f"/proc/{server.pid}/cmdline").read_text())

    def test_settings_are_printed_with_their_sources(self) -> None:
        for command in (LAUNCHERS["twistd"], LAUNCHERS["twist"], LAUNCHERS["module"]):
            done = _run(self, *command, "--print-settings", "-p", "8123", DUCK_LOG__FORMAT="json")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"port +\S* *= 8123 +# --port")
            self.assertRegex(done.stdout, r'format +\S* *= "json" +# DUCK_LOG__FORMAT')
            self.assertRegex(done.stdout, r"backlog +\S* *= 2048 +# default")

    def test_what_is_wrong_is_said_on_standard_error_a_line_each(self) -> None:
        for command in (LAUNCHERS["twistd"], LAUNCHERS["twist"], LAUNCHERS["module"]):
            done = _run(self, *command, "--port", "http", "--threads", "-1")
            lines = done.stderr.splitlines()
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(len(lines), 2, done.stderr)
            self.assertTrue(all(line.startswith("duck: ") for line in lines), done.stderr)
            self.assertIn('server.port = "http" (--port): not accepted; give an integer', lines[0])

    def test_an_unknown_option_is_one_line(self) -> None:
        for command in (LAUNCHERS["twistd"], LAUNCHERS["twist"], LAUNCHERS["module"]):
            done = _run(self, *command, "--prot", "1")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr, "duck: option --prot not recognized. See --help.\n")

    def test_trusted_peers_may_be_given_several_times(self) -> None:
        done = _run(self, *LAUNCHERS["twistd"], "--print-settings", "--trusted", "unix", "--trusted", "10.0.0.0/8")
        self.assertRegex(done.stdout, r'trusted += \["unix", "10.0.0.0/8"\] +# --trusted')


class HelpTests(UnitTestCase):
    def test_the_help_fits_eighty_columns_and_starts_with_what_is_asked_for_most(self) -> None:
        text = _run(self, *LAUNCHERS["twistd"], "--help").stdout
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 80)
        options = re.findall(r"^ +(?:-\w, )?--([\w-]+)", text, re.MULTILINE)
        self.assertEqual(options[:3], ["addr", "port", "domain"])
        self.assertEqual(options[-4:], ["config", "print-settings", "version", "help"])
        self.assertIn("-p, --port PORT ", text)

    def test_the_version_is_printed(self) -> None:
        for command in (LAUNCHERS["twistd"], LAUNCHERS["module"]):
            self.assertEqual(_run(self, *command, "--version").stdout, f"duck_tx {__version__}\n")

    def test_the_module_names_itself(self) -> None:
        self.assertTrue(_run(self, "-m", "duck_tx", "--help").stdout.startswith("Usage: python -m duck_tx [options]\n"))


class DaemonTests(UnitTestCase):
    def _begin(self, *options: str, **environ: str) -> Server:
        launch = ["-c", _TWISTD, "--logfile", "twistd.log", "duck", "--project", str(EXAMPLE), *options]
        server = Server(launch=launch, environ=environ)
        self.addCleanup(server.close)
        return server.begin()

    def test_twistd_in_the_background_serves_and_stops(self) -> None:
        server = self._begin()
        self.assertEqual(server.exit(30), 0)
        log = server.directory / "twistd.log"
        wait_until(lambda: log.exists() and "ready: " in log.read_text(), 30, "the daemon is ready")
        found = re.search(r"http://localhost:(\d+) \(.* pid (\d+)", log.read_text())
        assert found is not None
        server.port, pid = int(found[1]), int(found[2])
        self.assertEqual((server.directory / "twistd.pid").read_text(), str(pid))
        self.assertEqual(server.get("/hello").status, 200)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: server.left_behind() == [], 20, "the daemon is gone")

    def test_what_the_checks_find_is_said_before_the_process_goes_to_the_background(self) -> None:
        server = self._begin(DUCK_LOG__FILE="/nowhere/access.log", DUCK_SERVER__STATE_DIR="/dev/null/state")
        self.assertEqual(server.exit(30), 1)
        self.assertEqual(len(server.lines("duck: ")), 2)
        self.assertIn("duck: the access log /nowhere/access.log cannot be opened", server.log)
        self.assertIn("duck: the state directory /dev/null/state cannot be made", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_what_is_found_later_is_in_the_log_and_nothing_is_left(self) -> None:
        server = self._begin(DUCK_GATEWAY__COMMANDS_ON_STARTUP='["migrat"]')
        self.assertEqual(server.exit(30), 0)
        log = server.directory / "twistd.log"
        wait_until(lambda: log.exists() and "no command 'migrat'" in log.read_text(), 30, "the line in the log")
        wait_until(lambda: server.left_behind() == [], 20, "the daemon is gone")
