"""Binding a Unix socket at a path that the settings name."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path

from duck_tx.errors import PortError
from duck_tx.process.unixsocket import connect, peer_of

__all__ = ["bind_unix"]


def bind_unix(path: Path, option: str) -> socket.socket:
    """A Unix socket bound to ``path`` that does not listen yet, for this user only; what a dead process left there is
    replaced.

    :param option: what sets the path, for the message.
    :raises PortError: in one line: what is in the way, and how to mend it.
    """
    _clear(path, option)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        bound.close()
        raise PortError(f"{path} cannot be bound: {error.strerror or error}. Choose another with {option}.") from error
    return bound


def _clear(path: Path, option: str) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise PortError(f"{path} is in the way: it is no socket. Remove it, or choose another with {option}.")
        with connect(path, 0) as connected:
            peer = peer_of(connected)
    except (FileNotFoundError, NotADirectoryError):
        return
    except ConnectionRefusedError:
        with suppress(OSError):
            path.unlink()
        return
    except BlockingIOError:
        peer = None
    except OSError as error:
        raise PortError(
            f"{path}: whether a server has it cannot be seen: {error.strerror}. Choose another with {option}."
        ) from error
    who = f" by pid {peer.pid}" if peer is not None and peer.pid else ""
    raise PortError(f"{path} is in use{who}. Stop it, or choose another with {option}.")
