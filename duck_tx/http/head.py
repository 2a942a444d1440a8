"""The head of a request, judged by RFC 9112 where llhttp is lenient or silent."""

from __future__ import annotations

import re
from typing import NamedTuple

from duck_tx.http.headers import FIELD_NAMES, Role
from duck_tx.http.limits import Limits

__all__ = ["Framing", "Rejected", "RequestLine", "check_lines", "examine_fields", "is_host", "request_line"]

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-\"$-~]+) HTTP/(1\.[01])\r\n")
_OTHER_VERSION = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [!-~]+ HTTP/\d\.\d\r\n")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]+)(.*)", re.DOTALL)
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9_~!$&'()*+;=.-]|%[0-9A-Fa-f]{2}){1,255})(?::[0-9]{0,5})?")
_METHODS = frozenset(
    (
        b"GET HEAD POST PUT PATCH DELETE OPTIONS TRACE QUERY COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK "
        b"BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE "
        b"MKCALENDAR LINK UNLINK"
    ).split()
)
"""What llhttp knows, without those that begin something other than HTTP/1.1."""

_VERSION_AND_METHOD = 64
"""Bytes of a request line beside its target."""

_HOSTS_KEPT_AT_MOST = 1024
_hosts: set[bytes] = set()
_USUAL_OPTIONS = frozenset({b"close", b"keep-alive", b"te", b"trailers"})


class Rejected(Exception):
    """A request that gets an error response and a closed connection.

    :ivar status: the HTTP status code of the answer.
    :ivar reason: one sentence for the client, in ASCII.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class RequestLine(NamedTuple):
    """The first line of a request.

    ``path`` is the target in origin form (``*`` for the server as a whole), ``authority`` that of an absolute target.
    """

    method: bytes
    path: bytes
    version: bytes
    authority: bytes | None


class Framing(NamedTuple):
    """How the header fields say that the message goes on.

    ``length`` is ``None`` with chunked coding.  ``nominates``: ``Connection`` may name fields that are not to be handed
    on.
    """

    host: bytes | None
    length: int | None
    has_body: bool
    expects_continue: bool
    nominates: bool


def request_line(head: bytes, limits: Limits) -> RequestLine:
    """Read the first line of a whole head (RFC 9112 3).

    :raises Rejected: 400, 414, 501 or 505.
    """
    match = _LINE.match(head)
    if match is None or match.end() > limits.max_uri:
        check_request_line(head, limits)
    assert match is not None
    method, target, version = match.groups()
    if method not in _METHODS:
        raise Rejected(501, "This method is not known here.")
    if target[0] == 47:
        return RequestLine(method, target, version, None)
    if target == b"*" and method == b"OPTIONS":
        return RequestLine(method, target, version, None)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not is_host(absolute.group(1)):
        raise Rejected(400, "The request target is malformed.")
    authority, path = absolute.groups()
    if not path and method == b"OPTIONS":
        path = b"*"
    elif path[:1] != b"/":
        path = b"/" + path
    return RequestLine(method, path, version, authority)


def check_request_line(head: bytes, limits: Limits) -> None:
    """Say what is wrong with the first line, which is whole and perhaps only long.

    :raises Rejected: 400, 414 or 505.
    """
    line = head[: head.find(b"\n") + 1]
    if not 32 < line[0] < 127:
        raise Rejected(400, "This is not HTTP.")
    if len(line) > limits.max_uri + _VERSION_AND_METHOD:
        raise Rejected(414, "The request line is too long.")
    match = _LINE.match(line)
    if match is not None:
        if len(match.group(2)) > limits.max_uri:
            raise Rejected(414, "The request target is too long.")
    elif _OTHER_VERSION.fullmatch(line) and b"#" not in line:
        raise Rejected(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    else:
        raise Rejected(400, "The request line is malformed.")


def check_lines(head: bytes, start: int, limits: Limits) -> int:
    """Check the lines of a head as far as it has come, in the order in which they came: however the bytes of a bad
    head are cut into pieces, the first fault in it is the one that is told.

    :param head: all of the head that is there, at least one byte.
    :param start: where the first line begins that has not been checked.
    :returns: where the line begins that is not whole yet.
    :raises Rejected: 400, 414 for the request line, 431 for a field line or the block, 501 or 505.
    """
    if not start:
        if not 32 < head[0] < 127:
            raise Rejected(400, "This is not HTTP.")
        start = head.find(b"\n") + 1
        if start:
            request_line(head[:start], limits)
        elif len(head) > limits.max_uri + _VERSION_AND_METHOD:
            raise Rejected(414, "The request line is too long.")
        else:
            return 0
    first = head.find(b"\n") + 1
    while start < len(head):
        end = head.find(b"\n", start) + 1
        stop = end or len(head)
        if stop - start > limits.max_header_line:
            raise Rejected(431, "A header field is too large.")
        if stop - first > limits.max_header_block:
            raise Rejected(431, "The header block is too large.")
        if not end:
            break
        if head[end - 2] != 13:
            raise Rejected(400, "A line does not end in CR LF.")
        start = end
    return start


def examine_fields(version: bytes, headers: list[tuple[bytes, bytes]]) -> Framing:
    """Judge the fields of a head that llhttp let through.

    llhttp has already refused malformed and repeated Content-Length, Content-Length beside Transfer-Encoding, and
    a coding list that does not end in chunked.

    :raises Rejected: 400, 417 or 501.
    """
    host: bytes | None = None
    length = None
    chunked = expects = nominates = False
    for name, value in headers:
        role = FIELD_NAMES[name].role
        if not role:
            continue
        if role == Role.HOST:
            if host is not None:
                raise Rejected(400, "There is more than one Host field.")
            host = value
        elif role == Role.CONTENT_LENGTH:
            length = int(value)
        elif role == Role.TRANSFER_ENCODING:
            if version != b"1.1":
                raise Rejected(400, "Transfer-Encoding needs HTTP/1.1.")
            if chunked or value.lower() != b"chunked":
                raise Rejected(501, "The only transfer coding known here is chunked.")
            chunked = True
        elif role == Role.EXPECT:
            if value.lower() != b"100-continue":
                raise Rejected(417, "The only expectation known here is 100-continue.")
            expects = version == b"1.1"
        elif role == Role.CONNECTION and value.lower() not in _USUAL_OPTIONS:
            nominates = True
    if host is None:
        if version == b"1.1":
            raise Rejected(400, "The Host field is missing.")
    elif not is_host(host):
        raise Rejected(400, "The Host field is malformed.")
    return Framing(host, length, chunked or bool(length), expects, nominates)


def is_host(value: bytes) -> bool:
    """Whether ``value`` is a host with an optional port (RFC 9110 7.2, RFC 3986 3.2.2), and not empty."""
    if value in _hosts:
        return True
    match = _HOST.fullmatch(value)
    if match is None or int(value.rpartition(b":")[2] or 0 if _has_port(value) else 0) > 65_535:
        return False
    if len(_hosts) < _HOSTS_KEPT_AT_MOST:
        _hosts.add(value)
    return True


def _has_port(value: bytes) -> bool:
    return b":" in value.rpartition(b"]")[2]
