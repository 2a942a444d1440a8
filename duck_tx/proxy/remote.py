"""The resource that has servers elsewhere answer.

Who chooses among several of them, and who decides whether a request may be sent again, is handed in:

- ``choose(request, tried)`` names the server for a request, ``None`` if there is none left.  ``tried`` are those that
  have failed it so far.  A server is not among them because a kept connection to it had ended unnoticed: that happens
  to the best, and it is asked again, on a connection of its own.
- ``may_retry(request, attempt)`` is asked after each failure of which the client has seen nothing, if the request could
  be sent again at all: its body, as far as it has been taken from the client, is still there.

Of each :class:`Server` a request counts ``in_flight`` up and down, and tells how it went with ``succeeded`` (the head
of a response is there; ``finished`` when all of it is, if that is later), ``failed`` (in words for the log) or
``given_up`` (the client left, or this process could not ask); none of these where a kept connection had ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.proxy.attempt import Attempt
from duck_tx.proxy.exchange import Exchange
from duck_tx.proxy.forward import Route, counted_down, forwarded, is_loop, leaves, tunnels

if TYPE_CHECKING:
    from duck_tx.proxy.server import Server

__all__ = ["Attempt", "RemoteResource"]


class RemoteResource(LeafResource):
    """Has a server elsewhere answer each request, piece by piece in both directions at the pace of the slower side.

    :ivar route: the rules that are the same for all requests.

    :param choose: names the server.
    :param may_retry: whether to send a request again.
    :param reactor: for the few waits that are not a connection's own.
    """

    def __init__(
        self,
        choose: Callable[[Request, frozenset[Server]], Server | None],
        may_retry: Callable[[Request, Attempt], bool],
        *,
        reactor: Any,
        route: Route | None = None,
    ) -> None:
        self.choose = choose
        self.may_retry = may_retry
        self.clock = reactor
        self.route = route or Route()

    def streams(self, request: Request) -> bool:
        """All bodies are handed on while they arrive."""
        return True

    def render(self, request: Request) -> bytes | int:
        """Forward the request."""
        uri = request.uri
        if (b"." in uri or b"%" in uri or b"\\" in uri) and leaves(uri, self.route.prefix):
            request.fail(400, "The path leads out of the part of the site that it begins in.")
            return NOT_DONE_YET
        method = request.method
        if method == b"OPTIONS" or method == b"TRACE":
            counted = counted_down(request.raw_headers)
            if counted is None:
                request.fail(501, "The request may not be forwarded, and this server has no answer of its own to it.")
                return NOT_DONE_YET
            request.raw_headers = counted
        is_connect = method == b"CONNECT"
        upgrade = request.upgrade if request.nominates or is_connect else b""
        if not tunnels(upgrade):
            upgrade = b""
            if is_connect:
                request.fail(501, "This protocol is not spoken here.")
                return NOT_DONE_YET
        fields = forwarded(request)
        if is_loop(fields.lines):
            request.fail(508, "The request goes in circles: a server forwards it to one that it came from.")
            return NOT_DONE_YET
        Exchange(self, request, fields, upgrade).begin()
        return NOT_DONE_YET
