"""Views of micro apps: functions from a Django request to an answer.

This module imports Django, so it is imported only where there is a view.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished
from django.http import Http404, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix
from twisted.logger import Logger

from duck_tx.gateway.project import SETTINGS_VARIABLE
from duck_tx.http.response import error_text

__all__ = ["ViewApplication", "answer_of", "configure", "fields_of", "refusal", "trouble_page"]

_log = Logger()

_REFUSALS: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((Http404,), 404, "There is no such page."),
    ((PermissionDenied,), 403, "This page is not for everybody."),
    ((BadRequest, SuspiciousOperation, MultiPartParserError), 400, "This request cannot be understood."),
)


def configure() -> None:
    """Give Django settings, all at their defaults, where nobody has done so and no variable names any.

    Its requests and responses need some.  A micro app that stands alone answers for any host.
    """
    if not settings.configured and not os.environ.get(SETTINGS_VARIABLE):
        # For this process alone: what is signed here is worth nothing to others.
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY=secrets.token_urlsafe(48))


def answer_of(found: object, who: str) -> Any:
    """The Django response for what a view has returned.

    :param found: a response of Django's; text or bytes, the body of a page in HTML; a dict or a list, sent as JSON.
    :param who: the view, for the message.
    :raises TypeError: if it is none of these.
    """
    if isinstance(found, HttpResponseBase):
        # As a handler of Django's does it for a TemplateResponse.
        render = getattr(found, "render", None)
        return render() if callable(render) else found
    if isinstance(found, (str, bytes)):
        return HttpResponse(found)
    if isinstance(found, (Mapping, list)):
        return JsonResponse(found, safe=False)
    raise TypeError(
        f"{who} returned {type(found).__name__}; a view returns str or bytes, a dict or list for JSON, or a response of"
        " Django's"
    )


def refusal(error: Exception) -> Any:
    """The response where a view has refused its request with one of Django's exceptions; ``None`` for any other.

    What is suspicious, such as a host that ``ALLOWED_HOSTS`` has not, goes to the log that Django has for it.
    """
    if isinstance(error, SuspiciousOperation):
        logging.getLogger(f"django.security.{type(error).__name__}").error("%s", error)
    for kinds, code, sentence in _REFUSALS:
        if isinstance(error, kinds):
            return HttpResponse(error_text(code, sentence), status=code, content_type="text/plain; charset=utf-8")
    return None


def trouble_page(request: Any) -> Any:
    """Django's page about the exception that is being handled, with its traceback, for people who may see it."""
    from django.views.debug import technical_500_response

    about = sys.exc_info()
    try:
        return technical_500_response(request, *about)
    except Exception:
        # It shows settings, and these may be incomplete.
        text = "".join(traceback.format_exception(*about))
        return HttpResponse(text, status=500, content_type="text/plain; charset=utf-8")


def fields_of(response: Any) -> list[tuple[str, str]]:
    """The header fields of a response, cookies among them."""
    return [*response.items(), *(("Set-Cookie", each.output(header="")) for each in response.cookies.values())]


class ViewApplication(WSGIHandler):
    """One view as a WSGI application: Django's own, without URLs and middleware.

    Connections to databases are looked after as around any request of Django's.

    :param view: gets a ``django.http.HttpRequest`` and returns what :func:`answer_of` takes.
    :param who: its name in messages.
    :param is_debug: asked when it has failed: whether whoever asked may see the traceback.
    """

    def __init__(self, view: Callable[[Any], object], who: str, is_debug: Callable[[], bool]) -> None:
        # Without a call of the inherited one, which would load the middleware of a project.
        self._view = view
        self._who = who
        self._is_debug = is_debug

    def get_response(self, request: WSGIRequest) -> Any:
        """What the view answers; what it raises in the end is for the gateway to log."""
        # Names of the project's URLs are for its own pages, wherever this app is mounted.
        set_script_prefix("/")
        try:
            return answer_of(self._view(request), self._who)
        except Exception as error:
            refused = refusal(error)
            if refused is not None:
                return refused
            if not self._is_debug():
                # What is left over of the request, connections to databases for one, is put away as after any response.
                request_finished.send(sender=type(self))
                raise
            _log.failure("{method} {path}: {who} failed", method=request.method, path=request.path, who=self._who)
            return trouble_page(request)
