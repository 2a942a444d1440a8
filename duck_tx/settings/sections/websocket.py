"""The section ``websocket``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import BYTES, DAY, GIB, MIB, SECONDS, Timeout


class WebSocketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and deadlines of each WebSocket."""

    check_origin: Annotated[
        bool,
        Meta(
            description="Refuse browsers whose page is not of a host in Django's `ALLOWED_HOSTS` (403); without Django,"
            " pages of every host are served."
        ),
    ] = True
    max_message: Annotated[
        int,
        Meta(
            description="Longest message of a client, after it is decompressed (else 1009).", ge=1, le=GIB, extra=BYTES
        ),
    ] = MIB
    max_queue: Annotated[
        int,
        Meta(
            description="How much may wait for a client that does not read; the message that comes when it is more is"
            " one too many (1013).",
            ge=0,
            le=GIB,
            extra=BYTES,
        ),
    ] = MIB
    ping_interval: Annotated[
        float,
        Meta(
            description="Silence of a client after which it is sent a ping; 0: never.",
            ge=0,
            le=DAY,
            extra=SECONDS,
        ),
    ] = 20.0
    ping_timeout: Annotated[
        Timeout, Meta(description="How long a client may take to answer a ping (else 1011).", extra=SECONDS)
    ] = 20.0
    close_timeout: Annotated[
        Timeout, Meta(description="How long a client may take to answer a close, and to hang up.", extra=SECONDS)
    ] = 5.0
    compression: Annotated[bool, Meta(description="Compress messages, with clients that can do that.")] = True
    compression_window: Annotated[
        int,
        Meta(
            description="How far compression looks back, as a power of two: 12 is 4 KiB. A WebSocket on which"
            " compressed messages go both ways takes some 50 KiB of memory with 12, 190 KiB with 15.",
            ge=9,
            le=15,
            extra={"unit": "bits"},
        ),
    ] = 12
    compression_takeover: Annotated[
        bool,
        Meta(
            description="Look back on earlier messages too. Otherwise compressed messages are longer, and take memory"
            " only while they are on their way."
        ),
    ] = True
