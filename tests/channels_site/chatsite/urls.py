"""Where the views of the chat are."""

from __future__ import annotations

from django.urls import path

from rooms import views

urlpatterns = [
    path("hello", views.hello),
    path("page", views.page, name="page"),
    path("room/<slug:name>", views.room, name="room"),
    path("events", views.events),
    path("events/open", views.open_events),
]
