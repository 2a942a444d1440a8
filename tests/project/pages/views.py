"""Pages as a site has them: text, JSON, a list from the database, a form, a login."""

from __future__ import annotations

import threading
import time

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from pages.models import Article, Note


def hello(request: HttpRequest) -> HttpResponse:
    """The least that a view can do."""
    return HttpResponse("Hello, world!", content_type="text/plain")


def json(request: HttpRequest) -> JsonResponse:
    """A small document as an API gives it."""
    return JsonResponse({"message": "Hello, world!", "numbers": list(range(20)), "nested": {"ok": True}})


def page(request: HttpRequest) -> HttpResponse:
    """Twenty articles: one query, one template that extends another, a loop, forty values to escape."""
    articles = Article.objects.all()[:20]
    return render(request, "pages/list.html", {"articles": articles, "heading": "First & best"})


def article(request: HttpRequest, pk: int) -> HttpResponse:
    """One article, or 404."""
    return render(request, "pages/article.html", {"article": get_object_or_404(Article, pk=pk)})


class NoteForm(forms.ModelForm):
    """The form of :func:`form`."""

    class Meta:
        model = Note
        fields = ("text",)


def form(request: HttpRequest) -> HttpResponse:
    """A form with a CSRF token that writes a row, and a session that counts the visits."""
    if request.method == "POST":
        note = NoteForm(request.POST)
        if note.is_valid():
            note.save()
            return redirect("form")
    else:
        note = NoteForm()
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    notes = Note.objects.order_by("-pk")[:10]
    return render(request, "pages/form.html", {"form": note, "visits": visits, "notes": notes})


@login_required
def login_required_page(request: HttpRequest) -> HttpResponse:
    """Who is logged in; anybody else is sent to the login page."""
    return HttpResponse(f"Hello, {request.user.get_username()}!", content_type="text/plain")


def cookies(request: HttpRequest) -> HttpResponse:
    """Two cookies, so two Set-Cookie lines."""
    response = HttpResponse("Two cookies.", content_type="text/plain")
    response.set_cookie("first", "1", max_age=60)
    response.set_cookie("second", "2", httponly=True, samesite="Lax")
    return response


def error(request: HttpRequest) -> HttpResponse:
    """An exception that no view catches."""
    raise RuntimeError("this view always fails")


def sleep(request: HttpRequest) -> HttpResponse:
    """Keeps its thread for ``?s=`` seconds (default 1)."""
    seconds = float(request.GET.get("s", "1"))
    time.sleep(seconds)
    return HttpResponse(f"Slept {seconds:g} s.", content_type="text/plain")


def threads(request: HttpRequest) -> JsonResponse:
    """The thread that this view runs on, and how many there are."""
    return JsonResponse({"thread": threading.current_thread().name, "count": threading.active_count()})
