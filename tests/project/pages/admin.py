"""The models in the admin."""

from __future__ import annotations

from django.contrib import admin

from pages.models import Article, Note


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    """Articles, with what an admin list usually has."""

    list_display = ("title", "author")
    list_filter = ("author",)
    search_fields = ("title",)


admin.site.register(Note)
