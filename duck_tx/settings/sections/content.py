"""The section ``content``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import DAY, SECONDS


class ContentSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Static and media files, served without Python application code."""

    static: Annotated[bool, Meta(description="Serve Django's static files.")] = True
    media: Annotated[bool, Meta(description="Serve Django's media files.")] = True
    immutable: Annotated[bool, Meta(description="Let clients keep files with a hash in their name for ever.")] = True
    max_age: Annotated[
        int,
        Meta(
            description="How long clients may keep other files without asking again.",
            ge=0,
            le=10 * 365 * DAY,
            extra=SECONDS,
        ),
    ] = 0
    precompressed: Annotated[
        bool, Meta(description="Send the `.br`, `.zst` or `.gz` sibling of a file to clients that accept it.")
    ] = True
