"""How the servers of the routes are, where several processes ask them: each knows what it has seen itself.

Pure: what they tell comes in, what an operator is shown goes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["View", "picture"]

View: TypeAlias = Sequence[Mapping[str, Any]]
"""What one process tells: :meth:`duck_tx.proxy.routes.Routes.describe`."""

_COUNTS = ("requests", "answered", "failures")


def picture(views: Mapping[int, View | None]) -> list[dict[str, Any]]:
    """One picture of what workers tell, in the order in which the first of them has the servers.

    Counts are added up.  The state is the one in which all see a server, else ``mixed``; who sees what is in
    ``workers``, with the state ``unknown`` for those that have not told anything.

    :param views: what each worker tells, by its number; ``None`` from one that is silent.
    :return: empty, if nobody tells of a server.
    """
    told = {number: view for number, view in sorted(views.items()) if view is not None}
    silent = sorted(views.keys() - told.keys())
    keys = dict.fromkeys((each["route"], each["url"]) for view in told.values() for each in view)
    return [_server(*key, told, silent) for key in keys]


def _server(route: str, url: str, told: Mapping[int, View], silent: Sequence[int]) -> dict[str, Any]:
    seen = [
        {"number": number, **{name: each.get(name) for name in ("state", "why", *_COUNTS)}}
        for number, view in told.items()
        for each in view
        if (each["route"], each["url"]) == (route, url)
    ]
    workers = [*seen, *({"number": number, "state": "unknown"} for number in silent)]
    states = {each["state"] for each in workers}
    return {
        "route": route,
        "url": url,
        "state": states.pop() if len(states) == 1 else "mixed",
        "why": next((each["why"] for each in seen if each["why"]), None),
        **{name: sum(each[name] or 0 for each in seen) for name in _COUNTS},
        "workers": sorted(workers, key=lambda each: each["number"]),
    }
