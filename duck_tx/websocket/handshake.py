"""The opening handshake (RFC 6455 4.2; over HTTP/2 RFC 8441 5), and who may open a WebSocket."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha1
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from duck_tx.http.head import Rejected
from duck_tx.websocket.connection import Listener, WebSocket
from duck_tx.websocket.deflate import Agreement, Deflater, Inflater, agree
from duck_tx.websocket.fields import Extension, extensions, tokens
from duck_tx.websocket.limits import WebSocketLimits
from duck_tx.websocket.messages import MessageReader

if TYPE_CHECKING:
    from duck_tx.http.request import Request

__all__ = ["PROTOCOL", "Offer", "Refused", "examine", "same_origin"]

PROTOCOL = b"websocket"
"""What ``request.upgrade`` says."""

_VERSION = (b"Sec-WebSocket-Version", b"13")
_PREFIX = b"sec-websocket-"
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_APPENDED = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::[0-9]*)?")


class Refused(Rejected):
    """A handshake that cannot be accepted.

    :ivar fields: header fields that belong to the answer.
    """

    def __init__(self, status: int, reason: str, *fields: tuple[bytes, bytes]) -> None:
        super().__init__(status, reason)
        self.fields = list(fields)


class Offer:
    """What a client offers, to be accepted once.

    :ivar subprotocols: names, the client's favourite first.
    :ivar origin: of the page that opens the WebSocket; ``None`` from what is no browser.
    """

    __slots__ = ("_extensions", "_key", "_request", "origin", "subprotocols")

    def __init__(
        self,
        request: Request,
        key: bytes | None,
        subprotocols: list[str],
        extensions: list[Extension],
        origin: str | None,
    ) -> None:
        self._request = request
        self._key = key
        self._extensions = extensions
        self.subprotocols = subprotocols
        self.origin = origin

    def accept(
        self,
        subprotocol: str | None,
        fields: Sequence[tuple[bytes, bytes]],
        listener: Listener,
        limits: WebSocketLimits,
    ) -> WebSocket:
        """Open the WebSocket; its messages begin to come in a later turn of the reactor.

        :param subprotocol: one that the client offers, or ``None``.
        :param fields: further header fields of the answer.
        :raises ValueError: if the client does not offer that subprotocol, or a field is the handshake's own.
        """
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}, only {self.subprotocols}")
        for name, _ in fields:
            if name.lower().startswith(_PREFIX):
                raise ValueError(f"the field {name!r} is set by the handshake; name the subprotocol instead")
        answer = list(fields)
        if self._key is not None:
            answer.append(
                (b"Sec-WebSocket-Accept", b64encode(sha1(self._key + _APPENDED, usedforsecurity=False).digest()))
            )
        if subprotocol is not None:
            answer.append((b"Sec-WebSocket-Protocol", subprotocol.encode("ascii")))
        agreement = agree(self._extensions, limits)
        if agreement is not None:
            answer.append((b"Sec-WebSocket-Extensions", agreement.answer))
        reader, deflater = _coding(agreement, limits)
        socket = WebSocket(reader, deflater, listener, limits, subprotocol)
        socket.open(self._request.tunnel(answer, socket))
        return socket


def _coding(agreement: Agreement | None, limits: WebSocketLimits) -> tuple[MessageReader, Deflater | None]:
    if agreement is None:
        return MessageReader(limits.max_message), None
    inflater = Inflater(agreement.client_bits, agreement.client_takeover)
    deflater = Deflater(agreement.server_bits, agreement.server_takeover)
    return MessageReader(limits.max_message, inflater), deflater


def examine(request: Request) -> Offer:
    """Read a client's handshake.

    :raises Refused: 400 if it is malformed, 426 if it is for another protocol or version.
    """
    if request.upgrade != PROTOCOL:
        raise Refused(426, "This address is for WebSocket only.", _VERSION)
    over_http2 = request.method == b"CONNECT"
    if not over_http2 and request.method != b"GET":
        raise Refused(400, "A WebSocket is opened with GET.")
    lines: dict[bytes, list[bytes]] = {}
    for name, value in request.raw_headers:
        lower = name.lower()
        if lower == b"origin" or lower.startswith(_PREFIX):
            lines.setdefault(lower, []).append(value)
    if lines.get(b"sec-websocket-version") != [b"13"]:
        raise Refused(426, "The version of WebSocket known here is 13.", _VERSION)
    key = None
    if not over_http2:
        key, *more = lines.get(b"sec-websocket-key", [b""])
        if more or _KEY.fullmatch(key) is None:
            raise Refused(400, "Sec-WebSocket-Key is missing or malformed.")
    origins = lines.get(b"origin", [])
    if len(origins) > 1:
        raise Refused(400, "There is more than one Origin field.")
    try:
        subprotocols = [name.decode("ascii") for name in tokens(lines.get(b"sec-websocket-protocol", []))]
        offered = extensions(lines.get(b"sec-websocket-extensions", []))
    except Rejected as rejected:
        raise Refused(rejected.status, rejected.reason) from None
    return Offer(request, key, subprotocols, offered, origins[0].decode("latin-1") if origins else None)


def same_origin(offer: Offer, request: Request, is_allowed_host: Callable[[str], bool]) -> bool:
    """Whether the page that opens the WebSocket is the site's own (RFC 6455 10.2).

    A browser lets any page open a WebSocket anywhere, with the cookies of the site it goes to, and says in ``Origin``
    whose page it is.  Its host must be one of the site's, and so must the one that the handshake was sent to: a name
    of somebody else's may lead here.  What is no browser sends no ``Origin``, and nobody's cookies but its own.

    :param is_allowed_host: whether a host, without port, is the site's.
    """
    if offer.origin is None:
        return True
    try:
        parts = urlsplit(offer.origin)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    asked = _HOST.match(request.origin.host.decode("latin-1").lower())
    return is_allowed_host(_bracketed(host)) and asked is not None and is_allowed_host(asked[1])


def _bracketed(host: str) -> str:
    """As in a Host field: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
