"""Static and media files as a front server serves them, straight from the reactor."""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET

from duck_tx.content.coding import preferred
from duck_tx.content.conditional import Outcome, precondition, range_applies
from duck_tx.content.name import file_name
from duck_tx.content.ranges import Span, part_heads, spans
from duck_tx.content.representation import Field, Presentation, Representation
from duck_tx.content.root import Finder, Found, Place, Root
from duck_tx.content.shelf import SMALL, Changed, Shelf
from duck_tx.http.filepart import FilePart

if TYPE_CHECKING:
    from duck_tx.http.request import Request

__all__ = ["StaticFiles"]

_log = Logger()

_PRECONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range")
_ASKED = frozenset((b"accept-encoding", b"range", *_PRECONDITIONS))
_MISSING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO))
_ATTEMPTS = 3


class _Answer(NamedTuple):
    """A response: of two fields with one name the later counts."""

    code: int
    fields: tuple[Field, ...]
    length: int | None
    parts: Sequence[bytes | FilePart]


def _page(code: int, text: bytes, *fields: Field) -> _Answer:
    """A line of plain text."""
    kind = (b"Content-Type", b"text/plain; charset=utf-8")
    return _Answer(code, (kind, (b"X-Content-Type-Options", b"nosniff"), *fields), len(text), (text,))


_MISSING_PAGE = _page(404, b"There is no such file.\n")
_FORBIDDEN_PAGE = _page(403, b"This file may not be read.\n")
_METHOD_PAGE = _page(405, b"Files can only be read.\n", (b"Allow", b"GET, HEAD"))
_FAILED_PAGE = _page(412, b"The file is not in the state that was asked for.\n")
_UNREADABLE_PAGE = _page(503, b"This file cannot be read at the moment.\n", (b"Retry-After", b"1"))


