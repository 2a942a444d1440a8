"""The redirect site's resource: whatever is asked for over plain HTTP is to be had over HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.response import REASONS, serialise, status_line
from duck_tx.https.name import canonical
from duck_tx.uris import absolute_uri, public_host

__all__ = ["RedirectResource", "host_name", "redirect_code"]

_CHALLENGES = b"/.well-known/acme-challenge/"

# Permanent redirects may be kept for ever where nothing else is said (RFC 9110 15.4.2), so a wrong one could not be
# mended. An hour keeps a browser that follows links of old pages from asking each time.
_KEPT_PERMANENTLY = b"max-age=3600"
_NOT_KEPT = b"no-store"

_PAGE = b'<!DOCTYPE html>\n<title>%(reason)b</title>\n<p>This page is at <a href="%(uri)b">%(uri)b</a>.</p>\n'


def redirect_code(method: bytes, *, permanent: bool) -> int:
    """The status of a redirect.

    301 and 302 for GET and HEAD, which every client knows; for other methods 308 and 307, after which the request is
    sent again as it was, with its body: after 301 and 302 clients make a GET of it (RFC 9110 15.4.2).
    """
    if method in (b"GET", b"HEAD"):
        return 301 if permanent else 302
    return 308 if permanent else 307


def host_name(host: bytes | None) -> str:
    """The host that a valid Host field names, as names are compared (:func:`duck_tx.https.name.canonical`), without its
    port.  Empty if there is none."""
    text = (host or b"").decode("ascii")
    return canonical(text.partition("]")[0] if text.startswith("[") else text.partition(":")[0])


class RedirectResource(LeafResource):
    """Answers everything with a redirect to HTTPS, path and query byte for byte as they came.

    Before that, challenges of ACME's HTTP-01 are answered (RFC 8555 8.3), and the paths that are exempt.

    :param domain: the host of redirects whose request names none of ours: a name or an address.
    :param port: of the HTTPS server.
    :param keeps: whether a host, as :func:`host_name` gives it, is one of ours.  A client's word for any other is not
        repeated: caches and links in mails would spread it.
    :param permanent: redirect with 301 and 308, not 302 and 307.
    :param exempt: raw paths, without query, that ``pages`` answers.
    :param pages: the leaf resource of the site.
    :param challenges: key authorisations by token, as they are at the moment.
    """

    def __init__(
        self,
        *,
        domain: Callable[[], str],
        port: Callable[[], int],
        keeps: Callable[[str], bool],
        permanent: bool,
        exempt: frozenset[bytes],
        pages: Callable[[], IResource],
        challenges: Mapping[bytes, bytes],
    ) -> None:
        self._domain = domain
        self._port = port
        self._keeps = keeps
        self._permanent = permanent
        self._exempt = exempt
        self._pages = pages
        self._challenges = challenges

    def render(self, request: Request) -> bytes | int:
        """Answer a challenge, a page that is exempt, or with the redirect.

        The target begins with a slash: ``OPTIONS *`` is answered by the request itself, CONNECT by nobody.
        """
        path = request.path
        if path.startswith(_CHALLENGES) and request.method in (b"GET", b"HEAD"):
            answer = self._challenges.get(path[len(_CHALLENGES) :])
            if answer is not None:
                _answer(request, 200, b"application/octet-stream", _NOT_KEPT, answer)
                return NOT_DONE_YET
            # Not ours, but perhaps that of another ACME client, such as certbot with the site's folder as webroot:
            # authorities follow redirects (RFC 8555 8.3), and Let's Encrypt minds no certificate on the way.
        if path in self._exempt:
            page: bytes | int = self._pages().render(request)
            return page
        self._redirect(request)
        return NOT_DONE_YET

    def _redirect(self, request: Request) -> None:
        code = redirect_code(request.method, permanent=self._permanent)
        # Behind an authority even a path like //other.example/ is a path.
        location = self._base(host_name(request.host_header)) + request.uri
        page = _PAGE % {b"reason": REASONS[code], b"uri": escape(location.decode("ascii")).encode("ascii")}
        kept = _KEPT_PERMANENTLY if self._permanent else _NOT_KEPT
        _answer(request, code, b"text/html; charset=utf-8", kept, page, (b"Location", location))

    def _base(self, host: str) -> bytes:
        """``https://host[:port]``."""
        if not (host and self._keeps(host)):
            host = self._domain()
        return absolute_uri(public_host(host, ""), self._port(), is_secure=True).encode("ascii")


def _answer(request: Request, code: int, kind: bytes, kept: bytes, body: bytes, *fields: tuple[bytes, bytes]) -> None:
    named = [
        (b"Content-Type", kind),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Cache-Control", kept),
        *fields,
    ]
    # The length is said to HEAD too, which would otherwise hear none.
    request.send(status_line(code), code, serialise(named)._replace(length=len(body)), body)
