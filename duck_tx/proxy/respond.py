"""What of a server's response is handed on to the client (RFC 9110 7.6).  Pure."""

from __future__ import annotations

from collections.abc import Callable

from duck_tx.http.headers import Fields
from duck_tx.http.response import Block, ResponseError, serialise, status_line
from duck_tx.proxy.answer import AnswerHead, BadAnswer
from duck_tx.proxy.forward import PSEUDONYM, nominated
from duck_tx.proxy.rewrite import View, rewritten

__all__ = ["interim_fields", "is_events", "response_head"]

_VIA = {version: (b"Via", version + b" " + PSEUDONYM) for version in (b"1.0", b"1.1")}
_ABOUT_THE_CONNECTION = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade content-length".split()
)


def response_head(head: AnswerHead, view: Callable[[], View], *, moves: bool) -> tuple[bytes, Block]:
    """The status line and the fields that the client gets.

    Left out are the fields about the connection to the server, and those that it names in ``Connection``.

    :param view: what stands on both sides, if links or cookies are to be turned back.
    :param moves: whether they are in any case; those that name the server's own host are in redirections at least.
    :raises BadAnswer: if that is no response.
    """
    fields = head.fields
    if head.nominates:
        fields = _without_named(fields)
    if moves or 300 <= head.code < 400 or head.code == 201:
        fields = rewritten(fields, view())
    fields.append(_VIA[head.version])
    try:
        line, block = status_line(head.code, head.reason), serialise(fields)
    except ResponseError as error:
        raise BadAnswer(f"its response cannot be handed on ({error})") from None
    if head.chunked:
        # Which trailers will follow is no matter of the connection, as they are handed on (RFC 9110 6.6.2).
        announced = [b"Trailer: " + value + b"\r\n" for name, value in fields if name.lower() == b"trailer"]
        if announced:
            block = block._replace(lines=block.lines + b"".join(announced))
    return line, block


def interim_fields(head: AnswerHead) -> Fields:
    """The fields of an interim response that the client gets; also those of a switch of protocols."""
    fields = _without_named(head.fields) if head.nominates else head.fields
    return [field for field in fields if field[0].lower() not in _ABOUT_THE_CONNECTION]


def is_events(fields: Fields) -> bool:
    """Whether the body is a stream of events, which has no end of its own (``text/event-stream``)."""
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"text/event-stream") for name, value in fields
    )


def _without_named(fields: Fields) -> Fields:
    named = nominated(fields)
    return [field for field in fields if field[0].lower() not in named]
