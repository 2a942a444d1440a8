"""The example projects as the servers of the tests find them: with a database, an administrator and static files."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import tests

__all__ = ["CHANNELS", "EXAMPLE", "SETTINGS", "example_data"]

EXAMPLE = Path(tests.__file__).resolve().parent / "project"
CHANNELS = EXAMPLE.with_name("channels_site")
"""A project with Channels: pages, chat rooms, an echo, a stream of events."""

SETTINGS = {EXAMPLE: "example.settings", CHANNELS: "chatsite.settings"}
"""The projects that keep their data where ``EXAMPLE_DATA`` says."""

_PREPARE = """
import django; django.setup()
from django.core.management import call_command
from django.contrib.auth.models import User
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
User.objects.create_superuser("admin", "admin@example.com", "admin")
"""


@cache
def example_data(project: Path = EXAMPLE) -> Path:
    """A directory for ``EXAMPLE_DATA``, made once for this process: copy it, and leave it as it is."""
    directory = Path(mkdtemp(prefix="duck-example-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
    environ |= {
        "EXAMPLE_DATA": str(directory / "data"),
        "DJANGO_SETTINGS_MODULE": SETTINGS[project],
        "PYTHONPATH": str(project),
    }
    subprocess.run([sys.executable, "-c", _PREPARE], env=environ, check=True, timeout=120)
    return directory / "data"
