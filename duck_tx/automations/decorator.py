"""The decorator that makes an automation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from duck_tx.automations.automation import Automation
from duck_tx.automations.options import Options
from duck_tx.automations.schedule import Schedule

__all__ = ["automation"]


def automation(
    *when: Schedule,
    name: str | None = None,
    description: str | None = None,
    overlap: str = "skip",
    timeout: float | timedelta | None = None,
    retries: int = 0,
    backoff: float | timedelta = 10.0,
    jitter: float | timedelta = 0.0,
    catch_up: str = "none",
    enabled: bool = True,
    threaded: bool | None = None,
) -> Callable[[Any], Automation]:
    """Make an automation of a function, a command, a program, or a class derived from ``Automation``.

    ::

        @automation(every(minutes=5), timeout=60)
        def refresh(): ...

        clear = automation(cron("30 3 * * *"))(command("clearsessions"))

    Several of them on one add up, and so do several schedules in one.  What comes out can still be called like the
    function.  It never fails: mistakes are found when all automations have been.

    The parameters are those of :class:`~duck_tx.automations.automation.Automation`.
    """
    options = Options(overlap, timeout, retries, backoff, jitter, catch_up, enabled, threaded)

    def decorate(job: Callable[..., Any] | Automation | type[Automation]) -> Automation:
        made = _automation(job)
        made.decorate(when, options, name, description)
        return made

    if len(when) == 1 and not isinstance(when[0], Schedule) and callable(when[0]):
        # Written without parentheses: what is missing is told with its name and place.
        bare: Any = when[0]
        when = ()
        bare = decorate(bare)
        return cast(Callable[[Any], Automation], bare)
    return decorate


def _automation(job: Any) -> Automation:
    if isinstance(job, Automation):
        return job
    if isinstance(job, type) and issubclass(job, Automation):
        return job()
    return Automation(job)
