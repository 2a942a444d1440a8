"""What other programs may know about a running server: ``meta.json`` in the state directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from twisted.application.service import Service
from twisted.logger import Logger

from duck_tx.errors import ApplicationError

__all__ = ["MetaService", "check_state_directory", "make_state_directory"]

_log = Logger()
_MEND = "Choose another with --state-dir."


def check_state_directory(path: Path) -> None:
    """Look whether the state directory can be used, or made, without making it.

    :raises ApplicationError: if not.
    """
    there = path
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise ApplicationError(f"the state directory {path} cannot be made: {there} is not a directory. {_MEND}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ApplicationError(
            f"the state directory {path} cannot be written by this user. {_MEND}"
            if there == path
            else f"the state directory {path} cannot be made: this user cannot write in {there}. {_MEND}"
        )


def make_state_directory(path: Path) -> Path:
    """Make the state directory, readable by its owner only.

    :raises ApplicationError: if that cannot be.
    """
    check_state_directory(path)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ApplicationError(f"the state directory {path} cannot be made: {error.strerror}. {_MEND}") from error
    return path


class MetaService(Service):
    """Writes the metadata when everything is up, and removes it on stop.

    It is for others: a server whose metadata cannot be written serves all the same, and says so in the log.

    :param directory: the state directory.
    :param describe: gives the metadata of this moment.
    """

    def __init__(self, directory: Path, describe: Callable[[], Mapping[str, object]]) -> None:
        self._path = directory / "meta.json"
        self._describe = describe
        self._is_written = False

    def startService(self) -> None:
        """Write the metadata."""
        super().startService()
        try:
            self.record()
        except ApplicationError as error:
            _log.warn("the site is served without metadata: {error}", error=error)

    def renew(self) -> None:
        """Write the metadata again, if they are written: something in them has changed."""
        if not self._is_written:
            return
        try:
            self.record()
        except ApplicationError as error:
            _log.warn("the metadata stay as they were: {error}", error=error)

    def record(self) -> Mapping[str, object]:
        """Write the metadata, so that a reader finds either the old or the new, whole.

        :raises ApplicationError: if the state directory cannot be written.
        """
        found = self._describe()
        make_state_directory(self._path.parent)
        aside = self._path.with_name(f"meta.{os.getpid()}.part")
        try:
            aside.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            aside.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            raise ApplicationError(f"{self._path} cannot be written: {error.strerror}. {_MEND}") from error
        self._is_written = True
        return found

    def stopService(self) -> None:
        """Remove the metadata, unless another server has begun to use the directory since."""
        super().stopService()
        was_written, self._is_written = self._is_written, False
        if not was_written:
            return
        try:
            if _writer_of(self._path) == os.getpid():
                self._path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            _log.warn("{path} is gone: the state directory was changed while the server ran", path=self._path)
        except OSError as error:
            # So is the control socket, most likely. That is as harmless, and not worth another line.
            _log.warn(
                "{path} stays, as it cannot be removed: {error}. The next server in this state directory replaces it.",
                path=self._path,
                error=error.strerror,
            )


def _writer_of(path: Path) -> object:
    """The pid in somebody's metadata; ``None``, if it is none."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError:
        return None
    return found.get("pid") if isinstance(found, dict) else None
