"""What of a request is handed on to a server, and in which form (RFC 9110 7.6).

Pure: a request and an address in, bytes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from duck_tx.http.forwarded import Origin, forwarded_headers
from duck_tx.http.headers import FIELD_NAMES, Fields, Role
from duck_tx.http.request import Request
from duck_tx.proxy.upstream import Upstream

__all__ = [
    "PSEUDONYM",
    "Forwarded",
    "Route",
    "counted_down",
    "forwarded",
    "framing",
    "host_of",
    "is_loop",
    "leaves",
    "nominated",
    "request_line",
    "tunnels",
]

PSEUDONYM = b"duck_tx"
"""What this server calls itself in ``Via`` (RFC 9110 7.6.3)."""

_PASSED = frozenset(
    {Role.PLAIN, Role.DATE, Role.SERVER, Role.COOKIE, Role.CONTENT_TYPE, Role.TRANSPORT_SECURITY}
)  # fmt: skip
_HOPS_DIGITS = 10
_LOOPS_AT = 8
"""Times that a request may have passed servers of this name; one behind the other is no mistake yet."""

_DOTS = re.compile(rb"%2[ef]|%5c|\\|/\.", re.IGNORECASE)
_DOT = re.compile(rb"%2e", re.IGNORECASE)
_SLASH = re.compile(rb"%2f|%5c|\\", re.IGNORECASE)
_NOT_TUNNELLED = (b"h2c", b"http", b"tls")
_NEVER_NAMED = frozenset(
    b"close keep-alive te trailer upgrade host content-length content-type cookie set-cookie date".split()
)
_WITH_CONTENT = frozenset({b"POST", b"PUT", b"PATCH"})


@dataclass(frozen=True, slots=True)
class Route:
    """The rules that are the same for all requests of a resource.

    :ivar prefix: of the paths that come here, with a slash at both ends.
    :ivar strip: the servers do not see it.
    :ivar host: what the servers get as Host: ``keep`` the client's, ``rewrite`` it to the server's own, or this one.
    """

    prefix: bytes = b"/"
    strip: bool = False
    host: str = "keep"

    @property
    def moves(self) -> bool:
        """Whether the servers see other paths or hosts than the client."""
        return (self.strip and self.prefix != b"/") or self.host != "keep"

    def target(self, uri: bytes, base: bytes) -> bytes:
        """The target of a request as a server sees it, byte for byte but for the prefix and the server's base path."""
        if self.strip:
            uri = uri[len(self.prefix) - 1 :]
            if uri[:1] != b"/":
                uri = b"/" + uri
        return base + uri


class Forwarded(NamedTuple):
    """What all servers get of a request.

    ``lines`` are header fields.  ``has_length``: it says how long its body is, if only that there is none.
    ``expects``: its body comes when it is asked for.  ``trailer`` announces trailers, in a line; ``takes_trailers``:
    the client would take some.
    """

    lines: bytes
    host: bytes | None
    has_length: bool
    expects: bool
    trailer: bytes
    takes_trailers: bool


def forwarded(request: Request) -> Forwarded:
    """Read the fields of a request.

    Left out are those about this connection (RFC 9110 7.6.1), those that it names in ``Connection``, those in which a
    stranger could lie about where it came from, and those with ``_`` in their names, which some servers take for
    others.  What has been found out about the client takes their place.
    """
    origin = request.origin
    fields = request.raw_headers
    if request.nominates:
        named = nominated(fields)
        fields = [field for field in fields if field[0].lower() not in named]
    lines = []
    has_length = expects = takes_trailers = False
    trailer = b""
    for name, value in fields:
        found = FIELD_NAMES[name]
        role = found.role
        if not role or role in _PASSED:
            lines.append(name + b": " + value + b"\r\n")
        elif role == Role.CONTENT_LENGTH:
            has_length = True
        elif role == Role.EXPECT:
            expects = True
        elif role == Role.CONNECTION:
            if found.lower == b"te":
                takes_trailers = b"trailers" in value.lower()
            elif found.lower == b"trailer":
                trailer += b"Trailer: " + value + b"\r\n"
    protocol = request.clientproto[5:]
    lines.append(_about(origin.address, origin.scheme, origin.host))
    lines.append(b"X-Request-ID: %b\r\nVia: %b %b\r\n" % (origin.request_id.encode("ascii"), protocol, PSEUDONYM))
    return Forwarded(b"".join(lines), request.host_header, has_length, expects, trailer, takes_trailers)


