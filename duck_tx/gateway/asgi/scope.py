"""The scope of a request or a WebSocket (ASGI 3), made from what came over the wire byte for byte."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from duck_tx.gateway.environ import server_of, split_at
from duck_tx.http.headers import FIELD_NAMES, Role
from duck_tx.http.request import Request

__all__ = ["http_scope", "websocket_scope"]

_VERSIONS = {b"HTTP/1.0": "1.0", b"HTTP/1.1": "1.1", b"HTTP/2": "2"}
_NOT_FOR_APPLICATIONS = frozenset(
    {Role.CONNECTION, Role.UPGRADE, Role.TRANSFER_ENCODING, Role.FORWARDING, Role.UNSAFE, Role.EXPECT}
)


def http_scope(request: Request, state: dict[str, Any] | None) -> dict[str, Any]:
    """The scope of a request.

    :param state: what the application has put into its lifespan's; it gets a copy of its own.
    """
    scope = _scope("http", "2.5", request, request.origin.scheme, state)
    scope["method"] = request.method.decode("ascii")
    extensions: dict[str, dict[str, Any]] = {"http.response.pathsend": {}}
    if scope["http_version"] != "1.0":
        extensions["http.response.trailers"] = {}
        extensions["http.response.early_hint"] = {}
    scope["extensions"] = extensions
    return scope


def websocket_scope(request: Request, subprotocols: list[str], state: dict[str, Any] | None) -> dict[str, Any]:
    """The scope of a WebSocket that a client asks for."""
    scope = _scope("websocket", "2.5", request, "wss" if request.origin.scheme == "https" else "ws", state)
    scope["subprotocols"] = subprotocols
    scope["extensions"] = {"websocket.http.response": {}}
    return scope


def _scope(kind: str, version: str, request: Request, scheme: str, state: dict[str, Any] | None) -> dict[str, Any]:
    origin = request.origin
    path, _, query = request.uri.partition(b"?")
    prepath = request.__dict__.get("prepath")
    script = split_at(path, prepath)[0] if prepath else b""
    name, port = server_of(request, origin.host.decode("latin-1"), origin.scheme)
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": version},
        "http_version": _VERSIONS[request.clientproto],
        "scheme": scheme,
        "path": _text(path),
        "raw_path": path,
        "query_string": query,
        "root_path": _text(script),
        "headers": _fields(request, port),
        "client": (origin.address, origin.port) if origin.address else None,
        "server": (name, int(port)),
    }
    if state is not None:
        scope["state"] = state.copy()
    return scope


def _text(path: bytes) -> str:
    """A path decoded; what is no UTF-8 becomes U+FFFD."""
    return unquote(path.decode("latin-1"), "utf-8", "replace") if b"%" in path else path.decode("utf-8", "replace")


def _fields(request: Request, port: str) -> list[tuple[bytes, bytes]]:
    """The header fields, with names in lower case.

    As in WSGI's environment, those that strangers may forge (``X-Forwarded-*`` and friends) are what the trust rule
    found out, and those that are about this connection are left out.
    """
    origin = request.origin
    fields = []
    host = origin.host
    if host:
        fields.append((b"host", host))
    for raw, value in request.raw_headers:
        lower, _, role = FIELD_NAMES[raw]
        if role == Role.HOST or role in _NOT_FOR_APPLICATIONS:
            continue
        fields.append((lower, value))
    if host:
        fields.append((b"x-forwarded-host", host))
    if origin.address:
        address = origin.address.encode("ascii", "replace")
        fields.append((b"x-forwarded-for", address))
        fields.append((b"x-real-ip", address))
    fields.append((b"x-forwarded-proto", origin.scheme.encode("ascii")))
    fields.append((b"x-forwarded-port", port.encode("ascii")))
    fields.append((b"x-request-id", origin.request_id.encode("ascii", "replace")))
    return fields
