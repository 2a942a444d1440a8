"""Pages through WSGI, and WebSockets and some paths through ASGI."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource, streams
from duck_tx.http.request import Request

__all__ = ["Both", "NotHere"]


class Both(LeafResource):
    """Hands requests below some paths to one resource, all others to another.

    :param pages: answers by default.
    :param others: answers below the paths.
    :param paths: raw prefixes: ``/events/`` for what is below it, ``/events`` for that path as well.
    """

    def __init__(self, pages: IResource, others: LeafResource, paths: Iterable[str]) -> None:
        self._pages = pages
        self._others = others
        raw = [path.encode("ascii") for path in paths]
        whole = [path for path in raw if not path.endswith(b"/")]
        self._exact = frozenset(whole)
        self._below = tuple(
            [path for path in raw if path.endswith(b"/")] + [p + end for p in whole for end in (b"/", b"?")]
        )

    def _is_for_others(self, request: Request) -> bool:
        return request.uri.startswith(self._below) or request.uri in self._exact

    def streams(self, request: Request) -> bool:
        """Whether the one that answers does."""
        return streams(self._others if self._is_for_others(request) else self._pages, request)

    def render(self, request: Request) -> bytes | int:
        """Have the right one answer."""
        if request.uri.startswith(self._below) or request.uri in self._exact:
            return self._others.render(request)
        answer: bytes | int = self._pages.render(request)
        return answer


class NotHere(LeafResource):
    """Answers 501: what is asked for is not done here.

    :param sentence: says why, in ASCII.
    """

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def render(self, request: Request) -> int:
        """Say so."""
        request.fail(501, self._sentence)
        return NOT_DONE_YET
