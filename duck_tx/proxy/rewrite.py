"""Links and cookies of a server behind the proxy, as the client must see them.

Pure.  Where the servers see other paths or hosts than the client asked for, what they say of their own paths and hosts
is turned back.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from duck_tx.http.forwarded import Origin
from duck_tx.http.headers import Fields
from duck_tx.proxy.forward import Route
from duck_tx.proxy.upstream import Upstream

__all__ = ["View", "rewritten"]

_ABSOLUTE = re.compile(rb"(?P<scheme>https?):(?://)(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.I | re.S)
_PATH = re.compile(rb"(?P<path>/(?!/)[^?#]*)(?P<rest>.*)", re.S)
_PORTS = {b"http": b":80", b"https": b":443"}
_LINKS = frozenset({b"location", b"content-location"})


class View(NamedTuple):
    """What stands on both sides of the proxy.

    ``host`` is what the server got as Host.
    """

    route: Route
    upstream: Upstream
    origin: Origin
    host: bytes

    @property
    def moves_paths(self) -> bool:
        """Whether the server sees other paths than the client."""
        return bool(self.upstream.base) or (self.route.strip and self.route.prefix != b"/")

    def path(self, path: bytes) -> bytes:
        """A path of the server's, for the client; one that the client cannot reach stays as it is."""
        base = self.upstream.base
        if path[: len(base)] != base or path[len(base) : len(base) + 1] not in (b"/", b""):
            return path
        rest = path[len(base) :] or b"/"
        return self.route.prefix[:-1] + rest if self.route.strip else rest

    def link(self, value: bytes) -> bytes:
        """The value of ``Location`` or ``Content-Location`` for the client."""
        found = _ABSOLUTE.fullmatch(value)
        if found is None:
            found = _PATH.fullmatch(value)
            return value if found is None else self.path(found["path"]) + found["rest"]
        scheme, authority = found["scheme"].lower(), found["authority"]
        plain = authority.lower().removesuffix(_PORTS[scheme])
        path = self.path(found["path"] or b"/") if found["path"] or self.moves_paths else b""
        upstream = self.upstream
        own = b"https" if upstream.scheme == "https" else b"http"
        if plain == self.origin.host.lower().removesuffix(_PORTS[scheme]):
            return b"%b://%b%b%b" % (found["scheme"], authority, path, found["rest"])
        hosts = {upstream.authority.lower(), self.host.lower().removesuffix(_PORTS[own])}
        if scheme == own and plain in hosts and self.origin.host:
            return b"%b://%b%b%b" % (self.origin.scheme.encode("ascii"), self.origin.host, path, found["rest"])
        return value

    def cookie(self, value: bytes) -> bytes:
        """The value of ``Set-Cookie`` for the client."""
        pair, *attributes = value.split(b";")
        for number, attribute in enumerate(attributes):
            name, equals, path = attribute.partition(b"=")
            if equals and name.strip(b" \t").lower() == b"path" and path.strip(b" \t")[:1] == b"/":
                attributes[number] = name + equals + self.path(path.strip(b" \t"))
        return b";".join([pair, *attributes])


def rewritten(fields: Fields, view: View) -> Fields:
    """The fields of a response, for the client."""
    moves = view.moves_paths
    changed = []
    for name, value in fields:
        lower = name.lower()
        if lower in _LINKS:
            changed.append((name, view.link(value)))
        elif moves and lower == b"set-cookie":
            changed.append((name, view.cookie(value)))
        else:
            changed.append((name, value))
    return changed