class StaticFiles(Resource):
    """A leaf that answers GET and HEAD with the file that ``request.mount_path`` names.

    Folders, names with a segment that begins with a dot, devices, and links out of the root are as if they
    were not there (404). A file that is there but may not be read is a 403: the operator's mistake should
    show.

    With ``untrusted``, for files that users uploaded, a page or picture among them must not act as the site.
    Each is sent as what its name says, but ``Content-Security-Policy: sandbox`` with nothing to load from
    elsewhere gives it an origin of its own and no scripts when it is opened by itself; shown inside a page,
    it is as good as before. PDF is left out, since browsers refuse to show a sandboxed one and its scripts
    never run in the site's origin. Nor is a name with a hash in it believed: users choose names.

    :param root: the folder, or
    :param finder: what finds the path of a file by its name, in place of a folder.
    :param max_age: seconds that browsers may use a file without asking; they always may ask.
    :param immutable: let them keep files with a hash in their name for ever
        (:func:`duck_tx.content.caching.is_hashed`).
    :param precompressed: send ``name.br``, ``name.zst`` or ``name.gz`` for ``name`` to those who take it.
    :param untrusted: the files come from users.
    :param fallback: a resource of the whole site, which gets a request for what is not here, its path as it
        came.
    :param now: seconds since the epoch.
    :raises ValueError: unless there is exactly one of ``root`` and ``finder``.
    """

    isLeaf = True

    def __init__(
        self,
        root: str | None = None,
        *,
        finder: Finder | None = None,
        max_age: int = 0,
        immutable: bool = True,
        precompressed: bool = True,
        untrusted: bool = False,
        fallback: IResource | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._place: Place
        if root is not None and finder is None:
            self._place = Root(root)
        elif finder is not None and root is None:
            self._place = Found(finder)
        else:
            raise ValueError("StaticFiles needs a root or a finder, and not both")
        self._precompressed = precompressed
        self._fallback = fallback
        self._now = now
        self._shelf = Shelf(self._place, Presentation(max_age, immutable, precompressed, untrusted), now)

    def render(self, request: Request) -> bytes | int:
        """Answer ``request``; see the class. ``NOT_DONE_YET``, unless a fallback returns something else."""
        answer = self._answer(request.method, request.mount_path, request.raw_headers)
        if answer is None:
            if self._fallback is not None:
                return self._pass_on(request, self._fallback)
            answer = _MISSING_PAGE
        code, fields, length, parts = answer
        request.setResponseCode(code)
        headers = request.responseHeaders
        for name, value in fields:
            headers.setRawHeaders(name, [value])
        if length is not None:
            headers.setRawHeaders(b"Content-Length", [b"%d" % length])
        if parts and request.method != b"HEAD":
            request.send_parts(parts)
        else:
            request.finish()
        return NOT_DONE_YET

    def _pass_on(self, request: Request, fallback: IResource) -> bytes | int:
        request.postpath = [*request.prepath, *request.postpath]
        request.prepath = []
        request.mount_path = request.path[1:]
        answer: bytes | int = getChildForRequest(fallback, request).render(request)
        return answer

    def _answer(self, method: bytes, mount_path: bytes, received: Iterable[tuple[bytes, bytes]]) -> _Answer | None:
        """What to answer, ``None`` where there is no such file."""
        readable = method in (b"GET", b"HEAD")
        if not readable and self._fallback is None:
            return _METHOD_PAGE
        name = file_name(mount_path)
        path = None if name is None else self._place.locate(name)
        if name is None or path is None:
            return None
        try:
            for _ in range(_ATTEMPTS):
                try:
                    plain = self._shelf.representation(name, path)
                    return self._answer_with(plain, method, _asked(received)) if readable else _METHOD_PAGE
                except Changed:
                    continue
        except PermissionError:
            return _FORBIDDEN_PAGE
        except UnicodeEncodeError:
            # The file system's encoding has no such name.
            return None
        except OSError as error:
            if error.errno in _MISSING:
                return None
            _log.error("file {name} cannot be read: {error}", name=name, error=error)
        return _UNREADABLE_PAGE

    def _answer_with(self, plain: Representation, method: bytes, asked: dict[bytes, bytes]) -> _Answer:
        """What to answer where there is a file.

        :raises Changed: if that file was replaced meanwhile.
        """
        chosen = plain
        accepted = asked.pop(b"accept-encoding", b"")
        if accepted and self._precompressed:
            chosen = self._shelf.encoded(plain, preferred(accepted))
        if asked:
            outcome = precondition(asked, chosen.validators)
            if outcome is Outcome.FAILED:
                return _FAILED_PAGE
            if outcome is Outcome.NOT_MODIFIED:
                return _Answer(304, chosen.fields_304, None, ())
        if method == b"HEAD":
            return _Answer(200, chosen.fields, chosen.size, ())
        if b"range" in asked and range_applies(asked, chosen.validators, self._now()):
            selected = spans(asked[b"range"], chosen.size)
            if selected is not None:
                return self._partial(chosen, selected)
        return _Answer(200, chosen.fields, chosen.size, self._parts(chosen, (Span(0, chosen.size),)))

    def _partial(self, chosen: Representation, selected: Sequence[Span]) -> _Answer:
        """Some of the bytes: one span as it is, several as ``multipart/byteranges``."""
        if not selected:
            unsatisfied = (b"Content-Range", b"bytes */%d" % chosen.size)
            return _page(416, b"The file has no such bytes.\n", unsatisfied)
        parts = self._parts(chosen, selected)
        length = sum(span.stop - span.start for span in selected)
        if len(selected) == 1:
            fields = (*chosen.fields, (b"Content-Range", selected[0].content_range(chosen.size)))
            return _Answer(206, fields, length, parts)
        # Random, so that no file can hold it.
        boundary = secrets.token_hex(16).encode()
        first, *heads = part_heads(selected, chosen.size, chosen.content_type, boundary)
        framed: list[bytes | FilePart] = [first]
        for part, head in zip(parts, heads, strict=True):
            framed += (part, head)
        fields = (*chosen.fields, (b"Content-Type", b"multipart/byteranges; boundary=" + boundary))
        return _Answer(206, fields, length + sum(map(len, (first, *heads))), framed)

    def _parts(self, chosen: Representation, selected: Iterable[Span]) -> list[bytes | FilePart]:
        """The bytes of the spans, from memory or to be read while they are sent."""
        if chosen.size <= SMALL:
            content = self._shelf.content(chosen)
            return [content[start:stop] for start, stop in selected]
        file = self._shelf.open(chosen)
        return [FilePart(file, start, stop - start) for start, stop in selected]


def _asked(received: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The received fields that matter here, by lower-case name, repeated ones joined with a comma."""
    asked: dict[bytes, bytes] = {}
    for name, value in received:
        key = name.lower()
        if key in _ASKED:
            asked[key] = asked[key] + b", " + value if key in asked else value
    return asked
