"""A start that cannot succeed: one line that says why and what to do, a status that says so too, and nothing left."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from tests.case import UnitTestCase
from tests.integration.server import LAUNCHERS, Server

_RUN = ["-c", "from duck_tx import App; App().run()"]
"""A script of one's own."""

_WAYS = (*LAUNCHERS, "run")

_SITE = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
    "site_settings.py": "SECRET_KEY = 'x'\nROOT_URLCONF = 'site_urls'\nINSTALLED_APPS = []\n",
    "site_urls.py": "urlpatterns = []\n",
}


_SLOW = """\
import os, time
print("loading", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
application = print
"""


class _Case(UnitTestCase):
    def fails(
        self,
        *lines: str,
        way: str = "twistd",
        files: Mapping[str, str] | None = None,
        **environ: str,
    ) -> Server:
        """Start in ``way``, and see that it ends with status 1, a line for each of ``lines``, and nothing left."""
        launch = _RUN if way == "run" else way
        server = Server(launch=launch, project=None, files=files or _SITE, environ=environ)
        self.addCleanup(server.close)
        server.begin()
        status = server.exit(30)
        self.assertEqual(status, 1, (way, server.log))
        # Twist writes JSON where it is not on a terminal, and what came before its log began as text as well.
        told = server.lines('"duck: {line}"' if way == "twist" else "duck: ")
        self.assertEqual(len(told), len(lines), (way, server.log))
        for line in lines:
            self.assertIn(line, server.log, way)
        self.assertNotIn("Traceback", server.log, way)
        self.assertNotIn("ready", server.log, way)
        self.assertEqual(server.left_behind(), [], way)
        return server


class PortTests(_Case):
    def setUp(self) -> None:
        self.taken = socket.socket()
        self.addCleanup(self.taken.close)
        self.taken.bind(("127.0.0.1", 0))
        self.taken.listen()
        self.port = self.taken.getsockname()[1]

    def test_a_taken_port_is_named_with_who_has_it_in_all_ways_to_start(self) -> None:
        with open("/proc/self/comm") as comm:
            name = comm.read().strip()
        line = f"port {self.port} is in use by pid {os.getpid()} ({name}). Stop it, or choose another with --port."
        for way in _WAYS:
            self.fails(line, way=way, DUCK_SERVER__PORT=str(self.port))

    def test_without_checks_it_is_found_all_the_same(self) -> None:
        self.fails(f"port {self.port} is in use by pid", DUCK_SERVER__PORT=str(self.port), DUCK_SERVER__NO_CHECKS="1")

    def test_a_port_that_somebody_else_was_quicker_to_listen_on_is_found_when_it_matters(self) -> None:
        # Both are bound with SO_REUSEADDR, which only fails at listen().
        first = Server(
            "--wsgi",
            "slow:application",
            project=None,
            files={"slow.py": _SLOW},
            environ={"DUCK_SERVER__PORT": str(self._free_port())},
        )
        self.addCleanup(first.close)
        first.begin()
        first.wait_for("loading")
        quick = socket.socket()
        self.addCleanup(quick.close)
        quick.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        quick.bind(("127.0.0.1", self._port))
        quick.listen()
        (first.directory / "go").touch()
        self.assertEqual(first.exit(), 1)
        self.assertIn(f"duck: port {self._port} is in use by pid {os.getpid()} ", first.log)
        self.assertEqual(first.left_behind(), [])

    def _free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        return self._port


class AddressTests(_Case):
    def test_an_address_of_another_machine_is_named(self) -> None:
        self.fails(
            "192.0.2.1 is not an address of this machine. Choose another with --addr.", DUCK_SERVER__ADDR="192.0.2.1"
        )

    def test_a_name_that_does_not_resolve_is_named(self) -> None:
        self.fails(
            "address 'no.such.name.invalid' has no IPv4 address here",
            way="module",
            DUCK_SERVER__ADDR="no.such.name.invalid",
        )


class ProjectTests(_Case):
    def test_a_syntax_error_is_named_with_its_place_in_all_ways_to_start(self) -> None:
        files = _SITE | {"site_urls.py": "urlpatterns = [\n"}
        for way in _WAYS:
            self.fails("site_urls.py line 1: '[' was never closed", way=way, files=files)

    def test_a_module_that_is_missing_is_named(self) -> None:
        files = _SITE | {"site_settings.py": "import no_such_module_anywhere\n"}
        self.fails("no module named 'no_such_module_anywhere', at site_settings.py line 1", files=files, way="module")

    def test_a_project_without_manage_py_is_named(self) -> None:
        server = self.fails("no manage.py in", files={"empty/x": ""}, DUCK_GATEWAY__PROJECT="empty")
        self.assertIn("choose another --project", server.log)

    def test_a_startup_command_that_fails_is_named_with_its_message(self) -> None:
        self.fails(
            "startup command 'check --tag nonsense': There is no system check with the",
            way="run",
            DUCK_GATEWAY__COMMANDS_ON_STARTUP='["check --tag nonsense"]',
        )


class FileTests(_Case):
    def test_a_state_directory_that_cannot_be_made_is_found_before_anything_is_started(self) -> None:
        server = self.fails(
            "the state directory /dev/null/state cannot be made: /dev/null is not a directory. "
            "Choose another with --state-dir.",
            DUCK_SERVER__STATE_DIR="/dev/null/state",
        )
        self.assertNotIn("starting on", server.log)

    def test_without_checks_it_is_found_when_it_is_needed(self) -> None:
        server = self.fails(
            "the state directory /dev/null/state cannot be made",
            way="twist",
            DUCK_SERVER__STATE_DIR="/dev/null/state",
            DUCK_SERVER__NO_CHECKS="1",
        )
        self.assertNotIn("starting on", server.log)

    def test_an_access_log_that_cannot_be_opened_is_named(self) -> None:
        self.fails(
            "the access log /nowhere/access.log cannot be opened: there is no directory /nowhere.",
            way="module",
            DUCK_LOG__FILE="/nowhere/access.log",
        )

    def test_everything_that_is_wrong_is_said_at_once(self) -> None:
        self.fails(
            "the state directory /dev/null/state cannot be made",
            "the access log /nowhere/access.log cannot be opened",
            DUCK_LOG__FILE="/nowhere/access.log",
            DUCK_SERVER__STATE_DIR="/dev/null/state",
        )


class HookTests(UnitTestCase):
    def test_on_app_start_that_fails_stops_the_start_with_its_traceback(self) -> None:
        script = (
            "from duck_tx import App\n"
            "class Site(App):\n"
            "    async def on_app_start(self):\n"
            "        raise LookupError('lost')\n"
            "    def on_pre_stop(self):\n"
            "        print('never')\n"
            "Site().run()\n"
        )
        server = Server(launch=["-c", script], project=None, files=_SITE)
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(30), 1)
        self.assertEqual(len(server.lines("duck: the start-up failed")), 1)
        self.assertIn("LookupError: lost", server.log)
        self.assertNotIn("never", server.log)
        self.assertNotIn("ready:", server.log)
        self.assertEqual(server.left_behind(), [])
