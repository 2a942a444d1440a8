"""One question to all worker processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IReactorTime

from duck_tx.errors import ApplicationError
from duck_tx.process.worker import Worker

__all__ = ["polled"]

_PATIENCE = 2.0
"""Seconds for their answers: who asked waits for all of them, and one that hangs is known as such by its silence."""


def polled(clock: IReactorTime, workers: Iterable[Worker], verb: str) -> Deferred[dict[int, Any]]:
    """What each of them answers, by its number; ``None`` where that does not come in time, or is a refusal."""
    asked = list(workers)
    answers = [Deferred.fromCoroutine(_answer(clock, worker, verb)) for worker in asked]
    return gatherResults(answers).addCallback(
        lambda found: {worker.number: answer for worker, answer in zip(asked, found, strict=True)}
    )


async def _answer(clock: IReactorTime, worker: Worker, verb: str) -> Any:
    try:
        return await Deferred.fromCoroutine(worker.end.ask(verb, {})).addTimeout(_PATIENCE, clock)
    except (ApplicationError, ConnectionClosed, TimeoutError):
        return None
