"""What can be asked of an App over the control socket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from duck_tx import report
from duck_tx.errors import ApplicationError
from duck_tx.process import count
from duck_tx.process.control import Verb
from duck_tx.serving import threads

__all__ = ["verbs"]


class Subject(report.Subject, Protocol):
    """The App, as far as it can be asked."""

    def stop(self) -> Deferred[None]: ...
    def restart(self) -> Deferred[None]: ...


def verbs(app: Subject) -> Mapping[str, Verb]:
    """The verbs of ``duckctl`` and of whoever else asks.

    ``status`` is answered with the metadata, whether the port accepts, and the workers; ``logs`` and ``workers`` as
    :class:`duck_tx.process.logs.LogService` and :mod:`duck_tx.process.count` say; ``certificates`` and
    ``certificates.reload`` with what is served now.
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
        await app.restart()
        return answer

    def certificates(_: Mapping[str, Any]) -> list[dict[str, object]]:
        return _served(app)

    def reload(_: Mapping[str, Any]) -> list[dict[str, object]]:
        if app.tree.secure is not None:
            app.tree.secure.certificates.reload()
        return _served(app)

    def status(_: Mapping[str, Any]) -> dict[str, object]:
        workers = app.tree.workers
        about = [] if workers is None else workers.describe()
        return {**report.metadata(app), "serving": app.tree.is_serving, "processes": about}

    return {
        "status": status,
        "workers": lambda given: count.answer(app.tree.workers, given, threads(app.settings)),
        "logs": lambda given: app.tree.log.ask(given),
        "restart": restart,
        "certificates": certificates,
        "certificates.reload": reload,
        **dict.fromkeys(("stop", "quit", "exit", "bye"), stop),
    }


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
