"""What of a server's response is handed on to the client (RFC 9110 7.6).  Pure."""

from __future__ import annotations

from collections.abc import Callable

from duck_tx.http.headers import Fields
from duck_tx.http.response import Block, ResponseError, serialise, status_line
from duck_tx.proxy.answer import AnswerHead, BadAnswer
from duck_tx.proxy.forward import PSEUDONYM, nominated
from duck_tx.proxy.rewrite import View, rewritten

__all__ = ["interim_fields", "response_head"]

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
        return status_line(head.code, head.reason), serialise(fields)
    except ResponseError as error:
        raise BadAnswer(f"its response cannot be handed on ({error})") from None


def interim_fields(head: AnswerHead) -> Fields:
    """The fields of an interim response that the client gets; also those of a switch of protocols."""
    fields = _without_named(head.fields) if head.nominates else head.fields
    return [field for field in fields if field[0].lower() not in _ABOUT_THE_CONNECTION]


def _without_named(fields: Fields) -> Fields:
    named = nominated(fields)
    return [field for field in fields if field[0].lower() not in named]
