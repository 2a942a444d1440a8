"""What the list page lists, and what the form writes."""

from __future__ import annotations

from django.db import models


class Article(models.Model):
    """A line of the list page. The data migration writes twenty-five."""

    title = models.CharField(max_length=120)
    author = models.CharField(max_length=80)
    body = models.TextField()

    def __str__(self) -> str:
        return str(self.title)


class Note(models.Model):
    """What somebody sent with the form."""

    text = models.CharField(max_length=200)
    written = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.text)
