"""The router: which resource answers for which host and path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from twisted.web.resource import IResource, getChildForRequest

from duck_tx.http.head import is_host
from duck_tx.http.leaf import LeafResource, streams
from duck_tx.http.request import Request

__all__ = ["Router", "host_name"]

_Mounts = tuple[tuple[bytes, IResource], ...]


class _Place(NamedTuple):
    """Where a request has come to: the resource, and the prefix that led there; ``None`` for the default."""

    prefix: bytes | None
    resource: IResource


class Router(LeafResource):
    """Hands each request to the mount with the longest matching path prefix, else to the default.

    Mounts may be for one host only.  A request to a host that has mounts looks there first; where none of them
    matches, those for every host are next.

    Prefixes are matched against the raw path: a path that spells a prefix with percent-encoding is a path of the
    default's, which cannot be used to get around a mount, as each mount decodes only what is below it.

    :param default: answers for everything that no mount matches.
    """

    def __init__(self, default: IResource) -> None:
        self.default = default
        self._mounts: _Mounts = ()
        self._hosts: dict[bytes, _Mounts] = {}
        self._bare: set[IResource] = set()
        self._is_plain = True

    @property
    def mounts(self) -> Mapping[bytes, IResource]:
        """Resources by prefix, the longest prefix first; those for every host."""
        return dict(self._mounts)

    @property
    def hosts(self) -> Mapping[bytes, Mapping[bytes, IResource]]:
        """The same of the hosts that have mounts of their own, by name."""
        return {host: dict(mounts) for host, mounts in self._hosts.items()}

    def mount(self, prefix: bytes, resource: IResource, host: bytes | None = None, *, bare: bool = False) -> None:
        """Have ``resource`` answer below ``prefix``, a raw path that begins and ends with a slash.

        :param host: only where the request was sent to this host, a name or address without a port, in any case of
            letters; ``*.duck.example`` stands for every name below ``duck.example``, and a name that is given in full
            wins over it.  ``None``: to whichever.
        :param bare: also for the path that is the prefix without its last slash.
        :raises ValueError: if the prefix or the host is none, or is taken.
        """
        if not (prefix.startswith(b"/") and prefix.endswith(b"/")):
            raise ValueError(f"a mount's prefix begins and ends with a slash, unlike {prefix!r}")
        mounts = self._mounts
        if host is not None:
            host = host.lower().removesuffix(b".")
            if not is_host(host) or host_name(host) != host:
                raise ValueError(f"a mount's host is a name or address without a port, unlike {host!r}")
            mounts = self._hosts.get(host, ())
        if any(prefix == each for each, _ in mounts):
            at = (prefix if host is None else host + prefix).decode("latin-1")
            raise ValueError(f"something is mounted at {at} already")
        mounts = tuple(sorted([*mounts, (prefix, resource)], key=lambda each: -len(each[0])))
        if host is None:
            self._mounts = mounts
        else:
            self._hosts[host] = mounts
        if bare:
            self._bare.add(resource)
        self._is_plain = not (self._hosts or self._bare)

    def streams(self, request: Request) -> bool:
        """Whether the right resource does."""
        return streams(self._find(request).resource, request)

    def render(self, request: Request) -> bytes | int:
        """Have the right resource answer."""
        answer: bytes | int
        if not self._is_plain:
            return self._render_found(request)
        for prefix, resource in self._mounts:
            if request.uri.startswith(prefix):
                return _render_below(prefix, resource, request)
        answer = _leaf(self.default, request).render(request)
        return answer

    def _render_found(self, request: Request) -> bytes | int:
        prefix, resource = self._find(request)
        if prefix is not None:
            return _render_below(prefix, resource, request)
        answer: bytes | int = _leaf(resource, request).render(request)
        return answer

    def _find(self, request: Request) -> _Place:
        if self._hosts:
            host = host_name(request.origin.host)
            for mounts in self._mounts_of(host):
                for prefix, resource in mounts:
                    if self._leads(prefix, resource, request):
                        return _Place(prefix, resource)
        for prefix, resource in self._mounts:
            if self._leads(prefix, resource, request):
                return _Place(prefix, resource)
        return _Place(None, self.default)

    def _leads(self, prefix: bytes, resource: IResource, request: Request) -> bool:
        if request.uri.startswith(prefix):
            return True
        return resource in self._bare and request.path == prefix[:-1]

    def _mounts_of(self, host: bytes) -> list[_Mounts]:
        """Those of a host by its name, then by the patterns that it matches, the longest first."""
        hosts = self._hosts
        found = [hosts[host]] if host in hosts else []
        dot = host.find(b".")
        while dot >= 0:
            pattern = b"*" + host[dot:]
            if pattern in hosts:
                found.append(hosts[pattern])
            dot = host.find(b".", dot + 1)
        return found


def host_name(host: bytes) -> bytes:
    """The host of a Host field, without the port, in lower case (RFC 9110 4.2.3), without the root's dot."""
    name = host.lower()
    if not name.endswith(b"]"):
        before, colon, _port = name.rpartition(b":")
        if colon and (b":" not in before or before.endswith(b"]")):
            name = before
    return name.removesuffix(b".")


def _render_below(prefix: bytes, resource: IResource, request: Request) -> bytes | int:
    rest = request.path[len(prefix) :]
    request.mount_path = rest
    request.prepath = [unquote_to_bytes(segment) for segment in prefix[1:].split(b"/")[:-1]]
    request.postpath = [unquote_to_bytes(segment) for segment in rest.split(b"/")]
    answer: bytes | int = _leaf(resource, request).render(request)
    return answer


def _leaf(resource: IResource, request: Request) -> IResource:
    return resource if resource.isLeaf else getChildForRequest(resource, request)
