"""The section ``http``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import (
    BYTES,
    CONNECTIONS,
    GIB,
    MIB,
    PRINTABLE,
    RATE,
    SECONDS,
    TIB,
    Timeout,
)


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and deadlines of client connections."""

    max_connections: Annotated[
        int,
        Meta(
            description="Open connections in all.",
            ge=1,
            le=10_000_000,
            extra=CONNECTIONS,
        ),
    ] = 10000
    max_connections_per_address: Annotated[
        int,
        Meta(
            description="Open connections of one client address; 0: no limit.",
            ge=0,
            le=10_000_000,
            extra=CONNECTIONS,
        ),
    ] = 0
    first_byte_timeout: Annotated[
        Timeout,
        Meta(description="From the connection to the first byte of its first request.", extra=SECONDS),
    ] = 10.0
    header_timeout: Annotated[
        Timeout, Meta(description="From the first byte of a request to the end of its header.", extra=SECONDS)
    ] = 20.0
    keepalive_timeout: Annotated[
        Timeout, Meta(description="Idle between two requests of a connection.", extra=SECONDS)
    ] = 60.0
    body_timeout: Annotated[
        Timeout, Meta(description="Silence of the client within a request body.", extra=SECONDS)
    ] = 20.0
    body_min_rate: Annotated[
        int,
        Meta(
            description="Least average rate of a request body, once `body_timeout` has passed; 0: none.",
            ge=0,
            le=GIB,
            extra=RATE,
        ),
    ] = 1000
    write_timeout: Annotated[
        Timeout, Meta(description="How long a client may take nothing of a waiting response.", extra=SECONDS)
    ] = 30.0
    write_min_rate: Annotated[
        int,
        Meta(
            description="Least average rate at which a client takes a response, once `write_timeout` has"
            " passed; 0: none.",
            ge=0,
            le=GIB,
            extra=RATE,
        ),
    ] = 1000
    linger_timeout: Annotated[
        Timeout,
        Meta(
            description="How long what a client still sends is read away after the last response of its connection.",
            extra=SECONDS,
        ),
    ] = 2.0
    max_uri: Annotated[int, Meta(description="Longest request target (else 414).", ge=64, le=MIB, extra=BYTES)] = 8190
    max_header_line: Annotated[int, Meta(description="Longest header line (else 431).", ge=64, le=MIB, extra=BYTES)] = (
        16384
    )
    max_header_block: Annotated[
        int,
        Meta(description="Longest header block of a request (else 431).", ge=64, le=16 * MIB, extra=BYTES),
    ] = 65536
    max_headers: Annotated[
        int,
        Meta(description="Most header lines of a request (else 431).", ge=1, le=10_000, extra={"unit": "lines"}),
    ] = 128
    max_body: Annotated[
        int,
        Meta(description="Longest request body (else 413); 0: no limit.", ge=0, le=TIB, extra=BYTES),
    ] = 256 * MIB
    body_memory: Annotated[
        int,
        Meta(
            description="Part of a request body kept in memory; what is longer goes to a temporary file.",
            ge=0,
            le=GIB,
            extra=BYTES,
        ),
    ] = MIB
    server_header: Annotated[
        str,
        Meta(
            description="Value of the Server response header; empty: no such header.",
            pattern=PRINTABLE,
            extra={"accepted": "printable ASCII text"},
        ),
    ] = "duck_tx"
