"""Makes Django remember in the database itself that it is up to date."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from duck_tx.welcome import state


class GuestbookConfig(AppConfig):
    """The guest book, as Django sees it."""

    name = "duck_tx.welcome.guestbook"
    label = "guestbook"
    verbose_name = "Guest book"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """``migrate`` sends this signal when all apps are done."""
        post_migrate.connect(_write_stamp, sender=self)


def _write_stamp(using: str, **_: Any) -> None:
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[using])
    # ``migrate guestbook zero`` ends here too, and leaves something to do.
    left = executor.migration_plan(executor.loader.graph.leaf_nodes())
    value = 0 if left else state.stamp()
    with connections[using].cursor() as cursor:
        cursor.execute(f"PRAGMA user_version = {value}")
