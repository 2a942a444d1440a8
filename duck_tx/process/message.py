"""What is said over the control socket: the forms that the server and clients without Twisted have in common.

A question is an AMP command (:mod:`twisted.protocols.amp` tells how that looks on the wire) with a verb and its
arguments, a JSON object.  The answer is JSON; where it is longer than a value of AMP can be, it goes on in further
values of the same box: ``answer``, ``answer.1``, ``answer.2``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from duck_tx.errors import ApplicationError

__all__ = [
    "ANSWER",
    "ARGUMENTS",
    "COMMAND",
    "LONGEST_ANSWER",
    "LONGEST_QUESTION",
    "REFUSED",
    "SOCKET",
    "VERB",
    "arguments_of",
    "as_json",
    "gathered",
    "spread",
    "unknown",
]

SOCKET = "control.sock"
"""The name of the socket in the state directory."""

COMMAND, VERB, ARGUMENTS, ANSWER = b"ask", b"verb", b"arguments", b"answer"

REFUSED = b"REFUSED"
"""The code of an error whose description is for people."""

_LONGEST_VALUE = 0xFFFF

LONGEST_QUESTION = 2 * _LONGEST_VALUE
"""Bytes of a whole question."""

LONGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer's JSON."""


def as_json(value: object) -> bytes:
    """An answer, or arguments, for the wire; what JSON does not have is told as its ``str()``.

    :raises ApplicationError: if it is longer than :data:`LONGEST_ANSWER`.
    :raises TypeError: for keys that JSON cannot have.
    """
    text = json.dumps(value, default=str, separators=(",", ":")).encode("ascii")
    if len(text) > LONGEST_ANSWER:
        raise ApplicationError(f"the answer is longer than {LONGEST_ANSWER} bytes.")
    return text


def arguments_of(text: bytes) -> Mapping[str, Any]:
    """The arguments of a question.

    :raises ApplicationError: if they are no JSON object.
    """
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise ApplicationError("the arguments are no JSON object.")
    return arguments


def unknown(verb: str) -> str:
    """What a refusal says where the server does not know the verb; clients of every version look for it."""
    return f"does not know what {verb!r} is"


def spread(name: bytes, value: bytes) -> dict[bytes, bytes]:
    """A long value in as many as it takes."""
    starts = range(0, len(value), _LONGEST_VALUE) or range(1)
    return {_key(name, number): value[start : start + _LONGEST_VALUE] for number, start in enumerate(starts)}


def gathered(name: bytes, values: Mapping[bytes, bytes]) -> bytes:
    """The value that :func:`spread` made these of.

    :raises KeyError: if its beginning is missing.
    """
    pieces = [values[name]]
    while (key := _key(name, len(pieces))) in values:
        pieces.append(values[key])
    return b"".join(pieces)


def _key(name: bytes, number: int) -> bytes:
    return b"%s.%d" % (name, number) if number else name
