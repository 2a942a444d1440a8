"""The section ``reload``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ReloadSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starting anew when a file is edited, for development."""

    enabled: Annotated[
        bool | None,
        Meta(
            description="Start anew when code or settings are edited, and refresh the pages in browsers; by default as"
            " `server.debug`, if that is given."
        ),
    ] = None
    browser: Annotated[
        bool,
        Meta(
            description="Have pages refresh themselves: a small script is added to HTML responses, where `server.debug`"
            " or Django's DEBUG is on."
        ),
    ] = True
    polling: Annotated[
        bool,
        Meta(
            description="Look at the files twice a second, where the file system does not tell of changes (network"
            " and shared folders)."
        ),
    ] = False
