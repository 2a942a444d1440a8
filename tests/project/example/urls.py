"""Where the views of the example project are."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from pages import views, wire

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="pages/login.html"), name="login"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("login-required", views.login_required_page, name="login-required"),
    path("hello", views.hello),
    path("json", views.json),
    path("page", views.page, name="page"),
    path("page/<int:pk>", views.article, name="article"),
    path("form", views.form, name="form"),
    path("cookies", views.cookies),
    path("error", views.error),
    path("sleep", views.sleep),
    path("threads", views.threads),
    path("bytes/<int:count>", wire.some_bytes),
    path("upload", wire.upload),
    path("upload-to-media", wire.upload_to_media),
    path("echo", wire.echo),
    path("echo/<path:rest>", wire.echo),
    path("stream", wire.stream),
    path("file", wire.file),
    path("split-response", wire.split_response),
]
