"""Where a server behind the proxy is, as its URL says it."""

from __future__ import annotations

import re
import sys
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

__all__ = ["Upstream"]

_PORTS = {"http": 80, "https": 443}
_BASE = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_NAME = re.compile(rb"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_LONGEST_PATH = 107 if sys.platform == "linux" else 103
"""The system's limit (``unix(7)``)."""

_ACCEPTED = "http://HOST:PORT/BASE, https://HOST:PORT/BASE, unix:/PATH or unix:/PATH:/BASE"


class Upstream:
    """The address of one server.

    :ivar url: as it was given.
    :ivar scheme: ``http``, ``https``, or ``unix`` for HTTP over a Unix socket.
    :ivar host: name (in ASCII) or address, without brackets; empty for a Unix socket.
    :ivar port: its port; 0 for a Unix socket.
    :ivar path: of the Unix socket; empty for others.
    :ivar base: the path that everything is put below, without a slash at its end; often empty.
    :ivar authority: what the server itself would call its host.

    :raises ValueError: if ``url`` is none; the message says why, and what is accepted.
    """

    __slots__ = ("authority", "base", "host", "path", "port", "scheme", "url")

    scheme: Literal["http", "https", "unix"]

    def __init__(self, url: str) -> None:
        self.url = url
        if url.startswith("unix:"):
            self._read_path(url.removeprefix("unix:"))
        else:
            self._read_uri(url)

    def _read_path(self, rest: str) -> None:
        path, _, base = rest.partition(":")
        if not path.startswith("/") or "\0" in path or path.endswith("/"):
            raise _refused(self.url, "a Unix socket needs an absolute path")
        if len(path) > _LONGEST_PATH:
            raise _refused(self.url, f"the path of a Unix socket has no more than {_LONGEST_PATH} characters")
        self.scheme = "unix"
        self.host, self.port = "", 0
        self.path = path
        self.base = self._base(base)
        self.authority = b"localhost"

    def _read_uri(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _refused(url, str(error)) from None
        if parts.scheme not in _PORTS:
            raise _refused(url, "its scheme is neither http, https nor unix")
        if not parts.hostname or "@" in parts.netloc or port == 0:
            raise _refused(url, "it needs a host, and nothing else before the path but a port")
        if parts.query or parts.fragment or url.endswith(("?", "#")):
            raise _refused(url, "it ends with its path")
        self.scheme = "http" if parts.scheme == "http" else "https"
        self.host = _host(url, parts)
        self.port = port or _PORTS[parts.scheme]
        self.path = ""
        self.base = self._base(parts.path)
        name = f"[{self.host}]" if ":" in self.host else self.host
        self.authority = (name if self.port == _PORTS[parts.scheme] else f"{name}:{self.port}").encode("ascii")

    def _base(self, path: str) -> bytes:
        if _BASE.fullmatch(path) is None or any(part in (".", "..") for part in path.split("/")):
            raise _refused(self.url, f"{path!r} is no plain path")
        return path.rstrip("/").encode("ascii")

    def __repr__(self) -> str:
        return f"Upstream({self.url!r})"


def _host(url: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        try:
            return str(IPv6Address(host.partition("%")[0]))
        except ValueError:
            raise _refused(url, f"{host!r} is no address") from None
    try:
        name = host.encode("ascii") if host.isascii() else host.encode("idna")
    except UnicodeError:
        raise _refused(url, f"{host!r} is no name") from None
    if _NAME.fullmatch(name) is None:
        raise _refused(url, f"{host!r} is no name")
    return name.decode("ascii")


def _refused(url: str, why: str) -> ValueError:
    return ValueError(f"{url!r} is no address of a server: {why}; give {_ACCEPTED}.")
