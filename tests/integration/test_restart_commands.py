"""Startup commands in a restart: run once, by the trial, and one that fails leaves the old code serving."""

from __future__ import annotations

import signal

from tests.case import UnitTestCase
from tests.integration.restart_case import lives_of, restart, restart_with_duckctl
from tests.integration.server import LAUNCHERS, Server, serve

_FILES = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
    "site_settings.py": (
        "SECRET_KEY = 'x'\nROOT_URLCONF = 'site_urls'\nALLOWED_HOSTS = ['*']\nINSTALLED_APPS = ['counted']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'site.sqlite3'}}\n"
    ),
    "site_urls.py": (
        "import os\nfrom django.http import HttpResponse\nfrom django.urls import path\n"
        "def variables(request):\n    return HttpResponse(' '.join(name for name in os.environ if 'DUCK' in name))\n"
        "urlpatterns = [path('', lambda request: HttpResponse('here')), path('variables', variables)]\n"
    ),
    "counted/__init__.py": "",
    "counted/management/__init__.py": "",
    "counted/management/commands/__init__.py": "",
    "counted/management/commands/count.py": (
        "import os\nfrom django.core.management.base import BaseCommand, CommandError\n"
        "from django.db import connection\n"
        "class Command(BaseCommand):\n"
        "    def handle(self, *args, **options):\n"
        "        if os.path.exists('broken'):\n"
        "            raise CommandError('this migration is broken')\n"
        "        connection.ensure_connection()\n"
        "        with open('runs', 'a') as file:\n"
        "            file.write(f'{os.getpid()}\\n')\n"
        "        self.stdout.write('counted once more')\n"
    ),
}


class StartupCommandTests(UnitTestCase):
    def site(self, *options: str, launch: str | list[str] = "twistd", **environ: str) -> Server:
        variables = {"DUCK_GATEWAY__COMMANDS_ON_STARTUP": '["count"]', **environ}
        return serve(self, *options, launch=launch, project=None, files=_FILES, environ=variables)

    def runs(self, server: Server) -> list[int]:
        """The processes in which the command was run."""
        return [int(line) for line in (server.directory / "runs").read_text().splitlines()]

    def test_they_are_run_once_for_each_life_and_by_the_trial_after_the_first(self) -> None:
        server = self.site()
        given = server.get("/variables").text
        for lives in (1, 2, 3):
            self.assertEqual(len(self.runs(server)), lives, server.log)
            self.assertEqual(self.runs(server).count(server.pid), 1)
            self.assertEqual(len(server.lines("counted once more")), lives)
            self.assertEqual(server.get("/variables").text, given)
            restart(server)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_one_that_fails_leaves_the_old_code_serving_and_says_why(self) -> None:
        server = self.site(launch="module")
        broken = server.directory / "broken"
        broken.touch()
        server.send_signal(signal.SIGHUP)
        server.wait_for("duck: startup command 'count': this migration is broken.")
        server.wait_for("not restarted: the old code serves on")
        status, said = restart_with_duckctl(server)
        self.assertEqual((status, server.get("/").text), (1, "here"), said)
        self.assertIn("startup command 'count': this migration is broken.", said)
        self.assertEqual((len(self.runs(server)), lives_of(server.log)), (1, 1))
        broken.unlink()
        status, said = restart_with_duckctl(server)
        self.assertEqual((status, server.get("/").text), (0, "here"), said + server.log)
        self.assertEqual((len(self.runs(server)), lives_of(server.log)), (2, 2))
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_they_may_use_the_database_where_an_event_loop_runs(self) -> None:
        server = self.site(launch=[*LAUNCHERS["twist"][:2], "--reactor", "asyncio", "duck"])
        restart(server)
        self.assertEqual(len(self.runs(server)), 2, server.log)

    def test_code_that_cannot_be_loaded_runs_none(self) -> None:
        server = self.site()
        (server.directory / "site_urls.py").write_text("urlpatterns = [\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for("not restarted: the old code serves on")
        self.assertEqual(len(self.runs(server)), 1)


class WelcomeTests(UnitTestCase):
    def test_its_database_is_there_in_every_life_wherever_that_keeps_it(self) -> None:
        files = {"duck.toml": "server.state_dir = 'one'\n"}
        server = serve(self, project=None, files=files, environ={"DUCK_SERVER__STATE_DIR": None})
        for place in ("one", "other"):
            (server.directory / "duck.toml").write_text(f"server.state_dir = '{place}'\n")
            restart(server)
            self.assertEqual(server.get("/").status, 200)
            self.assertTrue((server.directory / place / "meta.json").exists())
