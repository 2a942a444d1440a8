"""Where the welcome project keeps its data, and whether its database is up to date."""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from duck_tx.errors import ApplicationError

SETTINGS_MODULE = "duck_tx.welcome.settings"

DEFAULT_DIRECTORY = Path(".duck")
DIRECTORY_VARIABLE = "DUCK_WELCOME_DIR"
HOSTS_VARIABLE = "DUCK_WELCOME_HOSTS"

_LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::", "*"})


def prepare(directory: str | os.PathLike[str], hosts: Iterable[str] = ()) -> list[str]:
    """Tell the welcome project where its data is, and return the startup commands that it needs now.

    That is ``migrate`` at the first start and after an upgrade, and nothing otherwise: to find out takes well
    under a millisecond, and Django need not be set up.

    :param directory: for the database and the secret key; made with mode 0700 if it is not there.
    :param hosts: names or addresses that it may be asked for, beside this machine's own.
    :raises ApplicationError: if the directory cannot be written.
    """
    directory = Path(directory).absolute()
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    os.environ[HOSTS_VARIABLE] = ",".join(sorted({host for host in hosts if host not in _ANY_ADDRESS}))
    try:
        secret_key(directory)
        # It holds sessions and hashes of passwords; SQLite itself would make it readable for all.
        database(directory).touch(mode=0o600)
        current = database_stamp(directory) == stamp()
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ApplicationError(
            f"the welcome project cannot keep its data in {directory}: {reason}. Choose another place with --state-dir."
        ) from error
    return [] if current else ["migrate --verbosity 0"]


def data_directory() -> Path:
    """As :func:`prepare` was told, else ``.duck`` in the current directory."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY).absolute()


def allowed_hosts() -> list[str]:
    """This machine by its usual names, and what :func:`prepare` was told.

    Not every name: a foreign one that resolves to this machine (DNS rebinding) must not get at the admin.
    """
    told = os.environ.get(HOSTS_VARIABLE, "")
    return [
        *_LOCAL_HOSTS,
        socket.gethostname().lower(),
        *(_in_brackets(host) for host in told.split(",") if host),
    ]


def database(directory: Path) -> Path:
    """The SQLite file."""
    return directory / "welcome.sqlite3"


def secret_key(directory: Path) -> str:
    """The project's own SECRET_KEY, drawn at the first start and readable by its owner only.

    :raises OSError: if it can be neither read nor written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "welcome.key"
    with suppress(FileNotFoundError):
        return path.read_text("ascii")
    # Written aside and linked: two processes that start together both get the key of one, and it is whole.
    part = directory / f"welcome.key.{os.getpid()}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
    return path.read_text("ascii")


def stamp() -> int:
    """A number that changes with the migrations there are: Django's version and the files of our own."""
    import django

    own = sorted(path.name for path in Path(__file__).with_name("guestbook").joinpath("migrations").glob("0*.py"))
    return zlib.crc32(repr((django.VERSION, own)).encode()) & 0x7FFFFFFF or 1


def database_stamp(directory: Path) -> int:
    """The :func:`stamp` in the database, kept in SQLite's ``user_version``; 0 where there is none.

    :raises sqlite3.Error: if the file is no database.
    """
    path = database(directory)
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
