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

_ABSOLUTE = re.compile(
    rb"(?:(?P<scheme>https?):)?//(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_ELSEWHERE = re.compile(rb"/\t*[/\\]")
"""How a link begins that browsers take for one to another host."""

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
            return value if found is None else self._local(found["path"]) + found["rest"]
        path = self.path(found["path"] or b"/") if found["path"] or self.moves_paths else b""
        upstream, origin = self.upstream, self.origin
        said, authority = found["scheme"], found["authority"]
        asked = origin.scheme.encode("ascii")
        # Without one, a link has the scheme of the page that it is on.
        scheme = asked if said is None else said.lower()
        if _plain(authority, scheme) == _plain(origin.host, scheme):
            return value[: found.start("path")] + path + found["rest"]
        own = b"https" if upstream.scheme == "https" else b"http"
        hosts = {upstream.authority.lower(), _plain(self.host, own)}
        if (said is None or scheme == own) and _plain(authority, own) in hosts and origin.host:
            return b"%b//%b%b%b" % (b"" if said is None else asked + b":", origin.host, path, found["rest"])
        return value

    def _local(self, path: bytes) -> bytes:
        """A path, as a link that stays on this host: without the server's base path, one could begin with two slashes
        (RFC 3986 4.2)."""
        moved = self.path(path)
        return b"/." + moved if moved != path and _ELSEWHERE.match(moved) else moved

    def cookie(self, value: bytes) -> bytes:
        """The value of ``Set-Cookie`` for the client."""
        pair, *attributes = value.split(b";")
        for number, attribute in enumerate(attributes):
            name, equals, path = attribute.partition(b"=")
            if equals and name.strip(b" \t").lower() == b"path" and path.strip(b" \t")[:1] == b"/":
                attributes[number] = name + equals + self._cookie_path(path.strip(b" \t"))
        return b";".join([pair, *attributes])

    def _cookie_path(self, path: bytes) -> bytes:
        """A cookie for all paths of the server is for all of the route: also for its prefix without the slash, which a
        path with one does not match (RFC 6265 5.1.4)."""
        moved = self.path(path)
        return moved[:-1] if moved == self.route.prefix and self.route.strip and moved != b"/" else moved


def _plain(authority: bytes, scheme: bytes) -> bytes:
    """A host without the port that its scheme has anyway."""
    return authority.lower().removesuffix(_PORTS[scheme])


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
