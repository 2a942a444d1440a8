"""Content codings that may lie ready made beside a file, and which of them a client takes (RFC 9110)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_QVALUE = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class Coding(NamedTuple):
    """A content coding: its token in HTTP, and what its sibling's name ends in."""

    token: bytes
    suffix: str


CODINGS = (Coding(b"br", ".br"), Coding(b"zstd", ".zst"), Coding(b"gzip", ".gz"))
"""Best first, which decides between those that a client likes equally."""

_ALIASES = {b"x-gzip": b"gzip"}


@lru_cache(maxsize=256)
def preferred(accept_encoding: bytes) -> tuple[Coding, ...]:
    """The codings that ``accept_encoding`` prefers to the plain file (12.5.3), best first.

    The plain file is what is left when none of them is at hand, even where the client refuses it
    (``identity;q=0``): the RFC lets a server disregard the header, and a client does more with a plain file
    than with a 406. Elements that cannot be read are ignored.
    """
    weights: dict[bytes, float] = {}
    for element in accept_encoding.lower().split(b","):
        token, *parameters = (part.strip(b" \t") for part in element.split(b";"))
        weight = _weight(parameters)
        if token and weight is not None:
            weights[_ALIASES.get(token, token)] = weight
    others = weights.get(b"*", 0.0)
    plain = weights.get(b"identity", 0.0)
    liked = [(weights.get(coding.token, others), coding) for coding in CODINGS]
    taken = [pair for pair in liked if pair[0] > 0 and pair[0] >= plain]
    # sorted() is stable: equal weights stay in the order of CODINGS.
    return tuple(coding for _, coding in sorted(taken, key=lambda pair: -pair[0]))


def _weight(parameters: list[bytes]) -> float | None:
    """The weight that the parameters of an element give it, ``None`` if they make no sense."""
    if not parameters:
        return 1.0
    name, _, value = parameters[0].partition(b"=")
    if len(parameters) > 1 or name.strip(b" \t") != b"q" or not _QVALUE.fullmatch(value.strip(b" \t")):
        return None
    return float(value)
