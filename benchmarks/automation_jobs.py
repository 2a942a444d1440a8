"""The automations of the cases about automations: what is in the module, the server's environment says.

``BENCHMARK_AUTOMATIONS`` is one of ``thread``, ``coroutine`` and ``reactor``, for many that are due at the same moment
and leave in the file ``BENCHMARK_REPORT`` when that was and when each began; ``later``, for one that is due in hours;
or ``busy``, for one that computes without end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from duck_tx import Automation, at, at_start

COUNT = 10_000
SOON = timedelta(seconds=8)
"""From the import of this module, until which the server has to be ready."""

DUE = datetime.now(UTC) + SOON
_begun: list[float] = []


def _job() -> None:
    _begun.append(time.time())
    if len(_begun) == COUNT:
        # Where the probe of the reactor finds its own pauses: on the clock that all processes share.
        shift = time.monotonic() - time.time()
        report = Path(os.environ["BENCHMARK_REPORT"])
        part = report.with_suffix(".part")
        part.write_text("".join(f"{moment + shift:.6f}\n" for moment in (DUE.timestamp(), *_begun)))
        part.rename(report)


async def _coroutine() -> None:
    _job()


def _compute() -> None:
    while True:
        sum(range(1000))


_KINDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "thread": (_job, {}),
    "coroutine": (_coroutine, {}),
    "reactor": (_job, {"threaded": False}),
}


def made(kind: str) -> list[Automation]:
    """The automations of this kind."""
    if kind == "later":
        return [Automation(_job, "later", when=at(DUE + timedelta(hours=5)))]
    if kind == "busy":
        return [Automation(_compute, "busy", when=at_start())]
    if kind in _KINDS:
        function, options = _KINDS[kind]
        return [Automation(function, f"job {number}", when=at(DUE), **options) for number in range(COUNT)]
    return []


globals().update(
    (f"job_{number}", each) for number, each in enumerate(made(os.environ.get("BENCHMARK_AUTOMATIONS", "")))
)