def nominated(fields: Fields) -> set[bytes]:
    """The names, in lower case, of the fields that ``Connection`` keeps to this connection (RFC 9110 7.6.1).

    It cannot take away what frames, names or describes the message, and what it says of its own kind is known anyway.
    """
    named = {
        option.strip(b" \t").lower()
        for name, value in fields
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
    return named - _NEVER_NAMED


@lru_cache(maxsize=1024)
def _about(address: str, scheme: str, host: bytes) -> bytes:
    """The lines that say who asked."""
    *fields, _ = forwarded_headers(Origin(address, 0, scheme, host, ""))
    return b"".join(name + b": " + value + b"\r\n" for name, value in fields)


def request_line(method: bytes, uri: bytes, fields: Forwarded, route: Route, upstream: Upstream) -> bytes:
    """The first two lines of the request as one server gets it."""
    target = route.target(uri, upstream.base)
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method, target, host_of(fields.host, route, upstream))


def framing(method: bytes, fields: Forwarded, length: int | None) -> bytes:
    """The lines that say how long the body is.

    :param length: ``None`` if it goes out in chunks.
    """
    lines = b"Connection: TE\r\nTE: trailers\r\n" if fields.takes_trailers else b""
    if length is None:
        return lines + fields.trailer + b"Transfer-Encoding: chunked\r\n"
    if length or fields.has_length or method in _WITH_CONTENT:
        return lines + b"Content-Length: %d\r\n" % length
    return lines


def host_of(host: bytes | None, route: Route, upstream: Upstream) -> bytes:
    """The Host that a server gets."""
    if route.host == "keep":
        return upstream.authority if host is None else host
    return upstream.authority if route.host == "rewrite" else route.host.encode("ascii")


def is_loop(lines: bytes) -> bool:
    """Whether a request has come by too often: by ``Via``, as this server has it in each time."""
    return lines.count(PSEUDONYM) > _LOOPS_AT and _named(lines) > _LOOPS_AT


def _named(lines: bytes) -> int:
    return sum(
        element.split()[1:2] == [PSEUDONYM]
        for line in lines.split(b"\r\n")
        if line[:4].lower() == b"via:"
        for element in line[4:].split(b",")
    )


def counted_down(fields: Fields) -> Fields | None:
    """The fields of an OPTIONS or TRACE request with one hop less in ``Max-Forwards``; ``None`` if none is left, so
    that it is for this server to answer (RFC 9110 7.6.2).  A value that is no number means nothing."""
    counted = []
    for name, value in fields:
        if name.lower() == b"max-forwards" and value.isdigit() and len(value) < _HOPS_DIGITS:
            if not int(value):
                return None
            counted.append((name, b"%d" % (int(value) - 1)))
        else:
            counted.append((name, value))
    return counted


def leaves(uri: bytes, prefix: bytes) -> bool:
    """Whether the path of ``uri`` leads out of ``prefix`` for a server that resolves ``..`` in it, also in ways of
    writing it that some servers decode first."""
    if _DOTS.search(uri) is None:
        return False
    # The prefix stands in the request as it does in the settings: what is written otherwise in it stays so.
    path = _SLASH.sub(b"/", _DOT.sub(b".", uri.partition(b"?")[0][len(prefix) :]))
    depth = 0
    for segment in path.split(b"/"):
        name = segment.partition(b";")[0]
        if name == b"..":
            depth -= 1
            if depth < 0:
                return True
        elif name != b"." and name:
            depth += 1
    return False


def tunnels(protocol: bytes) -> bool:
    """Whether the client may switch to this protocol through the proxy: not to another kind of HTTP, whose requests
    would pass it unseen."""
    return bool(protocol) and not protocol.startswith(_NOT_TUNNELLED)
