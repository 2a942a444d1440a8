"""The guest book in the admin."""

from __future__ import annotations

from django.contrib import admin

from duck_tx.welcome.guestbook.models import Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    """Entries, newest first."""

    list_display = ("name", "message", "written")
    search_fields = ("name", "message")
    date_hierarchy = "written"
    readonly_fields = ("written",)
