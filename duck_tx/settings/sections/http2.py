"""The section ``http2``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import BYTES, KIB, REQUESTS, SECONDS, Timeout

_FRAMES = {"unit": "frames"}


class Http2Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP/2, beside the limits of the section `http`, which hold for it as well."""

    enabled: Annotated[bool, Meta(description="Offer HTTP/2 to clients that come by TLS.")] = True
    max_streams: Annotated[
        int,
        Meta(description="Requests of one connection in progress at a time.", ge=1, le=10_000, extra=REQUESTS),
    ] = 128
    stream_window: Annotated[
        int,
        Meta(
            description="How much of one request body a client may send ahead.",
            ge=65_535,
            le=2**31 - 1,
            extra=BYTES,
        ),
    ] = 256 * KIB
    connection_window: Annotated[
        int,
        Meta(
            description="How much of all request bodies of a connection a client may send ahead.",
            ge=65_535,
            le=2**31 - 1,
            extra=BYTES,
        ),
    ] = 1024 * KIB
    settings_timeout: Annotated[
        Timeout,
        Meta(description="How long a client may take to acknowledge the settings of the connection.", extra=SECONDS),
    ] = 10.0
    max_resets: Annotated[
        int,
        Meta(
            description="Requests of one connection that may be given up in quick succession, by the client or for"
            " its faults; a tenth of it is allowed again each second.",
            ge=1,
            le=1_000_000,
            extra=REQUESTS,
        ),
    ] = 200
    max_control_frames: Annotated[
        int,
        Meta(
            description="Frames of one connection in quick succession that are neither requests, nor content, nor"
            " called for by responses; a tenth of it is allowed again each second.",
            ge=100,
            le=1_000_000,
            extra=_FRAMES,
        ),
    ] = 1000
