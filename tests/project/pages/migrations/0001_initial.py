"""The tables."""

from __future__ import annotations

from django.db import migrations, models


def _key() -> models.BigAutoField:
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    """As ``makemigrations`` would write it."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            "Article",
            [
                ("id", _key()),
                ("title", models.CharField(max_length=120)),
                ("author", models.CharField(max_length=80)),
                ("body", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            "Note",
            [
                ("id", _key()),
                ("text", models.CharField(max_length=200)),
                ("written", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    )
