"""What a micro app is, in values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from duck_tx.errors import PortError
from duck_tx.process.endpoint import Endpoint
from duck_tx.process.port import overlap

__all__ = ["Kind", "MicroSpec", "check_port"]

Kind = Literal["view", "async_view", "resource", "wsgi", "asgi"]

_UNFIT_FOR_NAMES = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroSpec:
    """All that a process needs to know of a micro app to serve it.

    :ivar name: what it is called in messages.
    :ivar kind: what answers.
    :ivar target: that.
    :ivar https: its port speaks TLS.
    :ivar logs: its requests are for the access log.
    :ivar threads: how many at most; ``None`` for the default.
    :ivar prefix: where it is mounted on the main server, a raw path that begins and ends with a slash; ``None``: it has
        a port of its own.
    :ivar host: the host for which it is mounted; ``None`` for any.
    """

    name: str
    kind: Kind
    target: Any
    addr: str = "localhost"
    port: int = 8080
    domain: str | None = None
    uses_ipv6: bool = False
    https: bool = False
    logs: bool = False
    threads: int | None = None
    prefix: bytes | None = None
    host: str | None = None

    @property
    def has_everything(self) -> bool:
        """Whether it is mounted for all paths of any host."""
        return self.prefix == b"/" and self.host is None

    def key(self, taken: Collection[str]) -> str:
        """A name for it in the tree, and for its socket: the same for the same address in each life of the server.

        :param taken: those of others.
        """
        if self.prefix is not None:
            return f"micro app at {self.host or ''}{self.prefix.decode('ascii')}"
        stem = _UNFIT_FOR_NAMES.sub("_", f"micro-{self.addr}-{self.port}{'-6' if self.uses_ipv6 else ''}")
        key, number = stem, 1
        while key in taken:
            number += 1
            key = f"{stem}-{number}"
        return key

    def endpoint(self, key: str) -> Endpoint:
        """Where its own port is."""
        return Endpoint((key,), self.addr, self.port, self.uses_ipv6, f"port= in {self.name}()")


def check_port(wanted: Endpoint, who: str, others: Iterable[tuple[str, Endpoint]]) -> None:
    """See that nobody else in this server wants the same port.

    :param others: who they are, and what they want; two may have the same name.
    :raises PortError: naming both.
    """
    for other, endpoint in others:
        if overlap(wanted, endpoint):
            options = ", or ".join(dict.fromkeys((wanted.option, endpoint.option)))
            raise PortError(
                f"port {wanted.port} is wanted by two: {who} ({wanted.addr}) and {other} ({endpoint.addr}). Give one of"
                f" them another: {options}."
            )
