"""The tables of ``proxy.routes``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import CONNECTIONS, DAY, PATH_WORDS, REQUESTS, SECONDS, PathName, Timeout

# Without "?" and "#", which end a path.
_PATH = r"/[!\"$->@-~]*"
_NAME = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])"
_URL = rf"\A(?:https?://{_NAME}(?::[0-9]{{1,5}})?(?:{_PATH})?|unix:/[!-~]+)\Z"
_BALANCE = r"\A(?:round-robin|least-in-flight|hash-address|hash-cookie:[!#$%&'*+.^_`|~0-9A-Za-z-]+)\Z"
_URL_WORDS = "http://HOST[:PORT][/BASE], https://... or unix:/PATH"

Url = Annotated[str, Meta(pattern=_URL)]
Path = Annotated[str, Meta(pattern=rf"\A{_PATH}\Z")]
_Status = Annotated[int, Meta(ge=100, le=599)]


class UpstreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One server of a route.

    :ivar url: where it is.
    :ivar weight: its share of the requests, beside those of the others.
    """

    url: Url
    weight: Annotated[int, Meta(ge=1, le=1000)] = 1


class RouteSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Paths that other servers answer."""

    prefix: Annotated[
        Path,
        Meta(
            description="Which paths, as they stand in the request: this one and all below it.",
            extra={"accepted": "a path that begins with a slash, percent-encoded, without ? and #"},
        ),
    ] = "/"
    host: Annotated[
        Annotated[str, Meta(pattern=rf"\A(?:\*\.)?{_NAME}\Z")] | None,
        Meta(
            description="Only requests for this host; by default for any.",
            extra={"accepted": "a host name without a port, with *. in front for all below"},
        ),
    ] = None
    upstreams: Annotated[
        tuple[Url | UpstreamSettings, ...],
        Meta(
            description="The servers that answer.",
            min_length=1,
            extra={"accepted": f'a list of {_URL_WORDS}, or of tables {{url = "...", weight = 2}}, at least one'},
        ),
    ]
    strip: Annotated[bool, Meta(description="Leave the prefix out of the paths that the servers see.")] = False
    host_header: Annotated[
        str,
        Meta(
            description="The Host that the servers see: `keep` the client's, `rewrite` it to that of the URL, or this.",
            pattern=r"\A[A-Za-z0-9_.:\[\]-]+\Z",
            extra={"accepted": "keep, rewrite or a host with optional port"},
        ),
    ] = "keep"
    balance: Annotated[
        str,
        Meta(
            description="Which of several servers gets a request: in turn, the one with the fewest requests, or the"
            " same one for the same address or value of a cookie.",
            pattern=_BALANCE,
            extra={"accepted": "round-robin, least-in-flight, hash-address or hash-cookie:NAME"},
        ),
    ] = "round-robin"
    connect_timeout: Annotated[
        Timeout, Meta(description="How long a connection may take to be made, TLS included.", extra=SECONDS)
    ] = 5.0
    first_byte_timeout: Annotated[
        Timeout, Meta(description="From the whole request to the first byte of its response (else 504).", extra=SECONDS)
    ] = 60.0
    idle_timeout: Annotated[
        Timeout,
        Meta(description="Silence of the server within a response, or in which it takes nothing.", extra=SECONDS),
    ] = 60.0
    tunnel_timeout: Annotated[
        Timeout,
        Meta(description="Silence of both sides of a WebSocket or another upgraded connection.", extra=SECONDS),
    ] = 3600.0
    max_connections: Annotated[
        int,
        Meta(
            description="Connections to each server that each process may have; where all are in use, requests wait for"
            " one as long as `connect_timeout`, then the answer is 503.",
            ge=1,
            le=100_000,
            extra=CONNECTIONS,
        ),
    ] = 512
    max_waiting: Annotated[
        int,
        Meta(
            description="How many requests may wait so for each server; beyond, the answer is 503.",
            ge=0,
            le=100_000,
            extra=REQUESTS,
        ),
    ] = 1024
    kept_connections: Annotated[
        int,
        Meta(
            description="Connections to each server that each process keeps for later requests.",
            ge=0,
            le=100_000,
            extra=CONNECTIONS,
        ),
    ] = 64
    kept_timeout: Annotated[
        Timeout,
        Meta(
            description="How long they are kept without a request; less than the servers keep them, which is five"
            " seconds for many.",
            extra=SECONDS,
        ),
    ] = 4.0
    retries: Annotated[
        int,
        Meta(
            description="How often a request is sent again where that is safe.",
            ge=0,
            le=10,
            extra={"unit": "times"},
        ),
    ] = 2
    retry_share: Annotated[
        float,
        Meta(description="Requests that may be sent again, as a share of all; 0: none.", ge=0, le=1),
    ] = 0.2
    eject_failures: Annotated[
        int,
        Meta(
            description="Failures in a row after which a server is left out for a while, if there is another;"
            " 0: never.",
            ge=0,
            le=1000,
            extra={"unit": "failures"},
        ),
    ] = 3
    eject_time: Annotated[
        Timeout,
        Meta(description="How long it is left out; twice as long each time again, up to five minutes.", extra=SECONDS),
    ] = 10.0
    eject_statuses: Annotated[
        tuple[Annotated[int, Meta(ge=500, le=599)], ...],
        Meta(
            description="Answers that count as failures, beside connections and time-outs that fail.",
            extra={"accepted": "a list of status codes from 500 to 599"},
        ),
    ] = ()
    slow_start: Annotated[
        float,
        Meta(
            description="Over how long a server that was away gets back to its share of the requests.",
            ge=0,
            le=DAY,
            extra=SECONDS,
        ),
    ] = 10.0
    health_path: Annotated[
        Annotated[str, Meta(pattern=r"\A/[!\"$-~]*\Z")] | None,
        Meta(
            description="Path that each server is asked for from time to time; one that does not answer well is down."
            " By default none is asked.",
            extra={"accepted": "a path that begins with a slash, with an optional query"},
        ),
    ] = None
    health_interval: Annotated[Timeout, Meta(description="How often it is asked, roughly.", extra=SECONDS)] = 10.0
    health_timeout: Annotated[Timeout, Meta(description="How long its answer may take.", extra=SECONDS)] = 5.0
    health_host: Annotated[
        Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.:\[\]-]+\Z")] | None,
        Meta(
            description="The Host of that question, one that Django's ALLOWED_HOSTS has; by default as `host_header`"
            " says, and where that is the client's: `host`, `server.domain`, or the one in the URL.",
            extra={"accepted": "a host with optional port"},
        ),
    ] = None
    health_status: Annotated[
        tuple[_Status, ...],
        Meta(
            description="The answers that are well; by default all from 200 to 399.",
            extra={"accepted": "a list of status codes"},
        ),
    ] = ()
    ca_file: Annotated[
        PathName | None,
        Meta(description="Certificates (PEM) to trust for https://, instead of the usual ones.", extra=PATH_WORDS),
    ] = None
    client_certificate: Annotated[
        PathName | None,
        Meta(description="Certificate (PEM) to show to the servers.", extra=PATH_WORDS),
    ] = None
    client_key: Annotated[
        PathName | None,
        Meta(description="Its private key (PEM); by default in the same file.", extra=PATH_WORDS),
    ] = None

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> list[dict[str, Any]]:
        """Routes as tables, of texts such as ``/api=http://127.0.0.1:9000``; the same prefix again is one server more.

        :raises ValueError: if one is no prefix and URL.
        """
        routes: dict[str, list[str]] = {}
        for text in texts:
            prefix, equals, url = (part.strip() for part in text.partition("="))
            if not equals or not prefix.startswith("/"):
                raise ValueError(f"{text!r} is not PREFIX=URL")
            routes.setdefault(prefix.rstrip("/") or "/", []).append(url)
        return [{"prefix": prefix, "upstreams": urls} for prefix, urls in routes.items()]

    @property
    def mount(self) -> str:
        """The prefix with one slash at its end."""
        return self.prefix.rstrip("/") + "/"

    @property
    def servers(self) -> tuple[UpstreamSettings, ...]:
        """The upstreams, all as tables."""
        return tuple(UpstreamSettings(url=each) if isinstance(each, str) else each for each in self.upstreams)

    @property
    def is_everything(self) -> bool:
        """Whether it is for all paths of any host, so that no application can be asked."""
        return self.host is None and self.mount == "/"
