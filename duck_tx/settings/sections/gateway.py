"""The section ``gateway``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import (
    BYTES,
    DAY,
    GIB,
    MIB,
    PATH_WORDS,
    REQUESTS,
    SECONDS,
    TIB,
    PathName,
    Timeout,
)

_ADDRESS = r"\A(?:unix:/[!-~]+|(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5})\Z"
_MODULE = r"\A[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z"
_CALLABLE = r"\A[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z"
_PATH = r"\A/[!-\x22$->@-~]*\Z"


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Python application: where it is, and how it is called."""

    enabled: Annotated[bool, Meta(description="Serve a Python application at all.")] = True
    project: Annotated[
        PathName | None,
        Meta(
            description="Directory of the Django project (with `manage.py`); by default the current one.",
            extra=PATH_WORDS,
        ),
    ] = None
    django_settings: Annotated[
        Annotated[str, Meta(pattern=_MODULE)] | None,
        Meta(
            description="Django settings module, such as `mysite.settings`.",
            extra={"accepted": "a dotted module name"},
        ),
    ] = None
    wsgi: Annotated[
        Annotated[str, Meta(pattern=_CALLABLE)] | None,
        Meta(
            description="Any WSGI application, such as `mysite.wsgi:application`.",
            extra={"accepted": "MODULE:NAME"},
        ),
    ] = None
    asgi: Annotated[
        Annotated[str, Meta(pattern=_CALLABLE)] | None,
        Meta(
            description="An ASGI application, such as `mysite.asgi:application`; by default the one that"
            " `ASGI_APPLICATION` in Django's settings names.",
            extra={"accepted": "MODULE:NAME"},
        ),
    ] = None
    asgi_paths: Annotated[
        tuple[Annotated[str, Meta(pattern=_PATH)], ...],
        Meta(
            description="What the ASGI application answers beside WebSocket: `/events/` is what lies below it,"
            " `/events` that path as well.",
            extra={"accepted": "a list of paths as in a request line, each with a slash first"},
        ),
    ] = ()
    asgi_only: Annotated[
        bool, Meta(description="Have the ASGI application answer everything; no WSGI application is loaded.")
    ] = False
    asgi_beside_wsgi: Annotated[
        bool,
        Meta(description="Load an ASGI application beside WSGI; otherwise WebSocket and `asgi_paths` get 501."),
    ] = True
    asgi_max_calls: Annotated[
        int,
        Meta(
            description="Requests and WebSockets that the ASGI application may have at a time; beyond it the answer is"
            " 503.",
            ge=1,
            le=1_000_000,
            extra=REQUESTS,
        ),
    ] = 10_000
    event_loop: Annotated[
        Literal["reactor", "thread"],
        Meta(description="What turns the event loop of the ASGI application: the server's reactor, or a thread."),
    ] = "reactor"
    lifespan_timeout: Annotated[
        float,
        Meta(
            description="How long the ASGI application may take to start, by its lifespan; 0: no limit.",
            ge=0,
            le=DAY,
            extra=SECONDS,
        ),
    ] = 60.0
    addr: Annotated[
        Annotated[str, Meta(pattern=_ADDRESS)] | None,
        Meta(
            description="An address of its own for the application, which the server then asks over HTTP; by default"
            " there is nothing between them.",
            extra={"accepted": "HOST:PORT or unix:/PATH"},
        ),
    ] = None
    external: Annotated[
        bool, Meta(description="At `addr` is somebody else's server; no application is loaded here.")
    ] = False
    wait_time: Annotated[
        Timeout,
        Meta(description="How long a start waits for the application to answer at `addr`.", extra=SECONDS),
    ] = 30.0
    threads: Annotated[
        Annotated[int, Meta(ge=0, le=1024)] | None,
        Meta(
            description="Threads that call the application, by default `server.workers` or else 10;"
            " 0: call it on the reactor thread itself.",
            extra={"unit": "threads"},
        ),
    ] = None
    max_waiting: Annotated[
        int,
        Meta(
            description="Requests that may wait for a thread; beyond it the answer is 503.",
            ge=1,
            le=1_000_000,
            extra=REQUESTS,
        ),
    ] = 512
    request_timeout: Annotated[
        float,
        Meta(
            description="How long the application may take for a response to begin (else 504); 0: no limit.",
            ge=0,
            le=DAY,
            extra=SECONDS,
        ),
    ] = 120.0
    response_memory: Annotated[
        int,
        Meta(
            description="Part of a response that may wait in memory for a slow client.",
            ge=0,
            le=GIB,
            extra=BYTES,
        ),
    ] = MIB
    response_spool: Annotated[
        int,
        Meta(
            description="Part of a response that may wait in a temporary file before its thread must wait; 0: none.",
            ge=0,
            le=TIB,
            extra=BYTES,
        ),
    ] = 64 * MIB
    commands_on_startup: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            description="Django commands to run before the application is loaded, such as `migrate` or"
            " `collectstatic --clear`; one that fails stops the start-up.",
            extra={"accepted": "a list of command lines"},
        ),
    ] = ()
    gc_freeze: Annotated[
        bool,
        Meta(description="Exempt what is loaded at start-up from garbage collection (shorter pauses)."),
    ] = True
