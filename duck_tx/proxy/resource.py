"""The reverse proxy's resource: the rules of forwarding, then a target."""

from __future__ import annotations

from twisted.web.resource import IResource

from duck_tx.http.headers import end_to_end
from duck_tx.http.leaf import LeafResource, streams
from duck_tx.http.request import Request

__all__ = ["ReverseProxy"]


class ReverseProxy(LeafResource):
    """Forwards every request to a target resource, as a proxy has to (RFC 9110 7.6).

    Where the request came from is settled first (``request.origin``); then the fields that the client wants kept to
    this connection are taken out.  Those that always are, and those in which strangers could lie about where a request
    came from, no target hands on: the gateway does not know them as variables.

    :param target: the resource that answers: the gateway in this process, or servers elsewhere.
    """

    def __init__(self, target: IResource) -> None:
        self.target = target

    def streams(self, request: Request) -> bool:
        """Whether the target does."""
        return streams(self.target, request)

    def render(self, request: Request) -> bytes | int:
        """Forward the request."""
        if request.nominates:
            # Settled before the fields are gone that they come from.
            request.origin  # noqa: B018
            request.upgrade  # noqa: B018
            request.takes_trailers  # noqa: B018
            request.raw_headers = end_to_end(request.raw_headers)
        answer: bytes | int = self.target.render(request)
        return answer
