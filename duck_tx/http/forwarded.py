"""Who really asked: the address, scheme, host and request id of a request that came through trusted proxies.

Pure: values in, values out.  Every list is read from the right, because that end was written by the proxies
nearest to this server; what a client sent stands left of it and can never change how the rest is read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from duck_tx.http.head import is_host
from duck_tx.http.headers import is_token
from duck_tx.http.requestid import RequestIds, is_request_id
from duck_tx.http.trusted import Trusted

__all__ = ["FORWARDING", "Origin", "RequestIds", "Trusted", "forwarded_headers", "origin"]

_READ = frozenset(
    {b"forwarded", b"x-real-ip", b"x-request-id"}
    | {b"x-forwarded-" + each for each in (b"for", b"proto", b"host", b"port")}
)
FORWARDING = _READ | {b"x-forwarded-" + each for each in (b"server", b"by", b"prefix", b"protocol", b"scheme", b"ssl")}
"""Field names about the connection, in lower case: not handed on as they came,
:func:`forwarded_headers` takes their place."""

_MAX_HOPS = 64
"""Proxies that are walked past; without a limit, trust in everybody would let a header cost milliseconds."""

_KEPT_AT_MOST = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(rb"[0-9]{1,5}")
_NODE = re.compile(
    rb"(?:(?P<v4>[0-9.]{7,15})|\[(?P<bracketed>[0-9A-Fa-f:.]{2,45})(?:%[0-9A-Za-z._~-]{1,15})?\])"
    rb"(?::(?:(?P<port>[0-9]{1,5})|_[0-9A-Za-z._-]+))?"
    rb"|(?P<v6>[0-9A-Fa-f:.]{2,45})(?:%[0-9A-Za-z._~-]{1,15})?"
)
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# One pair of RFC 7239 4 with all its bytes reversed.  A quotation mark is escaped where an odd number of
# backslashes follows it here.  Colons and brackets outside quotes are not in the grammar, but some proxies
# send them.
_REVERSED_PAIR = re.compile(
    rb"[ \t;]*+"
    rb'(?:"(?=(?:\\\\)*+(?!\\))(?P<quoted>[^"]*+(?:"\\(?:\\\\)*+(?!\\)[^"]*+)*+)"(?!\\)'
    rb"|(?P<plain>(?:" + _TOKEN + rb"|[:\[\]])++))"
    rb"=(?P<name>" + _TOKEN + rb"++)"
    rb"[ \t]*+(?=[;,]|\Z)[ \t;]*+(?P<end>,|\Z)?",
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class Origin(Struct, frozen=True, gc=False):
    """Who asked.

    :ivar address: IP address of the client, never in IPv4-mapped form; ``""`` for a Unix socket.
    :ivar port: its port; 0 where a proxy does not tell.
    :ivar scheme: ``http`` or ``https``, as the client used it.
    :ivar host: host with optional port, as the client used it; empty where it sent none.
    :ivar request_id: 1 to 128 letters, digits, ``.``, ``_`` and ``-``.
    """

    address: str
    port: int
    scheme: str
    host: bytes
    request_id: str


def origin(
    headers: Iterable[tuple[bytes, bytes]],
    peer_address: str,
    peer_port: int,
    scheme: str,
    host: bytes,
    trusted: Trusted,
    fresh_id: Callable[[], str],
) -> Origin:
    """Who sent the request with these header fields.

    From a peer that is not trusted, no field counts.  From one that is:

    - the client is the right-most address of ``X-Forwarded-For`` that is not trusted, or the left-most if all
      are.  Where there is something else than an address, the walk ends at the last good one.  Without
      ``X-Forwarded-For`` the same goes for ``Forwarded`` (RFC 7239), without both ``X-Real-IP`` is taken;
    - of ``X-Forwarded-Proto``, ``-Host`` and ``-Port`` the right-most element counts, if it is valid; each
      wins over what ``Forwarded`` says;
    - ``X-Request-ID`` is kept if it is harmless.

    :param scheme: of the connection.
    :param host: the valid ``Host`` or authority, empty if there is none.
    :param fresh_id: called for a request id if there is none to keep.
    """
    if peer_address[:7] == "::ffff:" and "." in peer_address:
        # An IPv4 client on an IPv6 socket: applications compare addresses as texts.
        peer_address = peer_address[7:]
    if peer_address not in trusted:
        return Origin(peer_address, peer_port, scheme, host, fresh_id())
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in _READ:
            found.setdefault(lower, []).append(value)
    client = _Node(peer_address, peer_port)
    chain = found.get(b"x-forwarded-for")
    forwarded = found.get(b"forwarded")
    if chain is not None:
        nodes = islice(reversed(b",".join(chain).rsplit(b",", _MAX_HOPS)), _MAX_HOPS)
        client, _, _ = _walk((_Hop(node.strip(b" \t"), None, None) for node in nodes), client, trusted)
    elif forwarded is not None:
        hops = islice(_hops(b",".join(forwarded)), _MAX_HOPS)
        client, said_scheme, said_host = _walk(hops, client, trusted)
        scheme, host = said_scheme or scheme, said_host or host
    elif b"x-real-ip" in found:
        client = _node(_last(found[b"x-real-ip"])) or client
    if b"x-forwarded-proto" in found:
        scheme = _scheme(_last(found[b"x-forwarded-proto"])) or scheme
    if b"x-forwarded-host" in found:
        given = _last(found[b"x-forwarded-host"])
        host = given if is_host(given) else host
    if b"x-forwarded-port" in found:
        host = _with_port(host, _last(found[b"x-forwarded-port"]), scheme)
    request_id = _last(found.get(b"x-request-id", [b""]))
    kept = request_id.decode("ascii") if is_request_id(request_id) else fresh_id()
    return Origin(client.address, client.port, scheme, host, kept)


def forwarded_headers(origin: Origin) -> list[tuple[bytes, bytes]]:
    """The fields that tell an application or an upstream about ``origin``, in place of :data:`FORWARDING`.

    What is not known, such as the address of a client on a Unix socket, is left out.
    """
    request_id = (b"X-Request-ID", origin.request_id.encode("ascii", "replace"))
    return [*_about(origin.address, origin.scheme, origin.host), request_id]


@lru_cache(maxsize=1024)
def _about(address: str, scheme: str, host: bytes) -> tuple[tuple[bytes, bytes], ...]:
    fields = []
    node = _node(address.encode("ascii", "replace"))
    element = b"for=unknown"
    if node is not None:
        # An IPv4 client on an IPv6 socket is told as what it is; a zone id means nothing on another machine.
        client = node.address.encode("ascii")
        fields += [(b"X-Forwarded-For", client), (b"X-Real-IP", client)]
        element = b'for="[%b]"' % client if b":" in client else b"for=" + client
    fields.append((b"X-Forwarded-Proto", scheme.encode("ascii")))
    port = b"%d" % _DEFAULT_PORTS.get(scheme, 80)
    if is_host(host):
        fields.append((b"X-Forwarded-Host", host))
        port = _port_of(host) or port
        element += b";host=" + (host if is_token(host) else b'"%b"' % host)
    fields.append((b"X-Forwarded-Port", port))
    fields.append((b"Forwarded", element + b";proto=" + scheme.encode("ascii")))
    return tuple(fields)


class _Node(NamedTuple):
    address: str
    port: int


class _Hop(NamedTuple):
    """What one proxy says about the one before it; the first field unparsed, the others valid or ``None``."""

    node: bytes
    scheme: str | None
    host: bytes | None


def _walk(hops: Iterable[_Hop], client: _Node, trusted: Trusted) -> tuple[_Node, str | None, bytes | None]:
    """Follow the hops away from this server as long as the one that speaks is trusted."""
    scheme = host = None
    for hop in hops:
        scheme, host = hop.scheme or scheme, hop.host or host
        node = _node(hop.node)
        if node is None:
            break
        client = node
        if node.address not in trusted:
            break
    return client, scheme, host


def _hops(value: bytes) -> Iterator[_Hop]:
    """The elements of ``Forwarded`` from the right, up to the first that RFC 7239 does not allow."""
    reverse = value[::-1]
    position = 0
    pairs: dict[bytes, bytes] = {}
    while match := _REVERSED_PAIR.match(reverse, position):
        quoted, plain, name, end = match.group("quoted", "plain", "name", "end")
        key = name[::-1].lower()
        if key in pairs:
            return
        pairs[key] = _ESCAPED.sub(rb"\1", quoted[::-1]) if plain is None else plain[::-1]
        position = match.end()
        if end is not None:
            host = pairs.get(b"host", b"")
            scheme = _scheme(pairs.get(b"proto", b""))
            yield _Hop(pairs.get(b"for", b""), scheme, host if is_host(host) else None)
            if not end:
                return
            pairs = {}


def _node(text: bytes) -> _Node | None:
    """An address with optional port; ``None`` for ``unknown``, obfuscated names (RFC 7239 6) and all else."""
    return _parsed_node(text) if len(text) <= 128 else None


@lru_cache(maxsize=_KEPT_AT_MOST)
def _parsed_node(text: bytes) -> _Node | None:
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    port = int(match["port"] or 0)
    try:
        address = ipaddress.ip_address((match["v4"] or match["bracketed"] or match["v6"]).decode("ascii"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return _Node(str(address), port) if port <= 65_535 else None


def _scheme(text: bytes) -> str | None:
    lower = text.lower()
    return lower.decode("ascii") if lower in (b"http", b"https") else None


def _last(lines: list[bytes]) -> bytes:
    """The right-most element of a list over several lines."""
    return lines[-1].rpartition(b",")[2].strip(b" \t")


def _port_of(host: bytes) -> bytes:
    return host.rpartition(b"]")[2].partition(b":")[2]


def _with_port(host: bytes, port: bytes, scheme: str) -> bytes:
    """``host`` with ``port``, if that is one, is not the scheme's own, and the host has none yet."""
    if not host or _port_of(host) or _PORT.fullmatch(port) is None:
        return host
    number = int(port)
    if not 0 < number <= 65_535 or number == _DEFAULT_PORTS.get(scheme):
        return host
    return b"%b:%d" % (host.removesuffix(b":"), number)
