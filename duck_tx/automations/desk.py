"""What can be asked of the automations, and told them, while they run."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from twisted.internet.interfaces import IReactorTime

from duck_tx.automations.automation import Automation
from duck_tx.automations.leader import Leader
from duck_tx.automations.record import Run, answers
from duck_tx.automations.service import AutomationService
from duck_tx.errors import ApplicationError
from duck_tx.promise import follow

__all__ = ["Desk", "answer_without"]

_MOST_RUNS = 10_000

_PATIENCE = 5.0
"""Seconds to wait for the automations, which begin when a start or a restart is about over."""


def answer_without(verb: str) -> dict[str, object]:
    """What a desk answers where there are no automations.

    :raises ApplicationError: to all but ``list``.
    """
    if verb != "list":
        raise ApplicationError("there are no automations. Write some in an app's automations.py.")
    return {"automations": [], "leader": True, "note": ""}


class Desk:
    """Answers for one service.

    :param service: that.
    :param clock: the time of day.
    """

    def __init__(self, service: AutomationService, clock: IReactorTime) -> None:
        self._service = service
        self._clock = clock

    async def answer(self, verb: str, given: Mapping[str, Any]) -> object:
        """What ``duckctl automations`` shows.

        :param verb: ``list``, ``history``, ``run``, ``pause`` or ``resume``.
        :param given: ``name``, for all but the first; ``limit``, the number of runs of a history, and
            ``output``, whether it has what they printed.
        :raises ApplicationError: if there is no such automation, or it cannot be done.
        """
        if not self._service.automations:
            return answer_without(verb)
        await self._service.come(_PATIENCE, waits=verb != "list")
        if verb == "list":
            return await self._list()
        name = given.get("name")
        automation = self._named(name if isinstance(name, str) else "")
        if verb == "history":
            return await self._history_of(automation, given.get("limit", 20), output=given.get("output") is True)
        if verb == "run":
            return await self._run(automation)
        return await self._pause(automation, paused=verb == "pause")

    def _named(self, name: str) -> Automation:
        names = {each.name: each for each in self._service.automations}
        if name in names:
            return names[name]
        likely = get_close_matches(name, names, 1, 0.5)
        hint = f"did you mean {likely[0]}?" if likely else f"there are {', '.join(sorted(names)[:10])}."
        raise ApplicationError(f"there is no automation {name!r}: {hint}")

    def _leader(self) -> Leader:
        """Who runs them.

        :raises ApplicationError: if another process does.
        """
        if self._service.leader is None:
            raise ApplicationError(self._note() or "the automations are not up yet.")
        return self._service.leader

    def _note(self) -> str:
        lock = self._service.lock
        if lock is None or lock.is_ours:
            return ""
        holder = "another process" if lock.holder is None else f"pid {lock.holder}"
        return f"{holder} runs the automations of this state directory."

    # What there is.

    async def _list(self) -> dict[str, object]:
        service, leader = self._service, self._service.leader
        latest = {} if leader is None else await leader.history.latest()
        about = [self._about(each, leader, latest.get(each.name)) for each in service.automations]
        return {
            "automations": about,
            "leader": leader is not None,
            "note": self._note(),
        }

    def _about(self, automation: Automation, leader: Leader | None, last: Run | None) -> dict[str, object]:
        name = automation.name
        now = self._clock.seconds()
        return {
            "name": name,
            "description": automation.description,
            "kind": automation.kind,
            "schedule": _schedule(automation),
            "place": automation.place,
            "enabled": automation.enabled,
            "paused": leader is not None and leader.agenda.memory(name).paused,
            "running": None if leader is None else leader.dispatch.activities[name].seconds_for(now),
            "last": None if last is None else last.as_last(),
            "next": None if leader is None else leader.agenda.next_of(name),
        }

    async def _history_of(self, automation: Automation, limit: object, *, output: bool) -> dict[str, object]:
        if type(limit) is not int or not 1 <= limit <= _MOST_RUNS:
            raise ApplicationError(f"{limit!r} is no number of runs: ask for 1 to {_MOST_RUNS}.")
        runs = await self._leader().history.runs(automation.name, limit)
        return {"name": automation.name, "runs": answers(runs, output=output)}

    # What is to be done.

    async def _run(self, automation: Automation) -> dict[str, object]:
        dispatch = self._leader().dispatch
        began = self._clock.seconds()
        seconds = dispatch.activities[automation.name].seconds_for(began)
        if seconds is not None and automation.overlap == "skip":
            raise ApplicationError(
                f"automation {automation.name} has been running for {seconds:.0f} s, and its runs do not overlap:"
                " wait until it has ended."
            )
        # Whoever waits may leave; the run goes on.
        outcome = await follow(dispatch.ask(automation.name))
        if outcome is None:
            raise ApplicationError(f"automation {automation.name} was not run: see duckctl logs.")
        return {
            "name": automation.name,
            "state": outcome.state,
            "error": outcome.error,
            "output": outcome.output,
            "status": outcome.status,
            "duration": max(self._clock.seconds() - began, 0.0),
        }

    async def _pause(self, automation: Automation, *, paused: bool) -> dict[str, object]:
        leader = self._leader()
        await leader.pause(automation.name, paused)
        return {"name": automation.name, "paused": paused, "next": leader.agenda.next_of(automation.name)}


def _schedule(automation: Automation) -> str:
    words = [str(each) for each in automation.when]
    if automation.has_trigger and automation.trigger is not None:
        words.append(f"when {automation.trigger.name}")
    return ", ".join(words)
