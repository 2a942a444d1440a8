"""What a client asked, as Twisted's resources read it: everything that costs time is built when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.web import server
from twisted.web.http import parse_qs
from twisted.web.http_headers import Headers

from duck_tx.http.headers import Fields, wanted_upgrade

if TYPE_CHECKING:
    from duck_tx.http.forwarded import Origin
    from duck_tx.http.head import RequestLine
    from duck_tx.http.outlet import Outlet
    from duck_tx.http.site import Site
    from duck_tx.http.streaming import BodyStream

__all__ = ["IncomingRequest"]


class _lazy:
    """An attribute computed when first read, then kept in the instance; cheaper than
    ``functools.cached_property``, which takes a lock on Python 3.11."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


class Channel(Protocol):
    """What a request came by, and its answer goes."""

    @property
    def site(self) -> Site: ...
    @property
    def outlet(self) -> Outlet: ...
    @property
    def transport(self) -> Any: ...
    def getPeer(self) -> IAddress: ...
    def getHost(self) -> IAddress: ...
    def abort(self) -> None: ...


class IncomingRequest(server.Request):
    """The asking half of a request: see :class:`duck_tx.http.request.Request`."""

    channel: Channel  # type: ignore[assignment]
    site: Site
    queued = False
    body_size = 0
    mount_path = b""
    arriving: BodyStream | None = None
    """The body, if it was not whole when the request was handed over, or is being replayed."""
    body_trailers: Sequence[tuple[bytes, bytes]] = ()
    """Fields that came behind a whole body."""
    _body: BinaryIO | None = None
    user: bytes
    password: bytes

    def __init__(
        self,
        channel: Channel,
        line: RequestLine,
        headers: Fields,
        host: bytes | None,
        started: float,
    ) -> None:
        self.channel = channel
        self.site = channel.site
        self.method, self.uri, self._version, _ = line
        self.raw_headers = headers
        self.host_header = host
        self.started = started

    @_lazy
    def clientproto(self) -> bytes:
        return b"HTTP/" + self._version

    @property
    def asked(self) -> str:
        """The request in a line of a log, such as ``GET /path?query``; nothing in it can end that line."""
        return f"{self.method.decode('ascii', 'backslashreplace')} {self.uri.decode('ascii', 'backslashreplace')}"

    @_lazy
    def path(self) -> bytes:
        return self.uri.partition(b"?")[0]

    @_lazy
    def args(self) -> dict[bytes, list[bytes]]:
        return parse_qs(self.uri.partition(b"?")[2], keep_blank_values=True)

    @_lazy
    def prepath(self) -> list[bytes]:
        return []

    @_lazy
    def postpath(self) -> list[bytes]:
        return [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]

    @_lazy
    def sitepath(self) -> list[bytes]:
        return []

    @_lazy
    def content(self) -> BinaryIO:
        return self._body if self._body is not None else BytesIO()

    @_lazy
    def requestHeaders(self) -> Headers:
        headers = Headers()
        for name, value in self.raw_headers:
            headers.addRawHeader(name, value)
        return headers

    @_lazy
    def responseHeaders(self) -> Headers:
        return Headers()

    @_lazy
    def received_cookies(self) -> dict[bytes, bytes]:
        pairs = (
            pair.lstrip().partition(b"=")
            for line in self.requestHeaders.getRawHeaders(b"cookie", ())
            for pair in line.split(b";")
        )
        return {name: value for name, equals, value in pairs if equals}

    @_lazy
    def cookies(self) -> list[bytes]:
        return []

    @_lazy
    def notifications(self) -> list[Deferred[None]]:
        return []

    @_lazy
    def client(self) -> IAddress:
        return self.channel.getPeer()

    @_lazy
    def host(self) -> IAddress:
        return self.channel.getHost()

    @_lazy
    def transport(self) -> Any:
        return self.channel.transport

    @_lazy
    def _adapterCache(self) -> dict[object, object]:
        return {}

    @_lazy
    def origin(self) -> Origin:
        """Who asked, after the rule of trusted proxies."""
        return self.site.origin(self)

    @_lazy
    def upgrade(self) -> bytes:
        return wanted_upgrade(self.raw_headers) if self._version == b"1.1" else b""

    @_lazy
    def takes_trailers(self) -> bool:
        """Whether the client says that it takes trailers (``TE``, RFC 9110 10.1.4)."""
        offers = [value for name, value in self.raw_headers if name.lower() == b"te"]
        return b"trailers" in [offer.strip(b" \t").lower() for offer in b",".join(offers).split(b",")]

    @_lazy
    def trailers(self) -> Fields:
        return []

    def take_body(self, body: BinaryIO) -> None:
        """The body is complete."""
        self.body_size = body.seek(0, 2)
        body.seek(0)
        self._body = body

    def _close_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
