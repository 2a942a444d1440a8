"""Listening sockets that somebody else has opened: systemd (``sd_listen_fds(3)``), or this server before a restart.

They stay open for as long as the process lives.  Whoever binds is given a duplicate, so a check or a stop closes no
more than that, and connections go on to queue in the meantime.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from twisted.logger import Logger

from duck_tx.process.endpoint import Endpoint

__all__ = [
    "Found",
    "InheritedSockets",
    "Match",
    "Sockets",
    "Sole",
    "handed_on",
    "inherited",
    "look_at",
    "matched",
    "named",
    "numbers",
    "without",
]

_log = Logger()

_FIRST = 3
"""SD_LISTEN_FDS_START: the descriptors begin behind standard error."""

_OWN = "DUCK_LISTEN_FDS"
"""Names and descriptors, as in ``server=7:force-https=9``.

``LISTEN_FDS`` would need the descriptors to be 3, 4 and so on, and the pid of the process that is still to be started.
"""

_SOLE = "DUCK_LISTEN_SOLE"
"""Which of them nobody else holds, by their names, with colons between them."""

_ALL = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", _OWN, _SOLE)


class Sole(socket.socket):
    """An inherited socket that nobody else holds: what queues on it at a stop is ours to answer."""


class Found(NamedTuple):
    """What there is to know about an inherited socket.

    :ivar address: as in a message.
    :ivar port: 0 where it has none.
    :ivar is_connection: it is the connection of one client, accepted by somebody else.
    """

    family: int
    kind: int
    address: str
    port: int
    is_connection: bool = False


class Match(NamedTuple):
    """Who gets what.

    :ivar taken: the name of the socket for each that wants one and has one.
    :ivar unfit: why not, for each name of a socket that nobody gets.
    """

    taken: Mapping[str, str]
    unfit: Mapping[str, str]


def numbers(environ: Mapping[str, str], pid: int) -> Iterator[tuple[str, int]]:
    """Names and descriptors of what the variables hand over to this process; a name may come more than once.

    :param pid: this process.
    :raises ValueError: in one line, if that cannot be understood.
    """
    for entry in filter(None, environ.get(_OWN, "").split(":")):
        name, _, digits = entry.rpartition("=")
        if not digits.isdecimal():
            raise ValueError(f"{_OWN}: {entry!r} is no name and number of a socket")
        yield name, int(digits)
    count = environ.get("LISTEN_FDS", "")
    if not count:
        return
    if not count.isdecimal():
        raise ValueError(f"LISTEN_FDS: {count!r} is no number of sockets")
    meant_for = environ.get("LISTEN_PID", "")
    if meant_for != str(pid):
        raise ValueError(
            f"the sockets are for the process {meant_for or '(not given)'}, and this is {pid}: whatever stands between "
            "has to start the server by exec"
        )
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    for index in range(int(count)):
        yield (names[index] if index < len(names) else "") or "unknown", _FIRST + index


def inherited(environ: MutableMapping[str, str], pid: int) -> dict[str, socket.socket]:
    """Take over the sockets that the variables hand to this process.

    A further one of the same name is called ``name (2)`` and so on.  None of them is passed on to children or blocks.
    What cannot be taken is logged.

    :param environ: loses the variables, as they are for this process alone.
    :param pid: this process.
    """
    sockets: dict[str, socket.socket] = {}
    sole = environ.get(_SOLE, "").split(":")
    try:
        for name, number in list(numbers(environ, pid)):
            try:
                # The descriptor itself: a duplicate would leave one that nobody knows of.
                sock = Sole(fileno=number) if name in sole else socket.socket(fileno=number)
            except OSError as error:
                _log.warn(
                    "the inherited descriptor {number} ({name}) is no socket: {error}",
                    number=number,
                    name=name,
                    error=error.strerror,
                )
                continue
            sock.set_inheritable(False)
            sock.setblocking(False)
            sockets[_free_name(name, sockets)] = sock
    except ValueError as error:
        _log.warn("no sockets are inherited: {error}", error=error)
    for variable in _ALL:
        environ.pop(variable, None)
    return sockets


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def without(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what hands sockets over."""
    return {name: value for name, value in environ.items() if name not in _ALL}


def named(descriptors: Mapping[str, int], sole: Collection[str] = ()) -> dict[str, str]:
    """The variables by which a process finds descriptors that it will have: under the same numbers, open, and by
    these names.

    :param sole: the names of those that nobody else will hold then.
    """
    if not descriptors:
        return {}
    own = {_OWN: ":".join(f"{name}={number}" for name, number in descriptors.items())}
    return own | ({_SOLE: ":".join(sole)} if sole else {})


