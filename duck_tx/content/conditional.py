"""Conditional requests, RFC 9110 section 13: may the request go on, and is its ``Range`` to be honoured?"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from twisted.web.http import stringToDatetime

_ENTITY_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one state of a representation from another.

    :ivar etag: a strong entity tag, in its quotes.
    :ivar modified: seconds since the epoch, whole.
    :ivar last_modified: the same as an HTTP date.
    """

    etag: bytes
    modified: int
    last_modified: bytes


class Outcome(enum.Enum):
    """What the preconditions of a request come to."""

    PROCEED = enum.auto()
    NOT_MODIFIED = enum.auto()
    """Answer 304."""
    FAILED = enum.auto()
    """Answer 412."""


def precondition(asked: Mapping[bytes, bytes], validators: Validators) -> Outcome:
    """Evaluate the preconditions of a GET or HEAD request in the order of RFC 9110 13.2.2 (its steps 1 to 4).

    A list of entity tags that cannot be read matches nothing; a date that cannot be read is as good as
    absent.

    :param asked: header fields by lower-case name, repeated ones joined with a comma. That makes nonsense of
        those that must not be repeated, and so has them ignored, as it should be.
    """
    tags = asked.get(b"if-match")
    if tags is not None:
        if not _matches(tags, validators.etag, weakly=False):
            return Outcome.FAILED
    else:
        seconds = _date(asked.get(b"if-unmodified-since"))
        if seconds is not None and validators.modified > seconds:
            return Outcome.FAILED
    tags = asked.get(b"if-none-match")
    if tags is not None:
        if _matches(tags, validators.etag, weakly=True):
            return Outcome.NOT_MODIFIED
    else:
        value = asked.get(b"if-modified-since")
        if value == validators.last_modified:
            return Outcome.NOT_MODIFIED
        seconds = _date(value)
        if seconds is not None and validators.modified <= seconds:
            return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def range_applies(asked: Mapping[bytes, bytes], validators: Validators, now: float) -> bool:
    """Whether ``If-Range`` (step 5 of RFC 9110 13.2.2) lets the ``Range`` header count; without one it does.

    Both kinds of validator are compared strongly: a weak entity tag never holds, and a date holds only when
    it is the very one that was sent and over a second old, since before that a second change may hide behind
    it (8.8.2.2).

    :param now: seconds since the epoch.
    """
    value = asked.get(b"if-range")
    if value is None:
        return True
    if value == validators.last_modified:
        return now - validators.modified > 1
    return value == validators.etag


def _matches(value: bytes, etag: bytes, *, weakly: bool) -> bool:
    """Whether ``etag`` is in the list ``value`` of entity tags, or ``value`` is ``*``."""
    value = value.strip(b" \t")
    if value in (b"*", etag):
        return True
    return any(tag == etag and (weakly or not weak) for weak, tag in _ENTITY_TAG.findall(value))


def _date(value: bytes | None) -> int | None:
    """Seconds since the epoch of an HTTP date in any of its three forms, ``None`` for anything else."""
    if not value:
        return None
    try:
        return int(stringToDatetime(value))
    except (ValueError, IndexError, OverflowError, RecursionError):
        return None
