"""The guest book's only table."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """As ``makemigrations`` would write it."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            "Entry",
            [
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=40)),
                ("message", models.CharField(max_length=280)),
                ("written", models.DateTimeField(auto_now_add=True, db_index=True)),
            ],
            options={"ordering": ("-written", "-pk"), "verbose_name_plural": "entries"},
        ),
    )
