"""What is answered where nothing has been put to answer."""

from __future__ import annotations

from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request

__all__ = ["NothingHere"]


class NothingHere(LeafResource):
    """Answers 404 for everything: no application is served here (``gateway.enabled`` is off)."""

    def render(self, request: Request) -> int:
        """Say that nothing is here."""
        request.fail(404, "Nothing is served here.")
        return NOT_DONE_YET
