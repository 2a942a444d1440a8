"""The tables of ``sidecars``."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal

from msgspec import Meta, Struct

from duck_tx.settings.sections.bounds import DAY, PATH_WORDS, SECONDS, PathName

_NAME = r"\A[A-Za-z0-9_.:-]+\Z"
_WORD = r"\A[^\x00]*\Z"
_VARIABLE = r"\A[^=\x00]+\Z"


class SidecarSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One program that runs beside the server."""

    command: Annotated[
        tuple[Annotated[str, Meta(pattern=_WORD)], ...],
        Meta(
            description="The program and its arguments, as they are; no shell reads them.",
            min_length=1,
            extra={"accepted": "a list of text, at least the name of a program"},
        ),
    ]
    name: Annotated[
        Annotated[str, Meta(pattern=_NAME)] | None,
        Meta(
            description="What it is called in the log; by default as the file of its program.",
            extra={"accepted": "letters, digits and . _ : -"},
        ),
    ] = None
    directory: Annotated[
        PathName | None,
        Meta(description="Where it runs, as seen from the project's directory; by default there.", extra=PATH_WORDS),
    ] = None
    env: Annotated[
        dict[Annotated[str, Meta(pattern=_VARIABLE)], Annotated[str, Meta(pattern=_WORD)]],
        Meta(description="Variables of its environment, beside those of the server."),
    ] = {}
    restart: Annotated[
        Literal["always", "on-failure", "never"],
        Meta(description="Whether it is started again when it ends; a failure is any status but 0, and any signal."),
    ] = "always"
    grace: Annotated[
        float,
        Meta(
            description="How long it may take to end when it is asked to; then it is killed.",
            ge=0,
            le=DAY,
            extra=SECONDS,
        ),
    ] = 10.0
    start: Annotated[
        Literal["after", "before"],
        Meta(description="Whether it starts after the server is ready, or before; it stops the other way round."),
    ] = "after"

    @property
    def called(self) -> str:
        """Its name; empty if it has none and neither has its program."""
        return self.name or PurePath(self.command[0]).name
