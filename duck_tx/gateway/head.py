"""The head of a WSGI response: native strings (PEP 3333) to bytes on the wire."""

from __future__ import annotations

import re

from duck_tx.http.response import Block, ResponseError, serialise, status_line

__all__ = ["response_head"]

_STATUS = re.compile(r"([2-5][0-9]{2})(?: (.*))?", re.DOTALL)
_KEPT_AT_MOST = 256
_lines: dict[str, tuple[bytes, int]] = {}


def response_head(status: str, headers: list[tuple[str, str]]) -> tuple[bytes, int, Block]:
    """Status line, status code and header block of what an application gave to ``start_response``.

    :raises ResponseError: if it is no valid response head.
    """
    line = _lines.get(status)
    if line is None:
        line = _status(status)
    return (*line, serialise(headers))


def _status(status: str) -> tuple[bytes, int]:
    match = _STATUS.fullmatch(status)
    if match is None:
        raise ResponseError(f"status {status!r} is not three digits and a reason")
    code = int(match.group(1))
    try:
        line = status_line(code, (match.group(2) or "").encode("latin-1")), code
    except UnicodeEncodeError:
        raise ResponseError(f"status {status!r} has characters beyond ISO 8859-1") from None
    if len(_lines) < _KEPT_AT_MOST:
        _lines[status] = line
    return line
