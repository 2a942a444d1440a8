"""What the resources here have in common: each answers for every path below it."""

from __future__ import annotations

from twisted.web.resource import IResource
from zope.interface import implementer

from duck_tx.http.request import Request

__all__ = ["LeafResource", "streams"]


@implementer(IResource)
class LeafResource:
    """A resource without children.

    Without the rest of ``twisted.web.resource.Resource`` too: these answer every method themselves.
    """

    isLeaf = True

    def getChildWithDefault(self, name: bytes, request: Request) -> IResource:
        raise RuntimeError(f"{type(self).__name__} is a leaf: it answers for every path below it")

    def putChild(self, path: bytes, child: IResource) -> None:
        raise RuntimeError(f"{type(self).__name__} is a leaf: nothing can be put below it")

    def streams(self, request: Request) -> bool:
        """Whether to be given the request when its head is there, and its body while it arrives
        (``request.body_stream()``).

        Asked once, for a request whose body has not all come together with its head.
        """
        return False

    def render(self, request: Request) -> bytes | int:
        """Answer the request.

        :return: the body, or ``NOT_DONE_YET`` if the answer is given otherwise.
        """
        raise NotImplementedError


def streams(resource: IResource, request: Request) -> bool:
    """Whether ``resource`` wants the request while its body arrives; Twisted's own never do."""
    ask = getattr(resource, "streams", None)
    return ask is not None and resource.isLeaf and ask(request)
