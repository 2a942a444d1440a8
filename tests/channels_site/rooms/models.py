"""What the list page lists."""

from __future__ import annotations

from django.db import models


class Saying(models.Model):
    """A line of the list page. The data migration writes twenty-five."""

    text = models.CharField(max_length=120)
    author = models.CharField(max_length=80)

    def __str__(self) -> str:
        return str(self.text)
