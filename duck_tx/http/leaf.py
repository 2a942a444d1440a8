"""What the resources here have in common: each answers for every path below it."""

from __future__ import annotations

from twisted.web.resource import IResource
from zope.interface import implementer

from duck_tx.http.request import Request

__all__ = ["LeafResource"]


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

    def render(self, request: Request) -> bytes | int:
        """Answer the request.

        :return: the body, or ``NOT_DONE_YET`` if the answer is given otherwise.
        """
        raise NotImplementedError
