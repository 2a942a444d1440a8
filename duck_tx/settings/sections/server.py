"""The section ``server``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import (
    BYTES,
    CONNECTIONS,
    DAY,
    MOST_WORKERS,
    PATH_WORDS,
    PRINTABLE,
    REQUESTS,
    SECONDS,
    TIB,
    YEAR,
    PathName,
)

_HOST = r"\A[A-Za-z0-9_.:%-]+\Z"
_DOMAIN = r"\A(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])\Z"


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public listener and the process behind it."""

    addr: Annotated[
        str,
        Meta(
            description="Address or host name to bind: IPv4, IPv6 without brackets, or a name that resolves.",
            pattern=_HOST,
            extra={"accepted": "an address or a host name (ASCII), without brackets, scheme or port"},
        ),
    ] = "localhost"
    port: Annotated[
        int,
        Meta(description="TCP port to listen on; 0 picks a free one.", ge=0, le=65535),
    ] = 8000
    domain: Annotated[
        Annotated[str, Meta(pattern=_DOMAIN)] | None,
        Meta(
            description="Public name for absolute URIs; by default the address.",
            extra={"accepted": "a host name without scheme or port (an international one in its xn-- form)"},
        ),
    ] = None
    uses_ipv6: Annotated[bool, Meta(description="Bind IPv6; a wildcard address (`::`) then serves IPv4 as well.")] = (
        False
    )
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_WORKERS)] | Literal["auto"] | None,
        Meta(
            description="Gateway threads, where `gateway.threads` does not say; with `force_worker_processes`,"
            " worker processes. `auto`: one for each processor."
        ),
    ] = None
    force_worker_processes: Annotated[
        bool,
        Meta(description="Serve in worker processes, as many as `workers` says, by default one for each processor."),
    ] = False
    preload: Annotated[
        bool,
        Meta(
            description="Load the project once, in a process of its own from which worker processes are forked: they"
            " share its memory, and start at once (Linux)."
        ),
    ] = False
    worker_timeout: Annotated[
        float,
        Meta(
            description="How long a worker process may not answer; then the stacks of its threads are logged, and it is"
            " killed and replaced.",
            ge=2,
            le=DAY,
            extra=SECONDS,
        ),
    ] = 60.0
    max_requests: Annotated[
        int,
        Meta(
            description="Requests after which a worker process is replaced, without losing one; 0: never.",
            ge=0,
            le=2**40,
            extra=REQUESTS,
        ),
    ] = 0
    max_requests_jitter: Annotated[
        int,
        Meta(
            description="Up to so many more, drawn for each worker, so that not all are replaced together.",
            ge=0,
            le=2**40,
            extra=REQUESTS,
        ),
    ] = 0
    max_age: Annotated[
        float,
        Meta(description="Age at which a worker process is replaced; 0: never.", ge=0, le=YEAR, extra=SECONDS),
    ] = 0.0
    max_memory: Annotated[
        int,
        Meta(
            description="Resident memory beyond which a worker process is replaced (where there is a /proc); 0: never.",
            ge=0,
            le=TIB,
            extra=BYTES,
        ),
    ] = 0
    no_checks: Annotated[bool, Meta(description="Skip the checks at start-up.")] = False
    state_dir: Annotated[
        PathName | None,
        Meta(
            description="State directory (metadata, temporary data); by default `.duck` beside the project.",
            extra=PATH_WORDS,
        ),
    ] = None
    process_name: Annotated[
        str,
        Meta(
            description="Process title.",
            min_length=1,
            pattern=PRINTABLE,
            extra={"accepted": "printable ASCII text, not empty"},
        ),
    ] = "duck-server"
    grace: Annotated[
        float,
        Meta(description="How long a stop waits for requests in flight.", ge=0, le=DAY, extra=SECONDS),
    ] = 30.0
    backlog: Annotated[
        int,
        Meta(
            description="Connections that the kernel may queue before they are accepted.",
            ge=1,
            le=65535,
            extra=CONNECTIONS,
        ),
    ] = 2048
    debug: Annotated[
        bool | None,
        Meta(
            description="Development conveniences, such as static files without collectstatic; by default"
            " Django's DEBUG."
        ),
    ] = None
