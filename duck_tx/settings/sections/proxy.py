"""The section ``proxy``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ProxySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proxies in front of this server."""

    trusted: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            description="Peers whose X-Forwarded-*, Forwarded, X-Real-IP and X-Request-ID headers are"
            " believed: addresses, networks, `unix` (any peer on a Unix socket) or `*` (all).",
            extra={"accepted": "a list of addresses, networks such as 10.0.0.0/8, unix, or *"},
        ),
    ] = ()
