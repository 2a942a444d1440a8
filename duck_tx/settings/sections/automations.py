"""The section ``automations``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

_MODULE = r"\A[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z"


class AutomationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scheduled jobs, found in the `automations.py` of installed apps."""

    enabled: Annotated[bool, Meta(description="Run automations at all.")] = True
    modules: Annotated[
        tuple[Annotated[str, Meta(pattern=_MODULE)], ...],
        Meta(
            description="Further modules with automations, such as `mysite.jobs`.",
            extra={"accepted": "a list of dotted module names"},
        ),
    ] = ()
    threads: Annotated[
        int,
        Meta(
            description="Threads for automations, apart from those that serve: so many run at the same time, without"
            " those that need no thread; others wait.",
            ge=1,
            le=1024,
            extra={"unit": "threads"},
        ),
    ] = 10
    nice: Annotated[
        int,
        Meta(
            description="How much the process of automations, and what it starts, steps back for those that serve,"
            " where there are several; 0: not at all.",
            ge=0,
            le=19,
            extra={"unit": "steps"},
        ),
    ] = 10
    history_days: Annotated[
        float,
        Meta(
            description="How long a run stays in the history; the last of each automation stays longer.",
            gt=0,
            le=36500,
            extra={"unit": "days"},
        ),
    ] = 30.0
    history_runs: Annotated[
        int,
        Meta(
            description="Runs of each automation that stay in the history, the newest.",
            ge=1,
            le=1_000_000,
            extra={"unit": "runs"},
        ),
    ] = 1000
