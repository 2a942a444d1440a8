"""The header fields of a handshake that are lists (RFC 6455 9.1 and 11.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from duck_tx.http.head import Rejected

__all__ = ["Extension", "extensions", "tokens"]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ITEM = re.compile(rb"[ \t]*(" + _TOKEN + rb")[ \t]*(?:,|\Z)")
_NAME = re.compile(rb"[ \t]*(" + _TOKEN + rb")[ \t]*")
_PARAMETER = re.compile(
    rb";[ \t]*(" + _TOKEN + rb")(?:[ \t]*=[ \t]*(?:(" + _TOKEN + rb')|"(' + _TOKEN + rb')"))?[ \t]*'
)
_NOTHING = re.compile(rb"[ \t]*(?:,|\Z)")


class Extension(NamedTuple):
    """One that a client offers; a parameter without a value has ``None``."""

    name: bytes
    parameters: list[tuple[bytes, bytes | None]]


def tokens(lines: Iterable[bytes]) -> list[bytes]:
    """The members of a list of tokens, whatever lines it is cut into; empty ones do not count.

    :raises Rejected: 400.
    """
    found = []
    for line in lines:
        at = 0
        while at < len(line):
            match = _ITEM.match(line, at) or _NOTHING.match(line, at)
            if match is None:
                raise Rejected(400, "A list in the WebSocket handshake is malformed.")
            if match.re is _ITEM:
                found.append(match[1])
            at = match.end()
    return found


def extensions(lines: Iterable[bytes]) -> list[Extension]:
    """The members of ``Sec-WebSocket-Extensions``.

    :raises Rejected: 400.
    """
    found = []
    for line in lines:
        at = 0
        while at < len(line):
            match = _NAME.match(line, at)
            if match is not None:
                extension = Extension(match[1], [])
                at = match.end()
                while match := _PARAMETER.match(line, at):
                    extension.parameters.append((match[1], match[2] or match[3]))
                    at = match.end()
                found.append(extension)
            end = _NOTHING.match(line, at)
            if end is None:
                raise Rejected(400, "The WebSocket extensions are malformed.")
            at = end.end()
    return found
