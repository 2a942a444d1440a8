"""From the path of a request to the name of a file below a root, or to nothing.

A name is one or more segments joined by single slashes. No segment is empty or begins with a dot, and none
holds a slash, a backslash or a control character, written plainly or percent-encoded; so a name can be joined
to a root without leaving it, as far as its text goes (symbolic links are the business of
:mod:`duck_tx.content.root`).
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PLAIN = re.compile(rb"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(rb"[\x00-\x1f\x7f/\\]")
_LONGEST = 4096
"""Bytes; no system this runs on opens a longer path."""


def file_name(path: bytes) -> str | None:
    """The name that the percent-encoded ``path`` (without a leading slash) stands for, ``None`` where it is
    none.

    ``.well-known`` (RFC 8615) is the one segment with a leading dot that is let through, as the first of
    several: what lies there is meant to be public.
    """
    if len(path) > _LONGEST:
        return None
    if _PLAIN.fullmatch(path):
        return path.decode("ascii")
    if _BROKEN_ESCAPE.search(path):
        return None
    segments = [unquote_to_bytes(segment) for segment in path.split(b"/")]
    for index, segment in enumerate(segments):
        if not segment or _FORBIDDEN.search(segment):
            return None
        if segment.startswith(b".") and not (segment == b".well-known" and index == 0 and len(segments) > 1):
            return None
    try:
        return b"/".join(segments).decode("utf-8")
    except UnicodeDecodeError:
        return None
