"""Binding the public port, and finding out who has it when it is taken."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from duck_tx.errors import PortError

__all__ = ["bind", "explained", "holder_of", "overlap"]


class Place(Protocol):
    """An address and a port, as :func:`bind` takes them."""

    @property
    def addr(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def uses_ipv6(self) -> bool: ...


_LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp."""


def bind(addr: str, port: int, *, uses_ipv6: bool = False, option: str = "--port") -> socket.socket:
    """A TCP socket bound to ``addr`` and ``port`` that does not listen yet.

    :param uses_ipv6: bind an IPv6 address; the wildcard then takes IPv4 connections as well.
    :param option: what sets this port, for the message.
    :raises PortError: in one line: what is in the way, and how to mend it.
    """
    family, address = _resolved(addr, port, uses_ipv6, _of_address(option))
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address[0] == "::" else 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise explained(error, addr, port, option) from error
    return bound


def overlap(one: Place, other: Place) -> bool:
    """Whether two cannot both be bound: the same port, and addresses that have something in common."""
    if not one.port or one.port != other.port:
        return False
    try:
        first, second = (_resolved(each.addr, each.port, each.uses_ipv6) for each in (one, other))
    except PortError:
        # What cannot be bound at all is found when it is tried.
        return one.addr == other.addr
    addresses = {first[1][0], second[1][0]}
    if "::" in addresses:
        return True
    return len(addresses) == 1 or ("0.0.0.0" in addresses and first[0] == second[0])


def _of_address(option: str) -> str:
    """What sets the address of a port that ``option`` sets."""
    return "--addr" if option.startswith("--") else option.replace("port=", "addr=")


def _resolved(
    addr: str, port: int, uses_ipv6: bool, option: str = "--addr"
) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    wanted = socket.AF_INET6 if uses_ipv6 or ":" in addr else socket.AF_INET
    name = "::" if uses_ipv6 and addr in ("", "0.0.0.0", "*") else addr
    try:
        found = socket.getaddrinfo(name, port, wanted, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    except OSError as error:
        kind = "IPv6" if wanted == socket.AF_INET6 else "IPv4"
        ipv6 = "--ipv6" if option == "--addr" else "uses_ipv6"
        mend = f"Give an address of this machine with {option}{'' if uses_ipv6 else f', or use {ipv6}'}."
        raise PortError(f"address {addr!r} has no {kind} address here ({error.strerror}). {mend}") from error
    family, _, _, _, address = found[0]
    return family, address


def explained(error: OSError, addr: str, port: int, option: str = "--port") -> PortError:
    """What the system said about a port, in one line with the mend."""
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(port)
        if not holder:
            return PortError(f"port {port} is in use. Choose another with {option}.")
        return PortError(f"port {port} is in use by {holder}. Stop it, or choose another with {option}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortError(
            f"port {port} needs privileges that this user does not have. Choose one above 1023 with {option}, or "
            "give the process CAP_NET_BIND_SERVICE."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return PortError(f"{addr} is not an address of this machine. Choose another with {_of_address(option)}.")
    return PortError(f"{addr} port {port} cannot be bound: {error.strerror}.")


def holder_of(port: int) -> str:
    """Who listens on a TCP port, such as ``pid 4711 (nginx)``; empty where the system does not tell."""
    inodes = _listeners(port)
    if not inodes:
        return ""
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        # Processes of other users cannot be looked into, and any may end while we look.
        with suppress(OSError):
            for descriptor in process.joinpath("fd").iterdir():
                if os.readlink(descriptor) in links:
                    return f"pid {process.name} ({process.joinpath('comm').read_text().strip()})"
    return "another user's process"


def _listeners(port: int) -> set[str]:
    """Inodes of the sockets that listen on ``port``, where there is a /proc/net."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
