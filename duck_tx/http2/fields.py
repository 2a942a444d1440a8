"""The fields of a request: pseudo-header fields and all others, judged by RFC 9113 8.2 and 8.3, and RFC 8441 4."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from duck_tx.http.head import Rejected, RequestLine, is_host, request_line
from duck_tx.http.headers import FIELD_NAMES, Role, is_token
from duck_tx.http.limits import Limits
from duck_tx.http2.decode import Field

__all__ = ["Head", "Kind", "Malformed", "check_trailers", "judge", "request_head"]

_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*")
_PROTOCOL = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?")
_LENGTH_DIGITS = 18
_NOT_IN_A_LINE = 32 - len(b": \r\n")
"""Bytes by which HPACK's size of a field is more than that of its line in HTTP/1.1."""

_TOLD = (414, 501)
"""Of the verdicts on a request line, those on one that is well-formed."""

_KEPT_AT_MOST = 4096
_KEPT_LENGTH = 64
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


class Malformed(Exception):
    """A request that breaks RFC 9113 8.1 to 8.3: a stream error of type PROTOCOL_ERROR."""


class Kind:
    """What a field is to the server; plain numbers, as every field is asked.

    ``METHOD`` to ``PROTOCOL`` are the pseudo-header fields of a request.
    """

    PLAIN = 0
    METHOD = 1
    SCHEME = 2
    AUTHORITY = 3
    PATH = 4
    PROTOCOL = 5
    HOST = 6
    CONTENT_LENGTH = 7
    EXPECT = 8
    COOKIE = 9
    TE = 10
    MALFORMED = 11


_PSEUDO = {
    b":method": Kind.METHOD,
    b":scheme": Kind.SCHEME,
    b":authority": Kind.AUTHORITY,
    b":path": Kind.PATH,
    b":protocol": Kind.PROTOCOL,
}
_KINDS = {
    Role.HOST: Kind.HOST,
    Role.CONTENT_LENGTH: Kind.CONTENT_LENGTH,
    Role.EXPECT: Kind.EXPECT,
    Role.COOKIE: Kind.COOKIE,
    Role.TRANSFER_ENCODING: Kind.MALFORMED,
    Role.UPGRADE: Kind.MALFORMED,
}
_CONNECTION_SPECIFIC = frozenset({b"connection", b"keep-alive", b"proxy-connection"})


class _Names(dict[bytes, int]):
    """The kinds of field names, found when first met; strangers cannot make it grow without bound."""

    def __missing__(self, name: bytes) -> int:
        kind = _kind_of_name(name)
        if len(self) < _KEPT_AT_MOST and len(name) <= _KEPT_LENGTH:
            self[name] = kind
        return kind


_names = _Names()


def _kind_of_name(name: bytes) -> int:
    if name[:1] == b":":
        return _PSEUDO.get(name, Kind.MALFORMED)
    if not is_token(name) or name != name.lower() or name in _CONNECTION_SPECIFIC:
        return Kind.MALFORMED
    if name == b"te":
        return Kind.TE
    return _KINDS.get(FIELD_NAMES[name].role, Kind.PLAIN)


def judge(name: bytes, value: bytes) -> int:
    """What a field is (:class:`Kind`), whatever stands beside it (RFC 9113 8.2.1, 8.2.2)."""
    kind = _names[name]
    if _VALUE.fullmatch(value) is None:
        return Kind.MALFORMED
    if not kind:
        return kind
    if kind == Kind.TE:
        return Kind.PLAIN if value.lower() == b"trailers" else Kind.MALFORMED
    if kind == Kind.CONTENT_LENGTH and not (value.isdigit() and len(value) <= _LENGTH_DIGITS):
        return Kind.MALFORMED
    return kind


class Head(NamedTuple):
    """The head of a request.

    ``line`` is that of the same request in HTTP/1.1, whose version it bears.  ``headers`` are its fields in order, the
    authority first as Host and the crumbs of a cookie last in one piece.  ``length`` is what it says of the length of
    the body, ``None`` if nothing.  ``protocol`` is what the stream is to be for, in lower case, if the request is an
    extended CONNECT (RFC 8441), else empty.
    """

    line: RequestLine
    headers: list[tuple[bytes, bytes]]
    host: bytes
    length: int | None
    expects_continue: bool
    protocol: bytes


