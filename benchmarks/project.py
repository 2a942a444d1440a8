"""The Django project that every server serves: a copy of its own for each run, migrated and collected."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "project"
CHANNELS = ROOT / "tests" / "channels_site"

#: Names and sizes in bytes of the files that the static cases ask for.
STATIC_FILES = {"benchmark-4k.bin": 4096, "benchmark-1m.bin": 1 << 20}

_STATIC_ROOT = "from django.conf import settings; print(settings.STATIC_ROOT)"

# What startproject writes, for a project that has none.
_ASGI = "from django.core.asgi import get_asgi_application\n\napplication = get_asgi_application()\n"


class ProjectError(Exception):
    """The project is missing, or could not be made ready."""


@dataclass(frozen=True, slots=True)
class Project:
    """A Django project: its directory, and the package that holds ``settings``, ``wsgi`` and ``asgi``."""

    directory: Path
    package: str
    static: Path

    @property
    def settings(self) -> str:
        return f"{self.package}.settings"

    @property
    def wsgi(self) -> str:
        return f"{self.package}.wsgi:application"

    @property
    def asgi(self) -> str:
        return f"{self.package}.asgi:application"


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a server sees: little of this shell, so that no variable set for one server sways a run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


def prepare(source: Path, into: Path) -> Project:
    """Copy the project, migrate its database, collect its static files and add those that are measured.

    :raises ProjectError: if it is not there, or a command of it fails.
    """
    packages = [found.parent.name for found in sorted(source.glob("*/settings.py"))]
    if not (source / "manage.py").is_file() or len(packages) != 1:
        raise ProjectError(f"{source} is no Django project: it needs manage.py and one package with settings.py")
    directory = into / "project"
    into.mkdir(exist_ok=True)
    shutil.copytree(source, directory, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*", "data", ".duck"))
    asgi = directory / packages[0] / "asgi.py"
    if not asgi.exists():
        asgi.write_text(_ASGI)
    for command in (["migrate"], ["collectstatic", "--noinput"]):
        _django(directory, packages[0], ["manage.py", *command])
    static = Path(_django(directory, packages[0], ["-c", _STATIC_ROOT]).strip())
    static.mkdir(parents=True, exist_ok=True)
    for name, size in STATIC_FILES.items():
        (static / name).write_bytes(static_content(size))
    return Project(directory, packages[0], static)


def static_content(size: int) -> bytes:
    """The content of a measured file: not one byte repeated, so that a wrong piece of it would be noticed."""
    return (b"".join(b"%07d\n" % number for number in range(size // 8 + 1)))[:size]


def _django(directory: Path, package: str, arguments: list[str]) -> str:
    # As for the servers: the path of the project alone, not that of this checkout.
    env = environment({"DJANGO_SETTINGS_MODULE": f"{package}.settings", "PYTHONPATH": str(directory)})
    done = subprocess.run(
        [sys.executable, *arguments], cwd=directory, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise ProjectError(f"{' '.join(arguments)} of {directory} failed: {tail}")
    return done.stdout
