"""The rows of the list page: the same on every machine, with characters that a template has to escape."""

from __future__ import annotations

from typing import Any

from django.db import migrations

_AUTHORS = ("Ada Lovelace", "Grace Hopper", "Edsger W. Dijkstra", "Émilie du Châtelet", "Tim O'Reilly")
_BODY = (
    "A pond is never still: wind, rain & ducks see to that. Watch <one> long enough and every ripple has a "
    "cause, though rarely the one you thought of first."
)


def write(apps: Any, schema_editor: Any) -> None:
    """Twenty-five articles, by five authors in turn."""
    article = apps.get_model("pages", "Article")
    article.objects.bulk_create(
        article(title=f"On ripples & reeds, part <{number}>", author=_AUTHORS[number % 5], body=_BODY)
        for number in range(1, 26)
    )


def remove(apps: Any, schema_editor: Any) -> None:
    """What :func:`write` wrote."""
    apps.get_model("pages", "Article").objects.filter(author__in=_AUTHORS, body=_BODY).delete()


class Migration(migrations.Migration):
    """Data only."""

    dependencies = (("pages", "0001_initial"),)
    operations = (migrations.RunPython(write, remove),)
