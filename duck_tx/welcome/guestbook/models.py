"""What visitors leave behind."""

from __future__ import annotations

from django.db import models

#: Entries kept; the oldest go first, so that a page anyone can write to does not fill a disk.
KEPT = 500


class Entry(models.Model):
    """One line in the guest book."""

    name = models.CharField(max_length=40)
    message = models.CharField(max_length=280)
    written = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ("-written", "-pk")
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def forget_oldest() -> None:
    """Delete what is beyond :data:`KEPT`."""
    first_to_go = Entry.objects.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1]
    for pk in first_to_go:
        Entry.objects.filter(pk__lte=pk).delete()
