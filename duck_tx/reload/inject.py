"""Adds a tag to the HTML pages of a WSGI application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["OF_THE_BODY", "SHOWN", "Injecting", "may_have_tag", "with_tag"]

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[str, str]]

_END_OF_BODY = re.compile(rb"</body\s*>", re.IGNORECASE)
SHOWN = ("document", "frame", "iframe", "embed", "object")
"""What a browser says that it fetches when it is to be shown as a page (Sec-Fetch-Dest)."""

_WITHOUT_BODY = ("204", "205", "206", "304")
OF_THE_BODY = ("content-length", "etag", "last-modified", "content-md5", "digest", "repr-digest", "content-digest")
"""Fields that speak of the bytes that the application sent.  Were a page left that a browser could ask after, it would
keep one with the tag of an earlier life."""


def with_tag(page: bytes, tag: bytes) -> bytes:
    """``page`` with ``tag`` before the end of its body, or at its own end."""
    ends = [end.start() for end in _END_OF_BODY.finditer(page)]
    at = ends[-1] if ends else len(page)
    return page[:at] + tag + page[at:]


def may_have_tag(status: str, headers: Headers) -> bool:
    """Whether this is the head of a page that may be changed."""
    if status.startswith(_WITHOUT_BODY):
        return False
    fields = {name.lower(): value.lower() for name, value in headers}
    kind, _, parameters = fields.get("content-type", "").partition(";")
    return (
        kind.strip() == "text/html"
        and "utf-16" not in parameters
        and "utf-32" not in parameters
        and fields.get("content-encoding", "identity") == "identity"
        and "content-range" not in fields
    )


class Injecting:
    """The application, with a tag in each page.

    Only a whole page gets one: what is streamed, compressed, partial or no HTML is left as it is, and so is what a
    script fetches.

    :param application: makes the pages.
    :param tag: the tag of this moment, in ASCII.
    """

    def __init__(self, application: Application, tag: Callable[[], str]) -> None:
        self._application = application
        self._tag = tag

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD" or environ.get("HTTP_SEC_FETCH_DEST", "document") not in SHOWN:
            return self._application(environ, start_response)
        head = _Head(start_response)
        body = self._application(environ, head.start)
        if not head.is_page or not _is_whole(body):
            head.release()
            return body
        try:
            page = with_tag(b"".join(body), self._tag().encode("ascii"))
        except BaseException:
            _close(body)
            raise
        head.fields = [field for field in head.fields if field[0].lower() not in OF_THE_BODY]
        head.fields.append(("Content-Length", str(len(page))))
        head.release()
        return _Page(page, body)


def _is_whole(body: object) -> bool:
    return isinstance(body, (list, tuple)) or getattr(body, "streaming", None) is False


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


class _Page(list[bytes]):
    """The new body; the application's is closed with it."""

    def __init__(self, page: bytes, body: object) -> None:
        super().__init__([page])
        self._body = body

    def close(self) -> None:
        _close(self._body)


class _Head:
    """The head of a response, kept back until it is known what becomes of it.

    :ivar fields: may be changed while it is kept.
    """

    def __init__(self, start_response: Callable[..., Any]) -> None:
        self.fields: Headers = []
        self._status: str | None = None
        self._start = start_response
        self._is_released = False
        self._write: Callable[[bytes], object] | None = None

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        """What the application calls instead of ``start_response``."""
        if self._is_released:
            write: Callable[[bytes], object] = self._start(status, headers, exc_info)
            return write
        if exc_info is None and self._status is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._status, self.fields = status, list(headers)
        return self._write_now

    def _write_now(self, data: bytes) -> None:
        self.release()
        assert self._write is not None
        self._write(data)

    def release(self) -> None:
        """Pass the head on, and whatever comes after it."""
        if not self._is_released:
            self._is_released = True
            if self._status is not None:
                self._write = self._start(self._status, self.fields)

    @property
    def is_page(self) -> bool:
        """Whether this is the head of a page that may be changed, and nothing of it has been sent."""
        return not self._is_released and self._status is not None and may_have_tag(self._status, self.fields)