def request_head(fields: Sequence[Field], limits: Limits) -> Head:
    """Make the head of a request out of its fields.

    :raises Malformed: if they are none.
    :raises Rejected: 400, 413, 414, 417, 431 or 501, as for the same request in HTTP/1.1.
    """
    pseudo: list[bytes | None] = [None, None, None, None, None, None]
    headers: list[tuple[bytes, bytes]] = []
    crumbs: list[bytes] = []
    hosts: list[bytes] = []
    length: int | None = None
    expectation: bytes | None = None
    size = longest = 0
    regular = False
    for pair, kind, field_size in fields:
        size += field_size
        if field_size > longest:
            longest = field_size
        if not kind:
            headers.append(pair)
            regular = True
        elif kind <= Kind.PROTOCOL:
            if regular or pseudo[kind] is not None:
                raise Malformed
            pseudo[kind] = pair[1]
        else:
            regular = True
            if kind == Kind.COOKIE:
                crumbs.append(pair[1])
                continue
            if kind == Kind.HOST:
                hosts.append(pair[1])
                continue
            if kind == Kind.CONTENT_LENGTH:
                if length is not None:
                    raise Malformed
                length = int(pair[1])
            elif kind == Kind.EXPECT:
                expectation = pair[1].lower()
            else:
                raise Malformed
            headers.append(pair)
    if crumbs:
        headers.append((b"cookie", crumbs[0] if len(crumbs) == 1 else b"; ".join(crumbs)))
    _, method, scheme, authority, path, protocol = pseudo
    if protocol is not None:
        _check_protocol(method, protocol, length)
        # In all else it is held to the rules of one that asks for something (RFC 8441 4).
        method = b"GET"
    _check_pseudo(method, scheme, authority, path, hosts)
    assert method is not None
    if size > limits.max_header_block or longest > limits.max_header_line:
        _check_sizes(fields, limits)
    try:
        line = request_line(b"%b %b HTTP/1.1\r\n" % (method, b"/" if path is None else path), limits)
    except Rejected as rejected:
        if rejected.status in _TOLD:
            raise
        raise Malformed from None
    if len(headers) >= limits.max_headers and len(headers) + bool(authority or hosts) > limits.max_headers:
        raise Rejected(431, "There are too many header fields.")
    if authority is None:
        if not hosts:
            raise Rejected(400, "The Host field is missing.")
        if len(hosts) > 1:
            raise Rejected(400, "There is more than one Host field.")
        authority = hosts[0]
    if not is_host(authority):
        raise Rejected(400, "The Host field is malformed.")
    if expectation is not None and expectation != b"100-continue":
        raise Rejected(417, "The only expectation known here is 100-continue.")
    if length is not None and limits.max_body and length > limits.max_body:
        raise Rejected(413, "The request body is too large.")
    headers.insert(0, (b"host", authority))
    if protocol is not None:
        return Head(line._replace(method=b"CONNECT"), headers, authority, None, False, protocol.lower())
    return Head(line, headers, authority, length, expectation is not None, b"")


def too_large() -> Rejected:
    """What is answered to a header block that is too large."""
    return Rejected(431, "The header block is too large.")


def _check_sizes(fields: Sequence[Field], limits: Limits) -> None:
    """Hold the fields to the limits as if they were lines of HTTP/1.1; the target has a limit of its own.

    :raises Rejected: 431.
    """
    sizes = [field.size - _NOT_IN_A_LINE for field in fields if not Kind.METHOD <= field.kind <= Kind.PROTOCOL]
    if max(sizes, default=0) > limits.max_header_line:
        raise Rejected(431, "A header field is too large.")
    if sum(sizes) > limits.max_header_block:
        raise too_large()


def _check_pseudo(
    method: bytes | None, scheme: bytes | None, authority: bytes | None, path: bytes | None, hosts: list[bytes]
) -> None:
    """Judge what a request must have and must not (RFC 9113 8.3.1, 8.5).

    :raises Malformed: if it is wrong.
    """
    if method is None or not is_token(method):
        raise Malformed
    if method == b"CONNECT":
        if scheme is not None or path is not None or authority is None:
            raise Malformed
    elif scheme is None or path is None or not _is_scheme(scheme) or not _is_path(path, method):
        raise Malformed
    if authority is not None:
        if b"@" in authority:
            raise Malformed
        for host in hosts:
            if host != authority and _normal(host, scheme) != _normal(authority, scheme):
                raise Malformed


def _check_protocol(method: bytes | None, protocol: bytes, length: int | None) -> None:
    """Judge what an extended CONNECT has beside the fields of other requests (RFC 8441 4).

    :raises Malformed: if it is another method, names no protocol, or has a length: what follows is no content.
    """
    if method != b"CONNECT" or _PROTOCOL.fullmatch(protocol) is None or length is not None:
        raise Malformed


def _is_scheme(scheme: bytes) -> bool:
    return scheme in _DEFAULT_PORTS or _SCHEME.fullmatch(scheme) is not None


def _is_path(path: bytes, method: bytes) -> bool:
    return path[:1] == b"/" or (path == b"*" and method == b"OPTIONS")


def _normal(host: bytes, scheme: bytes | None) -> bytes:
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme or b"", b":"))


def check_trailers(fields: Sequence[Field], limits: Limits) -> None:
    """Judge the trailer section of a request, which is not handed on (RFC 9113 8.1).

    :raises Malformed: if there is a pseudo-header field in it, or a field that is none.
    :raises Rejected: 431.
    """
    for field in fields:
        if Kind.METHOD <= field.kind <= Kind.PROTOCOL or field.kind == Kind.MALFORMED:
            raise Malformed
    if len(fields) > limits.max_headers:
        raise Rejected(431, "There are too many trailer fields.")
    _check_sizes(fields, limits)
