"""Where the pages of the welcome project are."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import path

from duck_tx.welcome import views

urlpatterns = [
    path("", views.welcome, name="welcome"),
    path("guestbook", views.sign, name="sign"),
    path("admin/", admin.site.urls),
    # A server that serves static files itself never asks this; with content.static off, looks remain.
    path("static/<path:path>", serve, {"insecure": True}),
]

handler400 = "duck_tx.welcome.views.bad_request"
