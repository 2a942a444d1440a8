"""What is answered where nothing has been put to answer."""

from __future__ import annotations

from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from duck_tx.http.request import Request

__all__ = ["NothingHere"]


@implementer(IResource)
class NothingHere:
    """Answers 404 for everything: no application is served here (``gateway.enabled`` is off)."""

    isLeaf = True

    def getChildWithDefault(self, name: bytes, request: Request) -> IResource:
        raise RuntimeError("there is nothing below this resource")

    def putChild(self, path: bytes, child: IResource) -> None:
        raise RuntimeError("nothing can be put below this resource")

    def render(self, request: Request) -> int:
        """Say that nothing is here."""
        request.fail(404, "Nothing is served here.")
        return NOT_DONE_YET
