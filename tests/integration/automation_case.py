"""A Django project with automations that write down what they do, and a server of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT, Server, wait_until

__all__ = ["AutomationsTestCase", "Note"]

_SETTINGS = """
from pathlib import Path
SECRET_KEY = "only for tests"
ROOT_URLCONF = "site_urls"
ALLOWED_HOSTS = ["*"]
TIME_ZONE = "Europe/Berlin"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.sessions", "shop"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).resolve().parent / "shop.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
_URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("the shop"))]
"""
_MODELS = """
from django.db import models

class Sale(models.Model):
    what = models.TextField()
"""
_NOTES = """
import asyncio, os, threading, time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent

def note(name, what=""):
    # With O_APPEND a line is whole, whoever else writes one, and whatever becomes of this process.
    file = os.open(HERE / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{time.time():.6f} {name} {what}\\n".encode())
    finally:
        os.close(file)

def is_open(gate):
    return (HERE / gate).exists()

def wait_for(gate):
    while not is_open(gate):
        time.sleep(0.01)

async def wait_for_too(gate):
    while not is_open(gate):
        await asyncio.sleep(0.01)

def thread():
    return threading.current_thread().name.rstrip("0123456789")
"""
_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE shop_sale (id integer PRIMARY KEY AUTOINCREMENT, what text NOT NULL);
CREATE TABLE django_session (
    session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL
);
"""


class Note(NamedTuple):
    """What a job has written down.

    :ivar moment: in seconds since the epoch.
    """

    moment: float
    name: str
    what: str


class AutomationsTestCase(UnitTestCase):
    """Has servers of a project with the app ``shop``, whose ``automations.py`` is the test's.

    Its module ``shop.notes`` has ``note(name, what)``, which writes a line that a process killed cannot take back,
    and gates: files in the working directory for which jobs wait.
    """

    def begun(self, automations: str, *options: str, files: Mapping[str, str] | None = None, **environ: str) -> Server:
        """A server that has been started.

        :param automations: the text of ``shop/automations.py``; empty: there is none.
        """
        written = {
            "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
            "site_settings.py": _SETTINGS,
            "site_urls.py": _URLS,
            "shop/__init__.py": "",
            "shop/models.py": _MODELS,
            "shop/notes.py": _NOTES,
            **(files or {}),
        }
        if automations:
            written["shop/automations.py"] = automations
        server = Server("--no-access-log", *options, launch="module", project=None, files=written, environ=environ)
        self.addCleanup(server.close)
        with closing(sqlite3.connect(server.directory / "shop.sqlite3")) as database:
            database.executescript(_TABLES)
        return server.begin()

    def served(self, automations: str, *options: str, files: Mapping[str, str] | None = None, **environ: str) -> Server:
        """The same, when it is ready and its automations run."""
        server = self.begun(automations, *options, files=files, **environ)
        self.runs(server.start())
        return server

    def runs(self, server: Server) -> None:
        """Wait until the automations run."""
        server.wait_for("automations are scheduled")

    def next_of(self, server: Server, launch: str | Sequence[str] = "module") -> Server:
        """Another server of the same project and state directory, which has been started."""
        environ = {"DUCK_SERVER__STATE_DIR": str(server.state), "DUCK_GATEWAY__PROJECT": str(server.directory)}
        other = Server(launch=launch, project=None, environ=environ)
        self.addCleanup(other.close)
        return other.begin()

    def kill(self, server: Server) -> None:
        """End it as nothing can be kept from ending."""
        server.process.kill()
        server.process.wait()

    def stops(self, server: Server) -> None:
        """Stop it, and see that it leaves nothing but the files of the automations."""
        server.stop()
        left = [path for path in server.left_behind() if not path.endswith("/automations.lock")]
        self.assertEqual(left, [], server.log)

    def open(self, server: Server, *gates: str) -> None:
        """Let the jobs pass that wait for these."""
        for gate in gates:
            (server.directory / gate).touch()

    # What has been done.

    def notes(self, server: Server, *names: str) -> list[Note]:
        """What jobs have written down, in order; only those of ``names``, if there are any."""
        file = server.directory / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        found = (Note(float(moment), name, what) for moment, name, what in (line.split(" ", 2) for line in lines))
        return [each for each in found if not names or each.name in names]

    def whats(self, server: Server, name: str) -> list[str]:
        """What one job has written down."""
        return [each.what for each in self.notes(server, name)]

    def await_notes(self, server: Server, count: int, *names: str, timeout: float = 30.0) -> None:
        """Wait until each of these has written so many lines."""

        def missing() -> list[str]:
            return [name for name in names if len(self.notes(server, name)) < count]

        try:
            wait_until(lambda: not missing(), timeout)
        except AssertionError:
            raise AssertionError(f"after {timeout:g} s {missing()} have no {count} notes:\n{server.log}") from None

    def history(self, server: Server) -> dict[str, list[dict[str, Any]]]:
        """All runs by the name of their automation, in order, as the file has them."""
        found: dict[str, list[dict[str, Any]]] = {}
        with self._opened(server) as database:
            database.row_factory = sqlite3.Row
            for row in database.execute("SELECT * FROM run ORDER BY number"):
                found.setdefault(row["name"], []).append(dict(row))
        return found

    def begins_of(self, server: Server, name: str) -> list[dict[str, Any]]:
        """The runs of one automation that have begun, from the history."""
        runs = self.history(server).get(name, [])
        # Those that a stop came before are there as well.
        return [run for run in runs if run["state"] != "skipped" and run["error"] != "the server was stopping"]

    def memories(self, server: Server) -> dict[str, tuple[float, float]]:
        """What the intervals of each automation count from, and which of its times was the last."""
        with self._opened(server) as database:
            return {
                name: (anchor, due)
                for name, anchor, due in database.execute("SELECT name, anchor, last_due FROM memory")
            }

    def _opened(self, server: Server) -> closing[sqlite3.Connection]:
        path = server.state / "automations.sqlite3"
        return closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10))

    def interrupted(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """What becomes of a run in the history when its process is killed."""
        return {**run, "state": "interrupted"} if run["state"] == "running" else dict(run)

    def steps(self, dues: Iterable[float], anchor: float, interval: float) -> list[int]:
        """Which multiples of the interval these times are; each has to be one."""
        found = []
        for due in dues:
            count = round((due - anchor) / interval)
            self.assertAlmostEqual(anchor + count * interval, due, places=3)
            found.append(count)
        return found

    # The command.

    def duckctl_begun(self, server: Server, *arguments: str) -> subprocess.Popen[str]:
        """``duckctl automations``, begun."""
        process = subprocess.Popen(
            [sys.executable, "-m", "duck_tx.cli", "automations", *arguments, "--state-dir", str(server.state)],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def duckctl(self, server: Server, *arguments: str) -> tuple[int, str, str]:
        """``duckctl automations``: its exit status, what it printed, and what it said of errors."""
        process = self.duckctl_begun(server, *arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def listed(self, server: Server) -> dict[str, dict[str, Any]]:
        """What ``duckctl automations --json`` tells, by name."""
        status, out, err = self.duckctl(server, "--json")
        self.assertEqual((status, err), (0, ""))
        return {each["name"]: each for each in json.loads(out)["automations"]}


def files_open(pid: int, path: Path) -> int:
    """How often a process has a file open, what SQLite keeps beside it not counted."""
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += each.readlink() == path
        except OSError:
            # It was closed meanwhile.
            continue
    return count
