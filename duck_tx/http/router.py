"""The router: which resource answers for which path."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from twisted.web.resource import IResource, getChildForRequest

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request

__all__ = ["Router"]


class Router(LeafResource):
    """Hands each request to the mount with the longest matching path prefix, else to the default.

    Prefixes are matched against the raw path: a path that spells a prefix with percent-encoding is a path of the
    default's, which cannot be used to get around a mount, as each mount decodes only what is below it.

    :param default: answers for everything that no mount matches.
    """

    def __init__(self, default: IResource) -> None:
        self.default = default
        self._mounts: tuple[tuple[bytes, IResource], ...] = ()

    @property
    def mounts(self) -> Mapping[bytes, IResource]:
        """Resources by prefix, the longest prefix first."""
        return dict(self._mounts)

    def mount(self, prefix: bytes, resource: IResource) -> None:
        """Have ``resource`` answer below ``prefix``, a raw path that begins and ends with a slash.

        :raises ValueError: if it does not, or is taken.
        """
        if not (prefix.startswith(b"/") and prefix.endswith(b"/")):
            raise ValueError(f"a mount's prefix begins and ends with a slash, unlike {prefix!r}")
        if prefix in self.mounts:
            raise ValueError(f"something is mounted at {prefix!r} already")
        self._mounts = tuple(sorted([*self._mounts, (prefix, resource)], key=lambda each: -len(each[0])))

    def render(self, request: Request) -> bytes | int:
        """Have the right resource answer."""
        answer: bytes | int
        for prefix, resource in self._mounts:
            if request.uri.startswith(prefix):
                rest = request.path[len(prefix) :]
                request.mount_path = rest
                request.prepath = [unquote_to_bytes(segment) for segment in prefix[1:-1].split(b"/")]
                request.postpath = [unquote_to_bytes(segment) for segment in rest.split(b"/")]
                answer = _leaf(resource, request).render(request)
                return answer
        answer = _leaf(self.default, request).render(request)
        return answer


def _leaf(resource: IResource, request: Request) -> IResource:
    return resource if resource.isLeaf else getChildForRequest(resource, request)
