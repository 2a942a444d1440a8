"""Header field names: what each one means to this server, found once for each spelling and kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "FIELD_NAMES", "NO_BODY", "FieldName", "Fields", "Role", "allowed_trailers", "end_to_end", "is_token",
    "wanted_upgrade",
]  # fmt: skip

Fields = list[tuple[bytes, bytes]]
"""Header fields in order, case of names kept."""

NO_BODY = frozenset({204, 304})
"""Status codes whose responses never have a body (RFC 9110 6.4.1); 1xx are not final and no application's to send."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PROTOCOL = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+(?:/[!#$%&'*+\-.^_`|~0-9a-z]+)?")
_KEPT_AT_MOST = 4096
_KEPT_LENGTH = 64


class Role:
    """What a field name is to the server; everything not named here is ``PLAIN``.

    Plain numbers: to look up a member of an ``Enum`` takes five times as long (Python 3.11), and every field is asked.
    """

    PLAIN = 0
    HOST = 1
    CONTENT_LENGTH = 2
    TRANSFER_ENCODING = 3
    EXPECT = 4
    CONNECTION = 5
    UPGRADE = 6
    DATE = 7
    SERVER = 8
    COOKIE = 9
    CONTENT_TYPE = 10
    FORWARDING = 11
    UNSAFE = 12
    TRANSPORT_SECURITY = 13


class FieldName(NamedTuple):
    """One spelling of a field name.

    ``environ`` is its CGI variable (RFC 3875 4.1.18), ``None`` for a name that must not become one: with ``_`` in
    it, it would take the place of the name with ``-``; ``Proxy`` would become ``HTTP_PROXY``; and what is about this
    one connection is no business of an application's.
    """

    lower: bytes
    environ: str | None
    role: int


_ROLES = {
    b"host": Role.HOST,
    b"content-length": Role.CONTENT_LENGTH,
    b"transfer-encoding": Role.TRANSFER_ENCODING,
    b"expect": Role.EXPECT,
    b"connection": Role.CONNECTION,
    b"keep-alive": Role.CONNECTION,
    b"proxy-connection": Role.CONNECTION,
    b"te": Role.CONNECTION,
    b"trailer": Role.CONNECTION,
    b"upgrade": Role.UPGRADE,
    b"date": Role.DATE,
    b"server": Role.SERVER,
    b"cookie": Role.COOKIE,
    b"content-type": Role.CONTENT_TYPE,
    b"forwarded": Role.FORWARDING,
    b"x-real-ip": Role.FORWARDING,
    b"x-request-id": Role.FORWARDING,
    b"proxy": Role.UNSAFE,
    b"strict-transport-security": Role.TRANSPORT_SECURITY,
}

_THIS_CONNECTION = frozenset({Role.CONNECTION, Role.UPGRADE, Role.TRANSFER_ENCODING, Role.FORWARDING, Role.UNSAFE})
_NO_VARIABLE = _THIS_CONNECTION | {Role.CONTENT_LENGTH}
_NEVER_NAMED = frozenset({b"close", b"keep-alive", b"host", b"content-length", b"content-type", b"cookie"})


_NO_TRAILER = frozenset(
    (
        b"accept accept-charset accept-encoding accept-language age authorization cache-control clear-site-data "
        b"connection content-encoding content-length content-location content-range content-type cookie date expect "
        b"expires host if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive location "
        b"max-forwards origin pragma proxy proxy-authenticate proxy-authentication-info proxy-authorization "
        b"proxy-connection range referer retry-after set-cookie strict-transport-security te trailer transfer-encoding "
        b"upgrade user-agent vary warning www-authenticate"
    ).split()
)
"""What frames, routes, controls or authenticates a message, or says how to read it, means nothing behind its body, or
could be made to mean something by who merges both sections (RFC 9110 6.5.1)."""


class _Names(dict[bytes, FieldName]):
    """Field names by their spelling, examined when first met; strangers cannot make it grow without bound."""

    def __missing__(self, name: bytes) -> FieldName:
        found = _examine(name)
        if len(self) < _KEPT_AT_MOST and len(name) <= _KEPT_LENGTH:
            self[name] = found
        return found


FIELD_NAMES = _Names()
"""What a field name means, in any case of letters: ``FIELD_NAMES[b"Host"].role``."""


def is_token(name: bytes) -> bool:
    """Whether ``name`` may be a field name (RFC 9110 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def _examine(name: bytes) -> FieldName:
    lower = name.lower()
    if b"_" in lower:
        return FieldName(lower, None, Role.UNSAFE)
    role = _ROLES.get(lower, Role.PLAIN)
    if not role and lower.startswith(b"x-forwarded-"):
        role = Role.FORWARDING
    if role in _NO_VARIABLE:
        return FieldName(lower, None, role)
    variable = lower.decode("ascii").upper().replace("-", "_")
    if role != Role.CONTENT_TYPE:
        variable = "HTTP_" + variable
    return FieldName(lower, variable, role)


def allowed_trailers(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Those fields that may stand behind a body (RFC 9110 6.5.1)."""
    kept = []
    for field in fields:
        name = FIELD_NAMES[field[0]]
        if name.lower not in _NO_TRAILER and name.role not in (Role.FORWARDING, Role.UNSAFE):
            kept.append(field)
    return kept


def wanted_upgrade(headers: Fields) -> bytes:
    """The protocol, in lower case, that a request of HTTP/1.1 without a body asks first to switch to (RFC 9110 7.8);
    empty if it does not, or has a body."""
    wanted, is_named = b"", False
    for name, value in headers:
        known = FIELD_NAMES[name]
        role = known.role
        if role == Role.UPGRADE:
            wanted = wanted or value.partition(b",")[0].strip(b" \t").lower()
        elif role == Role.CONNECTION and known.lower == b"connection":
            is_named = is_named or b"upgrade" in [option.strip(b" \t").lower() for option in value.split(b",")]
        elif role == Role.TRANSFER_ENCODING or (role == Role.CONTENT_LENGTH and int(value)):
            return b""
    return wanted if is_named and _PROTOCOL.fullmatch(wanted) else b""


def end_to_end(headers: Fields) -> Fields:
    """The fields that a proxy hands on (RFC 9110 7.6.1).

    Not those about this connection, not those that it names in ``Connection``, not those that tell of the way so
    far, and not those whose names a gateway could confuse.
    """
    named: set[bytes] = set()
    kept = []
    for field in headers:
        name = FIELD_NAMES[field[0]]
        role = name.role
        if role not in _THIS_CONNECTION:
            kept.append(field)
        elif role == Role.CONNECTION and name.lower == b"connection":
            named.update(option.strip().lower() for option in field[1].split(b","))
    named -= _NEVER_NAMED
    if named:
        kept = [field for field in kept if field[0].lower() not in named]
    return kept
