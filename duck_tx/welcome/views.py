"""The pages of the welcome project."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.request import split_domain_port
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views import defaults
from django.views.decorators.http import require_POST, require_safe

from duck_tx.welcome import facts
from duck_tx.welcome.guestbook.forms import EntryForm
from duck_tx.welcome.guestbook.models import Entry, forget_oldest

#: Entries on the page.
_SHOWN = 8


@require_safe
def welcome(request: HttpRequest) -> HttpResponse:
    """What is running, how this request came here, what to try next, and the guest book."""
    return _page(request, EntryForm(initial={"name": request.session.get("name", "")}, label_suffix=""))


@require_POST
def sign(request: HttpRequest) -> HttpResponse:
    """Write into the guest book, and show it."""
    form = EntryForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _page(request, form, status=422)
    entry = form.save()
    forget_oldest()
    request.session["name"] = entry.name
    request.session["signed"] = [*request.session.get("signed", []), entry.pk][-50:]
    messages.success(request, f"Thank you, {entry.name}. It is in the database now.")
    return redirect(reverse("welcome") + "#guestbook")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A host name that is not allowed, and how to allow it; anything else as Django says it."""
    if not isinstance(exception, DisallowedHost):
        return defaults.bad_request(request, exception)
    name, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
    return HttpResponseBadRequest(render_to_string("welcome/bad_request.html", {"host": name}))


def _page(request: HttpRequest, form: EntryForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "entries": Entry.objects.all()[:_SHOWN],
        "count": Entry.objects.count(),
        "signed": request.session.get("signed", ()),
        "versions": facts.versions(),
        "process": facts.process(),
        "uptime": facts.uptime(),
        "way": facts.way(request.META),
        "address": request.build_absolute_uri("/"),
        "superuser_command": facts.superuser_command(request.META),
    }
    return render(request, "welcome/index.html", context, status=status)
