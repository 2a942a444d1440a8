"""Absolute URIs of this server (RFC 3986), as text.

Percent-encoding that is there stays byte for byte: ``%2F`` is not ``/``, and ``%2e%2e`` does not climb.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

_SCHEME_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# RFC 3986, appendix B: it splits any text, and tells an absent part from an empty one.
_PARTS = re.compile(r"(?s)(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")

# Everything RFC 3986 gives a meaning to, and the percent sign, since what is encoded already must stay so.
_KEPT = "%:/?#[]@!$&'()*+,;=~"


def is_wildcard(addr: str) -> bool:
    """Whether an address means all addresses of the machine, as ``0.0.0.0`` and ``::`` do."""
    try:
        return ipaddress.ip_address(addr).is_unspecified
    except ValueError:
        return False


def public_host(domain: str | None, addr: str) -> str:
    """The host of this server in URIs: the domain, or the address, or ``localhost`` for a wildcard.

    An IPv6 address comes in brackets, with its zone, if any, as RFC 6874 writes it.
    """
    host = domain or addr
    if is_wildcard(host.strip("[]")):
        return "localhost"
    if ":" in host and not host.startswith("["):
        return f"[{host.replace('%', '%25')}]"
    return host


def absolute_uri(host: str, port: int, path: str = "", *, is_secure: bool = False) -> str:
    """The URI of this server, ``https://host[:port]``, or of a path on it.

    :param host: as :func:`public_host` gives it; IPv6 in brackets.
    :param port: left out of the URI where it is the scheme's own.
    :param path: a reference with path, query and fragment as wanted, joined as :func:`join` does.
    """
    return _absolute("https" if is_secure else "http", host, port, path)


def absolute_ws_uri(host: str, port: int, path: str = "", *, is_secure: bool = False) -> str:
    """The same for WebSocket: ``wss://host[:port]`` (RFC 6455, section 3)."""
    return _absolute("wss" if is_secure else "ws", host, port, path)


def _absolute(scheme: str, host: str, port: int, path: str) -> str:
    base = f"{scheme}://{host}" if port == _SCHEME_PORTS[scheme] else f"{scheme}://{host}:{port}"
    return join(base, path) if path else base


def join(base: str, reference: str) -> str:
    """The URI that a reference means, seen from an absolute one (RFC 3986, section 5.2).

    Characters that no URI may have (spaces, line ends, anything beyond ASCII) are percent-encoded as UTF-8.
    As the RFC has it, a reference such as ``//other.example/`` names another host: look at what a client
    sent before it is joined.

    :raises ValueError: if ``base`` has no scheme or no host, or text cannot be encoded as UTF-8.
    """
    scheme, authority, base_path, base_query, _ = _split(base)
    if scheme is None or not authority:
        raise ValueError(f"not an absolute URI with a host: {base!r}")
    ref_scheme, ref_authority, path, query, fragment = _split(quote(reference, safe=_KEPT))
    if ref_scheme is not None:
        scheme, authority, path = ref_scheme, ref_authority, _without_dots(path)
    elif ref_authority is not None:
        authority, path = ref_authority, _without_dots(path)
    elif path:
        path = _without_dots(path if path.startswith("/") else _merged(base_path, path))
    else:
        path = base_path or "/"
        query = base_query if query is None else query
    return "".join(
        (
            f"{scheme}:",
            "" if authority is None else f"//{authority}",
            path,
            "" if query is None else f"?{query}",
            "" if fragment is None else f"#{fragment}",
        )
    )


def _split(uri: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    match = _PARTS.fullmatch(uri)
    assert match is not None, "the expression matches any text"
    scheme, authority, path, query, fragment = match.groups()
    if scheme is not None and not _SCHEME.fullmatch(scheme):
        # A first segment with a colon that cannot be a scheme, such as "1:2", is the path it was meant to be.
        return None, None, f"{scheme}:{'' if authority is None else f'//{authority}'}{path}", query, fragment
    return scheme, authority, path, query, fragment


def _merged(base_path: str, path: str) -> str:
    """RFC 3986, section 5.2.3; an empty base path is the root, as HTTP has it."""
    return f"{base_path[: base_path.rfind('/') + 1] or '/'}{path}"


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4: ``.`` and ``..`` segments resolved, those in percent-encoding left alone."""
    if not path.startswith("/"):
        return path
    kept: list[str] = []
    *segments, last = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if last == "..":
        del kept[-1:]
    return "/" + "".join(f"{each}/" for each in kept) + ("" if last in (".", "..") else last)