def handed_on(sockets: Mapping[str, socket.socket]) -> dict[str, str]:
    """The variables by which a process that this one starts, or turns into by exec, inherits ``sockets``.

    It finds them under the same numbers, so they are passed on to every child from now on.
    """
    for sock in sockets.values():
        sock.set_inheritable(True)
    return named({name: sock.fileno() for name, sock in sockets.items()})


def look_at(sock: socket.socket) -> Found:
    """What an inherited socket is."""
    name = sock.getsockname()
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return Found(sock.family, sock.type, os.fsdecode(name) if isinstance(name, (str, bytes)) else str(name), 0)
    host, port = name[:2]
    is_connection = False
    with suppress(OSError):
        is_connection = bool(sock.getpeername())
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Found(sock.family, sock.type, address, port, is_connection)


def matched(found: Mapping[str, Found], wanted: Mapping[str, Endpoint]) -> Match:
    """Decide who gets which socket: by the name of the socket, else by its port.

    Whether it listens already makes no difference: it will.
    """
    unfit = {name: reason for name, each in found.items() if (reason := _unfit(each))}
    left = {name: each for name, each in found.items() if name not in unfit}
    taken: dict[str, str] = {}
    for who, want in wanted.items():
        named = next((name for name in want.names if name in left and _is_for(left[name], want)), None)
        if named is not None:
            taken[who] = named
            del left[named]
    for who, want in wanted.items():
        fitting = next((name for name, each in left.items() if each.port == want.port and _is_for(each, want)), None)
        if who not in taken and fitting is not None:
            taken[who] = fitting
            del left[fitting]
    unfit |= {name: _unwanted(each, wanted) for name, each in left.items()}
    return Match(taken, unfit)


def _unwanted(found: Found, wanted: Mapping[str, Endpoint]) -> str:
    """Why a socket is of no use."""
    if found.family == socket.AF_UNIX and not any(want.is_unix for want in wanted.values()):
        return "it is no TCP socket"
    ways = "; ".join(
        f"{want.names[0]!r} {f'at {want.addr}' if want.is_unix else f'or port {want.port}'}" for want in wanted.values()
    )
    return f"nothing here is to be served on it; wanted: {ways}"


def _is_for(found: Found, want: Endpoint) -> bool:
    """Whether it is of the kind that is wanted; a Unix socket has to be at that very path."""
    if want.is_unix:
        return found.address == want.addr
    return found.family != socket.AF_UNIX


def _unfit(found: Found) -> str:
    """Why a server cannot use it; empty if it can."""
    if found.kind != socket.SOCK_STREAM:
        return "it is no stream socket"
    if found.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "it is no TCP socket"
    if found.is_connection:
        return "it is a connection; a .socket unit needs Accept=no"
    if not found.port and found.family != socket.AF_UNIX:
        return "it is not bound to a port"
    return ""


class Sockets(Protocol):
    """Listening sockets that somebody else has opened, by who gets them."""

    def __contains__(self, who: str, /) -> bool:
        """Whether there is one for ``who`` that others hold as well: they serve what queues on it after a stop."""

    def binding(self, who: str, bind: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
        """What makes the bound socket; ``bind`` itself, where there is none for ``who``."""


class InheritedSockets:
    """The inherited sockets, by who gets them.

    What nobody gets is closed, with a warning.

    :param sockets: by name, as :func:`inherited` returns them.
    :param wanted: what is needed, by who needs it.
    :param keeps: more may be wanted (:meth:`want`) until :meth:`settle` is called.
    """

    def __init__(
        self, sockets: Mapping[str, socket.socket], wanted: Mapping[str, Endpoint], *, keeps: bool = False
    ) -> None:
        self._left = dict(sockets)
        self._wanted: dict[str, Endpoint] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._take(wanted)
        if not keeps:
            self.settle()

    def want(self, who: str, endpoint: Endpoint) -> None:
        """One more is needed."""
        self._take({who: endpoint})

    def _take(self, wanted: Mapping[str, Endpoint]) -> None:
        self._wanted |= wanted
        found = {name: look_at(sock) for name, sock in self._left.items()}
        for who, name in matched(found, wanted).taken.items():
            self._sockets[who] = self._left.pop(name)
            _log.info("{who}: inherited {address} ({name})", who=who, address=found[name].address, name=name)

    def settle(self) -> None:
        """Close what nobody gets."""
        left, self._left = self._left, {}
        for name, sock in left.items():
            found = look_at(sock)
            _log.warn(
                "the inherited socket {name} ({address}) is not used: {reason}",
                name=name,
                address=found.address,
                reason=_unfit(found) or _unwanted(found, self._wanted),
            )
            sock.close()

    def __contains__(self, who: str) -> bool:
        return who in self._sockets and not isinstance(self._sockets[who], Sole)

    def binding(self, who: str, bind: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
        """What makes the bound socket: a duplicate of the inherited one, or else what ``bind`` makes."""
        sock = self._sockets.get(who)
        return bind if sock is None else sock.dup
