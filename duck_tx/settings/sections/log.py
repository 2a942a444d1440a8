"""The section ``log``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import PATH_WORDS, PathName


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The access log."""

    access: Annotated[bool, Meta(description="Write a line for each request.")] = True
    format: Annotated[Literal["combined", "json"], Meta(description="Form of a line.")] = "combined"
    file: Annotated[
        PathName | None,
        Meta(description="File to append to; by default the console.", extra=PATH_WORDS),
    ] = None
