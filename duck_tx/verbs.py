"""What can be asked of an App over the control socket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from duck_tx import report
from duck_tx.errors import ApplicationError
from duck_tx.process import count
from duck_tx.process.control import Verb
from duck_tx.proxy.picture import picture

__all__ = ["verbs"]


class Subject(report.Subject, Protocol):
    """The App, as far as it can be asked."""

    def stop(self) -> Deferred[None]: ...
    def restart(self) -> Deferred[tuple[str, ...]]: ...


def verbs(app: Subject) -> Mapping[str, Verb]:
    """The verbs of ``duckctl`` and of whoever else asks.

    ``status`` is answered with the metadata, whether the port accepts, how the servers of the routes are in the eyes
    of who asks them, the workers, and the process beside them that runs the automations; ``logs`` and ``workers`` as
    :class:`duck_tx.process.logs.LogService` and :mod:`duck_tx.process.count` say; ``certificates`` and
    ``certificates.reload`` with what is served now; ``automations`` and its kin as
    :class:`duck_tx.automations.desk.Desk` says.
    ``restart`` is answered with the changed settings that are waiting for a stop and a start.
    ``stop`` is answered before it is done; ``quit``, ``exit`` and ``bye`` are other words for it.
    """

    def stop(_: Mapping[str, Any]) -> dict[str, int]:
        app.tree.announce_stop()
        app.stop()
        return {"pid": os.getpid()}

    async def restart(_: Mapping[str, Any]) -> dict[str, object]:
        answer: dict[str, object] = {"pid": os.getpid()}
        if app.tree.workers is None:
            answer["started"] = report.metadata(app)["started"]
            # Below a monitor another process follows.
            answer["ends"] = app.tree.reloader is not None
        answer["waiting"] = list(await app.restart())
        return answer

    def certificates(_: Mapping[str, Any]) -> list[dict[str, object]]:
        return _served(app)

    def reload(_: Mapping[str, Any]) -> list[dict[str, object]]:
        if app.tree.secure is not None:
            app.tree.secure.certificates.reload()
        return _served(app)

    async def status(_: Mapping[str, Any]) -> dict[str, object]:
        workers = app.tree.workers
        upstreams = await _upstreams(app)
        about = [] if workers is None else workers.describe()
        solo = None if app.tree.solo is None else app.tree.solo.describe()
        more = {"serving": app.tree.is_serving, "processes": about}
        return {**report.metadata(app), **upstreams, **more, **({} if solo is None else {"automations": solo})}

    def automations(verb: str, given: Mapping[str, Any]) -> object:
        return app.tree.ask_automations(verb, given)

    return {
        "status": status,
        "workers": lambda given: count.answer(app.tree.workers, given, report.thread_count(app)),
        "logs": lambda given: app.tree.log.ask(given),
        "restart": restart,
        "certificates": certificates,
        "certificates.reload": reload,
        "automations": partial(automations, "list"),
        **{f"automations.{verb}": partial(automations, verb) for verb in ("history", "run", "pause", "resume")},
        **dict.fromkeys(("stop", "quit", "exit", "bye"), stop),
    }


async def _upstreams(app: Subject) -> dict[str, object]:
    """How the servers of the routes are, as far as somebody knows."""
    routes, workers = app.tree.serving.routes, app.tree.workers
    if workers is None:
        found = [] if routes is None else routes.describe()
    else:
        found = picture(await workers.poll("upstreams"))
    return {"upstreams": found} if found else {}


def _served(app: Subject) -> list[dict[str, object]]:
    if app.tree.secure is None:
        raise ApplicationError("HTTPS is off: there are no certificates. Turn it on with --https.")
    return [
        {
            "names": list(each.names),
            "expires": each.expires.isoformat(),
            "source": each.source,
            "development": each.is_development,
        }
        for each in app.tree.secure.certificates.store.credentials
    ]
