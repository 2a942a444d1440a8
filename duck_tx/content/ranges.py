"""Byte ranges of RFC 9110 section 14: what a ``Range`` header asks for, and the multipart body it gets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

MOST_RANGES = 16
"""A request for more ranges than this gets the whole representation, as RFC 9110 14.2 allows."""

_UNIT = re.compile(rb"bytes=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(rb"([0-9]*)-([0-9]*)")
_HUGE = 10**18


class Span(NamedTuple):
    """Bytes ``start`` up to, not including, ``stop``; never empty."""

    start: int
    stop: int

    def content_range(self, size: int) -> bytes:
        """The value of ``Content-Range`` for this span of a representation of ``size`` bytes."""
        return b"bytes %d-%d/%d" % (self.start, self.stop - 1, size)


def spans(value: bytes, size: int) -> tuple[Span, ...] | None:
    """The spans that the ``Range`` header ``value`` selects of ``size`` bytes, in the order asked for.

    ``None`` means that the header is to be ignored: another unit, a syntax error, too many ranges, or a range
    that selects all of an empty representation, which ``Content-Range`` cannot express. An empty tuple means
    that nothing can be satisfied (416). Overlapping ranges are merged, at the place of the first, so that no
    request makes the answer longer than the file and a few headers.
    """
    unit = _UNIT.fullmatch(value)
    if unit is None or unit[1].count(b",") >= MOST_RANGES:
        return None
    # RFC 9110 5.6.1: a list may have empty elements, but must have one that is not.
    elements = [element for element in (part.strip(b" \t") for part in unit[1].split(b",")) if element]
    if not elements:
        return None
    selected: list[Span] = []
    for element in elements:
        bounds = _RANGE.fullmatch(element)
        if bounds is None or element == b"-":
            return None
        first, last = bounds.groups()
        if not first:
            span = Span(max(0, size - _number(last)), size)
            if size == 0 and _number(last):
                return None
        elif last and _number(last) < _number(first):
            return None
        else:
            span = Span(_number(first), min(size, _number(last) + 1) if last else size)
        if span.start < span.stop:
            _add(selected, span)
    return tuple(selected)


def _number(digits: bytes) -> int:
    """``digits`` as a number; beyond any file size all are alike, so thousands of digits cost nothing."""
    digits = digits.lstrip(b"0")
    return int(digits or b"0") if len(digits) <= 18 else _HUGE


def _add(selected: list[Span], span: Span) -> None:
    """Append ``span``, or merge it with all spans that it overlaps at the place of the first of them."""
    overlapping = [index for index, other in enumerate(selected) if other.start < span.stop and span.start < other.stop]
    if not overlapping:
        selected.append(span)
        return
    merged = [span, *(selected[index] for index in overlapping)]
    for index in reversed(overlapping[1:]):
        del selected[index]
    selected[overlapping[0]] = Span(min(one.start for one in merged), max(one.stop for one in merged))


def part_heads(selected: Sequence[Span], size: int, content_type: bytes, boundary: bytes) -> list[bytes]:
    """What surrounds the spans in a ``multipart/byteranges`` body: a text before each, one after the last."""
    heads = [
        b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n"
        % (boundary, content_type, span.content_range(size))
        for span in selected
    ]
    heads[0] = heads[0].removeprefix(b"\r\n")
    return [*heads, b"\r\n--%b--\r\n" % boundary]
