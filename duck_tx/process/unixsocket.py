"""A Unix socket in a directory: taken by one server at a time, reached by those who may, however long its path is.

Nothing here needs a reactor, and clients without one use it too.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from duck_tx.errors import ApplicationError

__all__ = ["Peer", "Taken", "connect", "peer_of", "refuse_living", "take"]

_MEND = "Choose another state directory with --state-dir."
_BACKLOG = 16
_LONGEST_PATH = 103
"""Bytes of a path that every system takes: macOS has room for 104, Linux for 108, both with a zero at the end."""


class Peer(NamedTuple):
    """The process at the other end of a connection.

    :ivar pid: 0 where it cannot be seen from here, as from within a container.
    """

    pid: int
    uid: int


def peer_of(connected: socket.socket) -> Peer | None:
    """Who is at the other end, for a client whoever listened; ``None`` where the system does not tell."""
    if sys.platform != "linux":
        return None
    pid, uid, _ = struct.unpack("iII", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return Peer(pid, uid)


@contextmanager
def _address_of(path: Path) -> Iterator[str]:
    """What the system is told instead of ``path``: the way to a long one leads through its directory, held open."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{directory}"
        if not os.path.isdir(short):
            raise ApplicationError(
                f"{path} is too long for a socket on this system, which takes {_LONGEST_PATH} bytes. {_MEND}"
            )
        yield f"{short}/{path.name}"
    finally:
        os.close(directory)


def connect(path: Path, timeout: float) -> socket.socket:
    """A connection to the socket at ``path``.

    :param timeout: seconds for this and for all that is done with the connection; 0: nothing is waited for.
    :raises OSError: if there is none to be had.
    :raises ApplicationError: if the path is too long for this system.
    """
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        with _address_of(path) as address:
            connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected


def refuse_living(path: Path) -> None:
    """Look whether the socket at ``path`` could be taken, without touching it.

    :raises ApplicationError: if a living process has it, or what is there is no socket.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ApplicationError(f"{path} is in the way: it is no socket. Remove it. {_MEND}")
        with connect(path, 0) as connected:
            peer = peer_of(connected)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return
    except BlockingIOError:
        # Somebody listens, who has not taken those who came before.
        peer = None
    except OSError as error:
        raise ApplicationError(f"{path}: whether a server has it cannot be seen: {error.strerror}. {_MEND}") from error
    who = f" (pid {peer.pid})" if peer is not None and peer.pid else ""
    raise ApplicationError(
        f"a server{who} uses the state directory {path.parent}; stop it, or choose another with --state-dir."
    )


class Taken(NamedTuple):
    """A socket that listens, and the file by which it is found.

    :ivar identity: device and inode of the file.
    """

    socket: socket.socket
    path: Path
    identity: tuple[int, int]

    def release(self) -> None:
        """Stop listening, and remove the file if it is still ours.

        That comes first: as long as somebody listens, no other server puts its own in that place.
        """
        with suppress(OSError):
            if _identity(self.path) == self.identity:
                self.path.unlink()
        self.socket.close()


def take(path: Path) -> Taken:
    """Listen at ``path``, for this user only; what a dead process left there is replaced.

    The socket is made beside it, and gets its name when it listens: so nobody can connect before its mode is 0600, and
    nobody finds one that refuses.

    :raises ApplicationError: as :func:`refuse_living`, or if the file cannot be made.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _alone(path.parent):
            refuse_living(path)
            aside.unlink(missing_ok=True)
            with _address_of(aside) as address:
                listening.bind(address)
            try:
                aside.chmod(0o600)
                listening.listen(_BACKLOG)
                identity = _identity(aside)
                aside.rename(path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
    except OSError as error:
        listening.close()
        raise ApplicationError(f"the control socket {path} cannot be made: {error.strerror}. {_MEND}") from error
    except BaseException:
        listening.close()
        raise
    return Taken(listening, path, identity)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep others from taking a socket here meanwhile: of two that find the same dead one, one would lose its own."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ApplicationError(f"another server begins to use the state directory {directory}. {_MEND}") from None
        except OSError:
            # Not every network file system has such locks.
            pass
        yield
    finally:
        os.close(opened)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
