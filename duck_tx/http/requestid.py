"""Request ids: what one request is called in every log it passes."""

from __future__ import annotations

import re
import secrets
from itertools import count

__all__ = ["RequestIds", "is_request_id"]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def is_request_id(text: bytes) -> bool:
    """Whether ``text`` is harmless in headers, logs and URIs, and not too long."""
    return _REQUEST_ID.fullmatch(text) is not None


class RequestIds:
    """Makes request ids: a prefix that no other process has, and a running number.

    :param prefix: letters, digits, ``.``, ``_`` and ``-``; random if empty.
    :raises ValueError: if ``prefix`` has other characters or more than 100.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix or secrets.token_hex(8) + "-"
        if len(self._prefix) > 100 or not is_request_id(self._prefix.encode("utf-8", "replace")):
            raise ValueError(f"a request id cannot begin with {prefix!r}")
        self._next = count(1).__next__

    def __call__(self) -> str:
        return f"{self._prefix}{self._next():x}"
