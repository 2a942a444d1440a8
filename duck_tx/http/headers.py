"""Header field names: what each one means to this server, found once for each spelling and kept."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["FIELD_NAMES", "NO_BODY", "FieldName", "Role", "end_to_end", "is_token"]

NO_BODY = frozenset({204, 304})
"""Status codes whose responses never have a body (RFC 9110 6.4.1); 1xx are not final and no application's to send."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
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


def end_to_end(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
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
