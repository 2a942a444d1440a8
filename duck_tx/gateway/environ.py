"""The WSGI environment of a request (PEP 3333), made from what came over the wire byte for byte."""

from __future__ import annotations

from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from duck_tx.http.headers import FIELD_NAMES, Role
from duck_tx.http.request import Request

__all__ = ["base_environ", "environ_of", "server_of", "split_at"]

_PROTOCOLS = {name: name.decode() for name in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2")}


def base_environ(*, multithread: bool, multiprocess: bool, errors: Any, file_wrapper: Any) -> dict[str, Any]:
    """What is the same in every request of a server."""
    return {
        "SCRIPT_NAME": "",
        "SERVER_SOFTWARE": "duck_tx",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "wsgi.version": (1, 0),
        "wsgi.errors": errors,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": file_wrapper,
    }


def environ_of(base: dict[str, Any], request: Request, body: BinaryIO | None) -> dict[str, Any]:
    """The environment of one request.

    The connection headers that strangers may forge (``X-Forwarded-*`` and friends) are never taken from the request,
    but set from what the trust rule found out.  Several fields of one name are joined (RFC 9110 5.3), cookies by ``;``.

    :param body: the whole request body at its beginning, ``None`` if there is none.
    """
    environ = base.copy()
    origin = request.origin
    path, _, query = request.uri.partition(b"?")
    prepath = request.__dict__.get("prepath")
    if prepath:
        script, path = split_at(path, prepath)
        environ["SCRIPT_NAME"] = unquote_to_bytes(script).decode("latin-1")
    if b"%" in path:
        path = unquote_to_bytes(path)
    address = origin.address
    host = origin.host.decode("latin-1")
    name, port = server_of(request, host, origin.scheme)
    environ["REQUEST_METHOD"] = request.method.decode("ascii")
    environ["PATH_INFO"] = path.decode("latin-1")
    environ["QUERY_STRING"] = query.decode("latin-1")
    environ["REQUEST_URI"] = request.uri.decode("latin-1")
    environ["SERVER_NAME"] = name
    environ["SERVER_PORT"] = port
    environ["SERVER_PROTOCOL"] = _PROTOCOLS[request.clientproto]
    environ["REMOTE_ADDR"] = address
    environ["REMOTE_PORT"] = str(origin.port)
    environ["wsgi.url_scheme"] = origin.scheme
    environ["wsgi.input"] = BytesIO() if body is None else body
    for raw, value in request.raw_headers:
        _, variable, role = FIELD_NAMES[raw]
        if variable is None:
            if role == Role.CONTENT_LENGTH:
                environ["CONTENT_LENGTH"] = "0"
        elif variable in environ:
            joint = "; " if role == Role.COOKIE else ","
            environ[variable] += joint + value.decode("latin-1")
        else:
            environ[variable] = value.decode("latin-1")
    if host:
        environ["HTTP_HOST"] = environ["HTTP_X_FORWARDED_HOST"] = host
    if address:
        environ["HTTP_X_FORWARDED_FOR"] = environ["HTTP_X_REAL_IP"] = address
    environ["HTTP_X_FORWARDED_PROTO"] = origin.scheme
    environ["HTTP_X_FORWARDED_PORT"] = port
    environ["HTTP_X_REQUEST_ID"] = origin.request_id
    if body is not None:
        environ["CONTENT_LENGTH"] = str(request.body_size)
    return environ


def server_of(request: Request, host: str, scheme: str) -> tuple[str, str]:
    """Name and port of the server, as the client used them; those that the connection came to, if it named none.

    :param host: with an optional port; empty if there is none.
    """
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = (host, "") if host else _listener(request)
    return name, port or ("443" if scheme == "https" else "80")


def split_at(path: bytes, prepath: list[bytes]) -> tuple[bytes, bytes]:
    """The raw path up to the end of the segments in ``prepath``, and what is below, with the slash between them."""
    count = len(prepath)
    while count and not prepath[count - 1]:
        count -= 1
    segments = path.split(b"/", count + 1)
    return b"/".join(segments[: count + 1]), b"/" + segments[count + 1] if len(segments) > count + 1 else b""


def _listener(request: Request) -> tuple[str, str]:
    """Name and port of the address that the connection came to, for a request that names no host."""
    address = request.host
    name = getattr(address, "host", "").partition("%")[0]
    if not name:
        return "localhost", ""
    return f"[{name}]" if ":" in name else name, str(address.port)
