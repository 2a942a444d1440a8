"""The table, and its rows: the same on every machine, with characters that a template has to escape."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

_AUTHORS = ("Ada Lovelace", "Grace Hopper", "Edsger W. Dijkstra", "Émilie du Châtelet", "Tim O'Reilly")


def write(apps: Any, schema_editor: Any) -> None:
    """Twenty-five sayings, by five authors in turn."""
    saying = apps.get_model("rooms", "Saying")
    saying.objects.bulk_create(
        saying(text=f"On talk & silence, part <{number}>", author=_AUTHORS[number % 5]) for number in range(1, 26)
    )


class Migration(migrations.Migration):
    """As ``makemigrations`` would write it, but for the rows."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            "Saying",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.CharField(max_length=120)),
                ("author", models.CharField(max_length=80)),
            ],
        ),
        migrations.RunPython(write, migrations.RunPython.noop),
    )
