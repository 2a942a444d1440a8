"""Django's database connections, wherever automations run."""

from __future__ import annotations

import os
from functools import cache
from tempfile import mkdtemp
from typing import Any

from tests.case import UnitTestCase
from tests.unit.child import ROOT, in_child


def queries() -> dict[str, Any]:
    """Runs in a child: what each kind of job found in the database, and whether its connection was closed after it."""
    import sys

    sys.path.insert(0, str(ROOT / "tests" / "project"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "example.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from asgiref.sync import sync_to_async
    from django.db import connections
    from twisted.internet import reactor as _reactor
    from twisted.internet.defer import Deferred

    from duck_tx import Automation
    from duck_tx.automations.runner import Runner
    from duck_tx.gateway.django import close_connections
    from pages.models import Article

    reactor: Any = _reactor
    used: list[Any] = []

    def keep() -> None:
        connections["default"].ensure_connection()
        used.append(connections["default"])

    def job() -> None:
        print(Article.objects.count(), end="")
        keep()

    async def coroutine() -> None:
        print(await Article.objects.acount(), end="")
        await sync_to_async(keep)()

    async def mixed() -> None:
        await coroutine()
        await sync_to_async(job)()

    programs: Any = None
    runner = Runner(reactor, threads=2, close_connections=close_connections, programs=programs)
    report: dict[str, Any] = {}

    async def run() -> None:
        runner.start()
        for name, made in {
            "thread": Automation(job),
            "reactor": Automation(job, threaded=False),
            "coroutine": Automation(coroutine),
            "mixed": Automation(mixed),
        }.items():
            used.clear()
            running = runner.begin(made)
            outcome = await running.ended
            await running.gone
            report[name] = [outcome.output, outcome.error, [each.connection is None for each in used]]
        await runner.stop()

    def begin() -> None:
        Deferred.fromCoroutine(run()).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    return report


@cache
def _report() -> dict[str, Any]:
    report: dict[str, Any] = in_child(queries, environ={"EXAMPLE_DATA": mkdtemp(dir=os.getcwd())})
    return report


class ConnectionTests(UnitTestCase):
    def test_they_are_closed_after_each_run(self) -> None:
        self.assertEqual(
            _report(),
            {
                "thread": ["25", "", [True]],
                "reactor": ["25", "", [True]],
                "coroutine": ["25", "", [True]],
                "mixed": ["2525", "", [True, True]],
            },
        )
